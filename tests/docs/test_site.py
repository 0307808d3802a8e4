"""The documents: they build without a warning, and the map of the house names what is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from error_catalogue import entries, page

from svfr_cli.exit_codes import CODE_TO_EXIT

ROOT = Path(__file__).parents[2]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path / "site"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site" / "troubleshooting" / "index.html").stat().st_size > 50_000


def test_the_page_of_errors_has_every_code_and_no_markup_of_the_sources() -> None:
    found = entries(ROOT)
    assert sorted(set(CODE_TO_EXIT) - set(found)) == []
    assert len(found) > 140 and not re.search(r":\w+:`", page(ROOT))
    assert "svfr key authorize" in page(ROOT)


PAGES = ["DEVELOPMENT.md", "CONTRIBUTING.md", "README.md", "docs/lab/README.md"]
DECISIONS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "decisions").glob("0*.md"))
FLOORS = ("plugin", "server", "ocio", "ofx_bridge", "installer", "docs", "tests", "examples")


@pytest.mark.parametrize("name", [*PAGES, *DECISIONS])
def test_paths_that_a_page_names_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = re.findall(rf"[`(]((?:{'|'.join(FLOORS)})/[\w./-]*)[`)]", text)
    assert named and [path for path in named if not (ROOT / path).exists()] == []


def test_modules_that_a_page_names_are_there() -> None:
    """Beside a whole path a page may name a module alone, or by the end of its path."""
    modules = [path.as_posix() for floor in FLOORS for path in (ROOT / floor).rglob("*.py")]
    missing = []
    for name in [*PAGES, *DECISIONS]:
        for module in re.findall(r"`([\w/]+\.py)`", (ROOT / name).read_text(encoding="utf-8")):
            if not any(path.endswith(f"/{module}") for path in modules):
                missing.append((name, module))
    assert missing == []
