"""The README is one screen: what it is, a picture, two commands, and a line for each place to work in."""

import re
from pathlib import Path

import cv2
import pytest
from document_commands import problem_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURE = re.search(r"!\[[^\]]+\]\(([^)]+)\)", PAGE)
ROWS = dict(re.findall(r"(?m)^\| \*\*(?:an? )?([^*]+)\*\* \| (.+) \|$", PAGE))
COMMANDS = [words for row in ROWS.values() for words in re.findall(r"`(svfr [a-z][^`]*)`", row)]


def test_it_fits_a_screen() -> None:
    """The bounds of a page that is about as high as a screen in the column that repositories show it in."""
    assert PICTURE is not None
    picture = cv2.imread(str(ROOT / PICTURE[1]))
    assert picture is not None
    height, width = picture.shape[:2]
    assert height < 0.5 * width
    assert len(PAGE.splitlines()) <= 40 and len(PAGE.split()) <= 360


def test_picture_commands_and_places_stand_in_that_order() -> None:
    assert PICTURE is not None
    commands = re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    assert commands is not None and len(commands[1].splitlines()) == 2
    assert PICTURE.start() < commands.start() < PAGE.index("| **Blender**")
    assert list(ROWS) == ["Blender", "Nuke", "OpenFX host", "terminal", "render farm", "Python", "browser"]
    assert all("](docs/" in row for row in ROWS.values())


def test_figures_live_elsewhere() -> None:
    assert re.findall(r"\d+(?:\.\d+)? ?(?:dB|%|s\b|fps|GB|MB)", PAGE) == []
    assert "](docs/results.md)" in PAGE


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_table_is_one(command: str) -> None:
    assert problem_of(command) is None


def test_the_table_has_a_command_for_every_place_but_python() -> None:
    assert len(COMMANDS) == 7
