"""No two files import each other: where they do, one of them is in the wrong room or half of another idea."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("plugin", "server", "ocio", "installer")


def modules() -> dict[str, Path]:
    """Every module of the project by its dotted name; a package goes by its ``__init__``."""
    found = {}
    for floor in FLOORS:
        for path in (ROOT / floor).rglob("*.py"):
            parts = list(path.relative_to(ROOT / floor).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: set[str]) -> set[str]:
    """The known modules that a file imports, wherever in the file, for types alone too."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names} | {base}
    return (found & known) - {name}


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


def test_no_two_files_import_each_other() -> None:
    found = modules()
    assert len(found) > 300
    graph = {name: imports(name, path, set(found)) for name, path in found.items()}
    # what a package's face gathers from its rooms is its face's business
    pairs = [pair for pair in circles(graph) if not pair[1].startswith(pair[0] + ".")]
    assert pairs == []
