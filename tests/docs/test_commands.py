"""Every `svfr` line of the documents can be typed: the command, its options, as many words as it takes."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from document_commands import problem_of

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "ofx_bridge").rglob("*.md")),
]


def lines() -> Iterator[tuple[str, str]]:
    """The commands in blocks of shell, one line each, with the page they stand in."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                for part in re.sub(r"\s#.*", "", line).split(" ; "):
                    if part.strip().startswith("svfr "):
                        yield page.name, part.strip()


def test_there_are_commands_to_look_at() -> None:
    assert len(list(lines())) > 30


@pytest.mark.parametrize(("page", "line"), sorted(set(lines())))
def test_a_command_of_a_document_can_be_typed(page: str, line: str) -> None:
    assert problem_of(line) is None


@pytest.mark.parametrize(
    "line", ["svfr nothing", "svfr key authorize laptop.pub", "svfr cache", "svfr doctor --none"]
)
def test_a_command_that_cannot_be_typed_is_found(line: str) -> None:
    assert problem_of(line)
