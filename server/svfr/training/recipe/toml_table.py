"""One table of a TOML file as a frozen dataclass, read strictly."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from svfr.training.errors import RecipeInvalid

T = TypeVar("T")


def read_table(kind: type[T], body: object, where: str) -> T:
    """Return ``kind`` built from a parsed table; keys with a default may be absent.

    Raises RecipeInvalid naming ``where``, every missing and unknown key, values of a wrong type, and what the
    dataclass itself refuses.
    """
    if not isinstance(body, Mapping):
        raise RecipeInvalid(f"{where} must be a table, not {body!r}.")
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    names = {field.name for field in fields}
    needed = {f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING}
    missing, unknown = sorted(needed - body.keys()), sorted(body.keys() - names)
    if missing or unknown:
        raise RecipeInvalid(f"{where}: missing {missing}, unknown {unknown}")
    values = {name: tuple(v) if isinstance(v, list) else v for name, v in body.items()}
    hints = typing.get_type_hints(kind)
    wrong = [f"{name} = {value!r}" for name, value in values.items() if not _fits(value, hints[name])]
    if wrong:
        raise RecipeInvalid(f"{where}: values of a wrong type: {', '.join(wrong)}")
    try:
        return kind(**values)
    except RecipeInvalid:
        raise
    except ValueError as error:
        raise RecipeInvalid(f"{where}: {error}") from error


def _fits(value: object, hint: Any) -> bool:
    """Say whether a parsed value is of an annotated type; whole numbers are numbers, booleans are not."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        inner = arguments[:1] * len(value) if arguments[-1:] == (...,) else arguments
        return len(inner) == len(value) and all(map(_fits, value, inner))
    if origin is not None:  # a mapping
        return isinstance(value, Mapping) and all(_fits(v, arguments[-1]) for v in value.values())
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)
