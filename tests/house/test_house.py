"""The house rules that no linter knows: floors, no traces of one machine, one place for each thing."""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["importlinter"]["root_packages"]
MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(?:work|farm|root|home|tmp|Users)/[\w.-]")
REGISTRIES = re.compile(r"\b(?:pypi|pythonhosted|npmjs|crates|rubygems|anaconda)\.(?:org|com|io)\b")


def tracked() -> list[Path]:
    """The files of the project: what git knows, or, in an unpacked archive, everything that is not hidden."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    hidden = re.compile(r"^(\.|__pycache__|.*\.egg-info$)")
    found = [path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file()]
    return [ROOT / path for path in found if not any(hidden.match(part) for part in path.parts)]


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" not in data[:8000] and path != Path(__file__):
            found.append((path.relative_to(ROOT), data.decode("utf-8")))
    return found


@pytest.mark.parametrize("pattern", [MACHINE_PATHS, REGISTRIES], ids=["machine paths", "registry hosts"])
def test_no_tracked_file_tells_where_it_was_written(pattern: re.Pattern[str]) -> None:
    found = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


def test_the_floors_hold() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_every_package_is_typed() -> None:
    folders = [path for top in ("plugin", "server", "ocio", "installer") for path in (ROOT / top).iterdir()]
    found = {path.name: path for path in folders if path.name in PACKAGES}
    assert sorted(found) == sorted(PACKAGES)
    assert [name for name, path in found.items() if not (path / "py.typed").is_file()] == []


def test_modules_that_tests_share_have_names_of_their_own() -> None:
    """They are found by name in several folders; test files may repeat, since those are loaded by path."""
    folders = [
        ROOT / name for name in PROJECT["tool"]["pytest"]["ini_options"]["pythonpath"] if "tests" in name
    ]
    counts = Counter(path.name for folder in folders for path in folder.glob("*.py"))
    shared = {name: count for name, count in counts.items() if count > 1 and name != "conftest.py"}
    assert {name for name in shared if not name.startswith("test_")} == set()


def test_nothing_heavy_is_imported_by_the_command_line_or_the_supervisor() -> None:
    heavy = "{'torch', 'diffusers', 'cv2', 'av', 'OpenImageIO', 'PyOpenColorIO'}"
    code = (
        f"import sys, svfr_cli.main, svfr_server.supervisor.loop; print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
