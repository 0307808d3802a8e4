"""DEVELOPMENT.md is the map of the house: all that it names is there, and its drawing is the contracts'."""

import re
import tomllib
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "DEVELOPMENT.md").read_text(encoding="utf-8")
PLACES = ("plugin", "server", "ocio", "ofx_bridge", "installer", "docs", "tests", "examples")
# What stands between backticks and is a command, a key or a name inside a module.
NO_PLACES = {"build", "code", "identity", "lint-imports", "lazy_names", "model.json", "probe", "svfr-studio"}


def paths() -> set[str]:
    """Every file and folder, and every module without its ending, from the root."""
    found = {path.relative_to(ROOT).as_posix() for place in PLACES for path in (ROOT / place).rglob("*")}
    found |= {*PLACES, "pyproject.toml"}
    return found | {path.removesuffix(".py") for path in found}


def named(text: str) -> list[str]:
    """The places that a text names between backticks, ``{a,b}`` and ``*`` written out one by one."""
    found = []
    for token in re.findall(r"`([^`\s]+)`", text):
        if not re.fullmatch(r"[\w./{},*-]+", token) or token in NO_PLACES:
            continue
        parts = [part.strip("{}").split(",") for part in re.split(r"(\{[^}]*\})", token)]
        found += ["".join(chosen).rstrip("/") for chosen in product(*parts)]
    return found


def is_there(name: str, known: set[str]) -> bool:
    if "*" in name:
        pattern = re.compile(rf"(.*/)?{re.escape(name).replace(re.escape('*'), '[^/]*')}")
        return any(pattern.fullmatch(path) for path in known)
    if name.startswith("svfr_") and "." in name and "/" not in name:  # a dotted name, perhaps of a class
        dotted = name.replace(".", "/")
        return any(is_there(part, known) for part in (dotted, dotted.rpartition("/")[0]))
    return name in known or any(path.endswith(f"/{name}") for path in known)


def test_everything_that_the_page_names_is_there() -> None:
    known, names = paths(), named(PAGE)
    assert len(names) > 90
    assert [name for name in names if not is_there(name, known)] == []


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("`server/svfr/nets`, `{kl_temporal,linear_patch}.py`, `svfr_server/test_service_*.py`", []),
        ("`server/svfr/nest`, `svfr_client.errors.SvfrError`, `svfr_client.faults.F`, `{nets,rooms}`", 3),
    ],
)
def test_a_name_of_nothing_is_found(text: str, missing: object) -> None:
    found = [name for name in named(text) if not is_there(name, paths())]
    assert found == missing or len(found) == missing


def test_the_drawing_has_the_floors_of_the_contract() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = project["tool"]["importlinter"]["contracts"][0]["layers"]
    drawing = PAGE.split("```")[1]
    floors = re.split(r"(?m)^(?=roof|upper|middle|ground|cellar)", drawing)[1:]
    drawn = [set(re.findall(r"\bsvfr(?:_\w+)?\b(?!`)", floor)) for floor in floors]
    assert drawn == [set(layer.split(" | ")) for layer in contract]


def test_the_way_of_a_pixel_goes_through_folders_and_modules() -> None:
    way = PAGE.split("## The way of a pixel")[1].split("```")[1].splitlines()[1]
    known = paths()
    for stop in re.findall(r"\w+", way):
        homes = (f"server/svfr_restore/{stop}", f"ocio/svfr_ocio/{stop}")
        assert any(home in known for home in homes), stop
