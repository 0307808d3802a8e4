"""The zip: built by Blender's own tool, the same when built without it, complete, no foreign imports."""

import ast
import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from blender_host import VERSIONS, blender_python

from svfr_installer.blender_extension import (
    CLIENT_FOLDER,
    EDITIONS,
    EXTENSION_FOLDER,
    CannotBuildExtension,
    build_extension,
    edition_for,
    find_wheels,
    stage_extension,
    write_archive,
    write_index,
)


def members(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist() if not name.endswith("/")}


def modules(folder: Path) -> list[tuple[str, ast.Module]]:
    return [(file.name, ast.parse(file.read_text(), feature_version=(3, 11))) for file in folder.glob("*.py")]


def test_the_extension_imports_only_itself_blender_and_the_standard_library() -> None:
    allowed = set(sys.stdlib_module_names) | {"bpy", "gpu", "gpu_extras", "PyOpenColorIO", "zmq"}
    for name, tree in modules(EXTENSION_FOLDER) + modules(CLIENT_FOLDER):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert str(node.module).split(".")[0] in allowed, name
            elif isinstance(node, ast.Import):
                assert all(alias.name.split(".")[0] in allowed for alias in node.names), name


def test_importing_the_extension_outside_blender_runs_nothing(tmp_path: Path) -> None:
    stage_extension(tmp_path / "carried", [])
    ask = "import carried, sys; print('bpy' in sys.modules, 'zmq' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", ask], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == ["False", "False"]


def test_the_zip_holds_manifest_modules_client_licence_and_wheels(extension_zip: Path) -> None:
    inside = members(extension_zip)
    manifest = tomllib.loads(inside["blender_manifest.toml"].decode())
    assert manifest["license"] == ["SPDX:GPL-3.0-or-later"]
    assert "linux-x64" in manifest["platforms"]
    assert {f"./{name}" for name in inside if name.startswith("wheels/")} == set(manifest["wheels"])
    assert any("-cp311-cp311-" in wheel and "x86_64" in wheel for wheel in manifest["wheels"])
    assert all("-cp311-cp311-" in wheel for wheel in manifest["wheels"])  # Blender unpacks all of them
    assert (manifest["blender_version_min"], manifest["blender_version_max"]) == ("4.2.0", "5.1.0")
    assert any("PyZMQ" in holder for holder in manifest["copyright"])
    assert {
        f"svfr_client/{file.relative_to(CLIENT_FOLDER).as_posix()}" for file in CLIENT_FOLDER.rglob("*.py")
    } <= set(inside)
    assert {file.name for file in EXTENSION_FOLDER.glob("*.py")} | {"LICENSE"} <= set(inside)
    assert not any("__pycache__" in name for name in inside)


def test_blenders_with_a_newer_python_have_a_zip_of_their_own(extension_zips: dict[str, Path]) -> None:
    manifest = tomllib.loads(members(extension_zips["blender5.1"])["blender_manifest.toml"].decode())
    assert all("-abi3-" in wheel for wheel in manifest["wheels"])
    assert manifest["blender_version_min"] == "5.1.0" and "blender_version_max" not in manifest


@pytest.mark.parametrize(
    ("version", "name"), [((4, 2), "blender4.2-5.0"), ((5, 0), "blender4.2-5.0"), ((5, 1), "blender5.1")]
)
def test_every_version_of_blender_has_its_edition(version: tuple[int, int], name: str) -> None:
    assert edition_for(version).name == name


@pytest.mark.parametrize("abi", ["cp311-cp311", "cp312-abi3"])
def test_a_zip_is_for_every_platform_that_its_wheels_serve(abi: str, tmp_path: Path) -> None:
    tags = {
        "manylinux_2_26_x86_64.manylinux_2_28_x86_64": ["linux-x64"],
        "win_amd64": ["windows-x64"],
        "win_arm64": ["windows-arm64"],
        "macosx_10_15_universal2": ["macos-arm64", "macos-x64"],
    }
    for count in range(1, len(tags) + 1):
        wheels = [tmp_path / f"pyzmq-27.0.0-{abi}-{tag}.whl" for tag in list(tags)[:count]]
        for wheel in wheels:
            wheel.touch()
        staged = stage_extension(tmp_path / f"staged{count}", wheels)
        manifest = tomllib.loads((staged / "blender_manifest.toml").read_text())
        assert manifest["platforms"] == [name for tag in list(tags)[:count] for name in tags[tag]]


def test_equal_files_give_an_equal_archive(tmp_path: Path) -> None:
    staged = stage_extension(tmp_path / "svfr", [])
    write_archive(staged, tmp_path / "a.zip")
    write_archive(staged, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_without_wheels_for_blenders_python_nothing_is_built(tmp_path: Path) -> None:
    with pytest.raises(CannotBuildExtension, match="no pyzmq wheel"):
        find_wheels(EDITIONS[0], tmp_path)


def test_a_tool_that_refuses_is_quoted(tmp_path: Path, extension_zip: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, content in members(extension_zip).items():
        if name.startswith("wheels/"):
            (wheels / Path(name).name).write_bytes(content)
    refusing = [sys.executable, "-c", "import sys; sys.exit('the tagline ends with punctuation')"]
    with pytest.raises(CannotBuildExtension, match="the tagline ends with punctuation"):
        build_extension(tmp_path / "out.zip", wheel_folder=wheels, tool=refusing)


@pytest.mark.hosts
@pytest.mark.parametrize("version", VERSIONS)
def test_blenders_own_tool_builds_the_same_zip_and_finds_nothing_wrong(version: str, tmp_path: Path) -> None:
    library = blender_python(version).parents[1] / "lib"
    script = next(library.glob("python3.*/site-packages/bpy/*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    major, minor = map(int, version.split(".")[:2])
    edition = edition_for((major, minor))
    built = build_extension(tmp_path / "tool.zip", edition=edition, tool=[sys.executable, str(script)])
    staged = stage_extension(tmp_path / "svfr", find_wheels(edition), edition)
    write_archive(staged, tmp_path / "own.zip")
    assert members(built) == members(tmp_path / "own.zip")
    command = [sys.executable, str(script), "validate", str(tmp_path / "own.zip")]
    assert subprocess.run(command, capture_output=True).returncode == 0
    repository = tmp_path / "repository"
    repository.mkdir()
    (tmp_path / "own.zip").rename(repository / "svfr one.zip")
    ours = json.loads(write_index(repository, [repository / "svfr one.zip"]).read_text())
    command = [sys.executable, str(script), "server-generate", "--repo-dir", str(repository)]
    assert subprocess.run(command, capture_output=True).returncode == 0
    theirs = json.loads((repository / "index.json").read_text())
    theirs["data"][0].pop("python_versions", None)  # Blender's own versions, which are stated, say as much
    theirs["data"][0].pop("wheels", None)  # the first 4.2 repeats what the zip's own manifest says
    assert {**theirs, **ours} == theirs
