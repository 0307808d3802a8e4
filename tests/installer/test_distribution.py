"""The wheel and the sdist: they build, install in a fresh environment, and carry what a user needs."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from e2e_service import expect_that_roots_hold
from packaging.requirements import Requirement

from svfr_client.version import VERSION

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The sdist, and the wheel built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def test_the_version_stands_in_one_place() -> None:
    assert "version" in PROJECT["dynamic"] and "version" not in PROJECT
    assert f"## [{VERSION}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    manifest = (ROOT / "plugin" / "svfr_blender" / "blender_manifest.toml").read_text(encoding="utf-8")
    assert not re.search(r"(?m)^version", manifest)


def test_every_requirement_is_locked_to_a_version_that_it_allows() -> None:
    text = (ROOT / "installer" / "constraints.txt").read_text(encoding="utf-8")
    locked = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            locked.setdefault(pin.name.lower(), []).append(str(pin.specifier).removeprefix("=="))
    extras = PROJECT["optional-dependencies"].values()
    for requirement in map(
        Requirement, [*PROJECT["dependencies"], *(one for extra in extras for one in extra)]
    ):
        versions = locked[requirement.name.lower()]
        assert all(requirement.specifier.contains(version) for version in versions), requirement


def test_the_wheel_carries_model_config_and_licences_and_no_tests(distributions: tuple[Path, Path]) -> None:
    sdist, wheel = distributions
    assert f"-{VERSION}" in wheel.name and f"-{VERSION}" in sdist.name
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "svfr/data/models/mini/unet.safetensors" in names
    assert {"LICENSE", "NOTICE"} <= {Path(name).name for name in names}
    assert not [
        name for name in names if name.startswith(("tests/", "benchmarks/", "svfr_nuke/", "svfr_blender/"))
    ]
    with tarfile.open(sdist) as archive:
        members = archive.getnames()
    assert any(name.endswith("/pyproject.toml") for name in members)


@pytest.fixture(scope="module")
def installed(distributions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds our wheel alone, and finds the libraries in the tests' environment."""
    folder = tmp_path_factory.mktemp("installed")
    # this environment's pip installs into the new one, which saves making one there
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    into = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*into, str(distributions[1])], check=True, timeout=300)
    (packages,) = folder.glob("lib/**/site-packages")
    (packages / "libraries.pth").write_text(str(Path(np.__file__).parents[1]) + "\n", encoding="utf-8")
    return folder


def test_the_wheel_runs_in_a_fresh_environment(installed: Path, tmp_path: Path) -> None:
    code = "import svfr, svfr_restore; print(svfr.__file__); print(svfr.load_model('mini').spec.crop_px)"
    environment = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [str(installed / "bin" / "python"), "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    where, side = done.stdout.split()
    assert where.startswith(str(installed)) and side == "192"
    told = subprocess.run(
        [str(installed / "bin" / "svfr"), "--version"],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert told.stdout.strip() == f"svfr {VERSION}"


def test_a_service_from_the_wheel_runs_jobs_within_its_roots(installed: Path, tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    expect_that_roots_hold([installed / "bin" / "svfr"], tmp_path, tmp_path, environment)
