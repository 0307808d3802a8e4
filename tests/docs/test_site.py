"""The documents: they build without a warning, and the map of the house names what is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from svfr_cli.error_catalogue import all_codes, entries, installed_folders, project_folders
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
    found, page = entries(project_folders(ROOT)), all_codes(ROOT)
    assert sorted(set(CODE_TO_EXIT) - set(found)) == []
    assert len(found) > 140 and not re.search(r":\w+:`", page)
    assert "svfr key authorize" in page


def test_an_installation_explains_every_code_that_it_can_print() -> None:
    assert sorted(set(CODE_TO_EXIT) - set(entries(installed_folders()))) == []


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


PAGES_OF_THE_SITE = [
    "blender",
    "nuke",
    "openfx",
    "command-line",
    "farm",
    "python",
    "api",
    "protocol",
    "colour",
    "models",
    "training",
    "lab/README",
    "performance",
    "security",
    "troubleshooting",
    "glossary",
    "changelog",
    "decisions/README",
]


def test_the_site_has_a_page_for_every_reader_and_the_glossary_the_words_of_a_job() -> None:
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:")[1]
    assert [page for page in PAGES_OF_THE_SITE if f"- {page}.md" not in nav] == []
    glossary = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = ("mask", "matte", "hole", "reference", "window", "face track", "crop track")
    assert [word for word in words if f"| **{word}** |" not in glossary] == []


def test_every_decision_is_listed_and_says_why() -> None:
    listed = (ROOT / "docs" / "decisions" / "README.md").read_text(encoding="utf-8")
    for name in DECISIONS:
        path = ROOT / name
        title = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")
        assert f"- [{title}]({path.name})" in listed
        assert "\n## Why\n" in path.read_text(encoding="utf-8"), name
