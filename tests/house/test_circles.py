"""No two files import each other: where they do, one of them is in the wrong room or half of another idea."""

import pytest
from house_sources import FLOORS, ROOT, Source, imported_modules, module_of, source_of, sources


def modules() -> dict[str, Source]:
    """Every module of the project by its dotted name; a package goes by its ``__init__``."""
    return {module_of(ROOT / one.path, floor): one for floor in FLOORS for one in sources(floor)}


def imports(name: str, source: Source, known: set[str]) -> set[str]:
    """The known modules that a file imports, wherever in the file, for types alone too."""
    return (imported_modules(source) & known) - {name}


def circles(graph: dict[str, set[str]]) -> list[tuple[str, str]]:
    return sorted((a, b) for a, there in graph.items() for b in there if a < b and a in graph.get(b, set()))


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [("a", "b")]),
    ],
)
def test_a_pair_that_imports_each_other_is_found(
    graph: dict[str, set[str]], expected: list[tuple[str, str]]
) -> None:
    assert circles(graph) == expected


@pytest.mark.parametrize(
    "text",
    [
        "import lab.clips.alignment",
        "from lab.clips import alignment as a",
        "from .alignment import Crop",
        "from . import alignment",
        "def late():\n    from ..clips.alignment import Crop",
        "from importlib import import_module as load\nload('lab.clips.alignment')",
    ],
)
def test_every_way_to_import_is_seen(text: str) -> None:
    assert imports("lab.clips.x", source_of(text, package="lab.clips"), {"lab.clips.alignment"})


def test_no_two_files_import_each_other() -> None:
    found = modules()
    assert len(found) > 300
    graph = {name: imports(name, source, set(found)) for name, source in found.items()}
    # what a package's face gathers from its rooms is its face's business
    pairs = [pair for pair in circles(graph) if not pair[1].startswith(pair[0] + ".")]
    assert pairs == []
