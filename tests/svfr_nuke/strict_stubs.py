"""Read the public stubs of Nuke's Python (types-nuke, MIT) into tables of names and signatures.

The stubs are read where pip installed them; nothing of them is copied into this project. What a table does
not hold does not exist for the fake.
"""

import ast
import inspect
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

Signatures = list[inspect.Signature]


@dataclass
class ClassStub:
    """One class: its bases within the stubs, signatures by method, names of attributes."""

    name: str
    bases: list[str]
    methods: dict[str, Signatures] = field(default_factory=dict)
    attributes: set[str] = field(default_factory=set)


@dataclass
class ModuleStub:
    """What one module offers."""

    functions: dict[str, Signatures] = field(default_factory=dict)
    classes: dict[str, ClassStub] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)

    def names(self) -> set[str]:
        return set(self.functions) | set(self.classes) | self.values

    def method(self, cls: str, name: str) -> Signatures | None:
        """Return the signatures of a method, looked up through the bases; None if there is none."""
        stub = self.classes.get(cls)
        if stub is None:
            return None
        if name in stub.methods:
            return stub.methods[name]
        return next((found for base in stub.bases if (found := self.method(base, name)) is not None), None)

    def attributes(self, cls: str) -> set[str]:
        """Return the data attributes of a class with those of its bases."""
        stub = self.classes.get(cls)
        if stub is None:
            return set()
        return stub.attributes.union(*(self.attributes(base) for base in stub.bases))

    def members(self, cls: str) -> set[str]:
        """Return every method and attribute of a class with those of its bases."""
        stub = self.classes.get(cls)
        if stub is None:
            return set()
        inherited: set[str] = set().union(*(self.members(base) for base in stub.bases))
        return inherited | set(stub.methods) | stub.attributes


def stub_folder() -> Path:
    """Return the folder ``nuke-stubs`` of the installed distribution types-nuke."""
    files = metadata.files("types-nuke") or []
    one = next(file for file in files if file.name == "_nuke.pyi")
    return Path(str(one.locate())).parent


@cache
def load(module: str = "__init__") -> ModuleStub:
    """Return the table of ``nuke`` itself, or of a submodule such as ``rotopaint``."""
    table = ModuleStub()
    _read(module, table)
    return table


def _read(module: str, table: ModuleStub) -> None:
    tree = ast.parse((stub_folder() / f"{module}.pyi").read_text(encoding="utf-8"))
    for statement in tree.body:
        if isinstance(statement, ast.ImportFrom) and statement.level == 1 and statement.module:
            _import(statement, table)
        elif isinstance(statement, ast.FunctionDef):
            table.functions.setdefault(statement.name, []).append(_signature(statement))
        elif isinstance(statement, ast.ClassDef):
            table.classes[statement.name] = _class(statement)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            table.values.add(statement.target.id)
        elif isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Name):
            for target in statement.targets:
                if isinstance(target, ast.Name) and statement.value.id in table.functions:
                    table.functions[target.id] = table.functions[statement.value.id]


def _import(statement: ast.ImportFrom, table: ModuleStub) -> None:
    assert statement.module
    other = ModuleStub()
    _read(statement.module, other)
    if any(alias.name == "*" for alias in statement.names):
        wanted = other.names()
    else:
        wanted = {alias.name for alias in statement.names}
        # bases outside the imported names are still needed to know what is inherited
        for name in sorted(wanted & set(other.classes)):
            wanted |= set(_ancestors(other, name))
    for name in wanted:
        if name in other.functions:
            table.functions[name] = other.functions[name]
        elif name in other.classes:
            table.classes[name] = other.classes[name]
        elif name in other.values:
            table.values.add(name)


def _ancestors(table: ModuleStub, name: str) -> list[str]:
    stub = table.classes.get(name)
    return [] if stub is None else [a for base in stub.bases for a in (base, *_ancestors(table, base))]


def _class(node: ast.ClassDef) -> ClassStub:
    stub = ClassStub(node.name, [base.id for base in node.bases if isinstance(base, ast.Name)])
    for item in node.body:
        if isinstance(item, ast.FunctionDef):
            stub.methods.setdefault(item.name, []).append(_signature(item, drop_first=True))
        elif isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            stub.attributes.add(item.target.id)
    return stub


def _signature(node: ast.FunctionDef, drop_first: bool = False) -> inspect.Signature:
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    first_default = len(plain) - len(given.defaults)
    kinds = inspect.Parameter
    parameters: list[inspect.Parameter] = []
    for index, argument in enumerate(plain):
        default: Any = None if index >= first_default else kinds.empty
        parameters.append(kinds(argument.arg, kinds.POSITIONAL_OR_KEYWORD, default=default))
    if given.vararg:
        parameters.append(kinds(given.vararg.arg, kinds.VAR_POSITIONAL))
    for argument, value in zip(given.kwonlyargs, given.kw_defaults, strict=True):
        default = kinds.empty if value is None else None
        parameters.append(kinds(argument.arg, kinds.KEYWORD_ONLY, default=default))
    if given.kwarg:
        parameters.append(kinds(given.kwarg.arg, kinds.VAR_KEYWORD))
    if drop_first and parameters and parameters[0].kind is kinds.POSITIONAL_OR_KEYWORD:
        parameters = parameters[1:]
    return inspect.Signature(parameters)


def check_call(name: str, signatures: Signatures, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Raise TypeError unless one of the overloads takes these arguments."""
    for signature in signatures:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        return
    raise TypeError(f"{name} takes {' or '.join(map(str, signatures))}, not {args!r} {kwargs!r}")
