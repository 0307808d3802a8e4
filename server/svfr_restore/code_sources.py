"""Which sources decide what sampling and the survey compute: their own, and all of ours that they may import.

What is kept lies under the key of the code that made it. Of sampling that is the package ``svfr``, but for
training, of the survey its module; and every module of this project that one of these names in an import: at
the top, inside a function, or as a text given to ``import_module``. So a module that moves into a package of
its own stays in the key. The modules that happen to be loaded would not do, since a lazy import may come
after the key was made; nor would all packages of the project, since a change of the service must not cost a
shot its checkpoints.

Read from the syntax tree alone: nothing is imported for it.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path

OURS = "svfr"
"""Every package of the project has a name that begins so."""
_NOT_SAMPLED = ("svfr.training",)
_SURVEY = "svfr_restore.plan.survey"


@cache
def method_sources() -> tuple[tuple[str, bytes], ...]:
    """Return the dotted names and the bytes of every module that sampling may run, sorted."""
    return imported_sources("svfr", _NOT_SAMPLED)


@cache
def survey_sources() -> tuple[tuple[str, bytes], ...]:
    """Return the names and bytes of every module that the survey of a plate may run, decoding too, sorted."""
    return _reached([_SURVEY])


def imported_sources(package: str, left_out: Collection[str]) -> tuple[tuple[str, bytes], ...]:
    """Return the modules of ``package`` and what of ours they import, and those again, as names and bytes.

    ``left_out`` are rooms of the package that are followed only where one of the others imports them.
    """
    return _reached(name for name in _modules(package) if not _is_inside(name, left_out))


def _reached(modules: Iterable[str]) -> tuple[tuple[str, bytes], ...]:
    """Return these modules and what of ours they may import, and those again, as names and bytes, sorted."""
    found: dict[str, bytes] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = None if name in found else _path_of(name)
        if path is None:
            continue
        found[name] = path.read_bytes()
        home = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for imported in _imports(ast.parse(found[name]), home):
            if imported.startswith(OURS):
                # the faces of the packages around a module run before it
                parts = imported.split(".")
                waiting += [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
    return tuple(sorted(found.items()))


def _imports(tree: ast.AST, home: str) -> Iterator[str]:
    """Yield the absolute names of what a module of the package ``home`` may import while it runs."""
    for node in _run(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
                yield from _lazy_homes(alias.name).values()  # any of them may be asked for as an attribute
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), home)
            yield base
            for alias in node.names:
                yield _lazy_homes(base).get(alias.name, f"{base}.{alias.name}")
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            yield from (resolve_name(text, home) for text in texts[:1] if isinstance(text, str))


def _run(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every node but those that only a type checker reads."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        inner: list[ast.AST] = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            inner = list(node.orelse)
        waiting += inner


def _called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


@cache
def _lazy_homes(package: str) -> Mapping[str, str]:
    """Return in which module each public name of a package lives, where ``lazy_names`` loads them."""
    path = _path_of(package) if package.startswith(OURS) else None
    if path is None or path.name != "__init__.py":
        return {}
    for node in ast.walk(ast.parse(path.read_bytes())):
        if (
            isinstance(node, ast.Call)
            and _called(node) == "lazy_names"
            and isinstance(node.args[-1], ast.Dict)
        ):
            homes = ast.literal_eval(node.args[-1])
            return {name: resolve_name(home, package) for name, home in homes.items()}
    return {}


def _is_inside(name: str, rooms: Collection[str]) -> bool:
    return any(f"{name}.".startswith(f"{room}.") for room in rooms)


def _modules(package: str) -> Iterator[str]:
    """Yield the dotted names of all modules of a package."""
    for folder in _folders(package):
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])


@cache
def _folders(package: str) -> tuple[Path, ...]:
    """Return where a top-level package lies; nothing is imported to find it."""
    spec = find_spec(package)
    return tuple(Path(folder) for folder in (spec.submodule_search_locations if spec else None) or ())


def _path_of(name: str) -> Path | None:
    """Return the file of a module or of a package's face; None for what is neither, such as a class."""
    top, *parts = name.split(".")
    if not parts:
        spec = find_spec(top)
        return Path(spec.origin) if spec and spec.origin else None
    for folder in _folders(top):
        place = folder.joinpath(*parts)
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None
