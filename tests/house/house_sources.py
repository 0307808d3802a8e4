"""What the house tests read: every source of the project, and what the names in it stand for.

A rule that goes by spelling is kept by nobody: ``from os import replace as swap``, ``P = Path`` and
``getattr(os, "rename")`` are what they stand for here.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FLOORS = ("plugin", "server", "ocio", "installer")
UNKNOWN = "?"
# One thing under several names.
_SAME = {
    "_io.open": "open",
    "io.open": "open",
    "codecs.open": "open",
    "posix.rename": "os.rename",
    "posix.replace": "os.replace",
    "posix.open": "os.open",
}


class Names:
    """Where the names of one file come from: its imports, wherever in the file, and its plain aliases.

    ``package`` is the dotted name of the file's package, for relative imports.
    """

    def __init__(self, tree: ast.AST, package: str = "") -> None:
        self._package = package.split(".") if package else []
        self._origins: dict[str, str] = {}
        aliases = []
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    top = alias.name.split(".")[0]
                    self._origins[alias.asname or top] = alias.name if alias.asname else top
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    self._origins[alias.asname or alias.name] = f"{self.base(node)}.{alias.name}"
            elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
                aliases.append(node)
        for _ in range(2):  # an alias of an alias
            for assigned in aliases:
                self._take_alias(assigned)

    def base(self, node: ast.ImportFrom) -> str:
        """Return the module that a ``from`` import names, absolute."""
        above = self._package[: len(self._package) - node.level + 1] if node.level else []
        return ".".join([*above, *([node.module] if node.module else [])])

    def _take_alias(self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        for target in targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=False))
            for name, value in pairs:
                if isinstance(name, ast.Name) and isinstance(value, ast.Name | ast.Attribute | ast.Call):
                    origin = self.origin(value)
                    if origin != UNKNOWN and not origin.endswith(")"):
                        self._origins.setdefault(name.id, origin)

    def origin(self, node: ast.expr | None) -> str:
        """Return the dotted name of what an expression stands for.

        What is not known is ``?``: ``?.write_text`` is a method of a value, ``os.replace`` the function,
        ``pathlib.Path().open`` a method of a new path.
        """
        found = UNKNOWN
        if isinstance(node, ast.Name):
            found = self._origins.get(node.id, node.id if hasattr(builtins, node.id) else UNKNOWN)
        elif isinstance(node, ast.Attribute):
            found = f"{self.origin(node.value)}.{node.attr}"
        elif isinstance(node, ast.Call):
            found = self._of_call(node)
        found = found.removeprefix("builtins.")
        return _SAME.get(found, found)

    def _of_call(self, node: ast.Call) -> str:
        called = self.origin(node.func)
        texts = [arg.value if isinstance(arg, ast.Constant) else None for arg in node.args]
        if called == "getattr" and len(texts) > 1 and isinstance(texts[1], str):
            return f"{self.origin(node.args[0])}.{texts[1]}"
        if called in ("importlib.import_module", "__import__") and texts and isinstance(texts[0], str):
            return texts[0]
        if called == "functools.partial" and node.args:
            return self.origin(node.args[0])
        return UNKNOWN if called == UNKNOWN else f"{called}()"


@dataclass(frozen=True)
class Source:
    """One file: its path from the root, its text, its tree and what its names stand for."""

    path: str
    text: str
    tree: ast.Module
    names: Names


def source_of(text: str, path: str = "example.py", package: str = "") -> Source:
    """Return a text as a source, for the tests of a rule."""
    tree = ast.parse(text)
    return Source(path, text, tree, Names(tree, package))


def module_of(path: Path, floor: str) -> str:
    """Return the dotted name of a file below a floor; a package goes by its ``__init__``."""
    parts = list(path.relative_to(ROOT / floor).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _sources_of(floor: str) -> tuple[Source, ...]:
    found = []
    for path in sorted((ROOT / floor).rglob("*.py")):
        module = module_of(path, floor)
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        text = path.read_text(encoding="utf-8")
        found.append(source_of(text, path.relative_to(ROOT).as_posix(), package))
    return tuple(found)


def sources(*floors: str) -> list[Source]:
    """Return every source of these folders, of :data:`FLOORS` unless others are named."""
    return [source for floor in floors or FLOORS for source in _sources_of(floor)]


def uses(source: Source, wanted: set[str]) -> Iterator[tuple[int, str]]:
    """Yield line and name wherever a source mentions one of the ``wanted`` dotted names, called or not."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom):
            full = {f"{source.names.base(node)}.{alias.name}" for alias in node.names}
            yield from ((node.lineno, name) for name in sorted(full & wanted))
        elif isinstance(node, ast.Name | ast.Attribute | ast.Call):
            origin = source.names.origin(node)
            if origin in wanted:
                yield node.lineno, origin


def imported_modules(source: Source) -> set[str]:
    """Return the dotted names that a source imports: modules, and what it takes out of modules.

    Also what ``importlib.import_module`` and ``__import__`` are given as a text.
    """
    found: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = source.names.base(node)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and source.names.origin(node.func) in (
            "importlib.import_module",
            "__import__",
        ):
            found |= {arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant)}
    return found
