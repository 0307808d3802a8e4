"""Frozen dataclasses to plain JSON values and back, strictly.

``from_plain`` names every unknown key, every missing key and every value of a wrong type in one error, so
that whoever wrote the data can fix it in one go. It understands what the messages use: ``str``, ``int``,
``float``, ``bool``, ``Any``, ``Optional[X]``, ``Tuple[X, ...]``, ``Mapping``, ``Literal``, string enums,
dataclasses and classes with ``to_json`` and ``from_json`` of their own (the masks). The server checks the
same classes with pydantic; hosts, which carry the standard library only, use this module.
"""

import dataclasses
import enum
import functools
import hashlib
import json
import os
import sys
import types
from typing import (
    Any,
    ClassVar,
    Dict,
    List,
    Literal,
    Mapping,
    Tuple,
    Type,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from .errors import BadRecord, NotCanonical, SvfrError
from .reasons import in_one_line

T = TypeVar("T")
_LARGEST = sys.float_info.max  # no infinity, no NaN, and no whole number beyond them: JSON has none
# `X | Y`, which the server side may write; before Python 3.10 there is none.
_X_OR_Y = getattr(types, "UnionType", Union)


def to_plain(value: Any) -> Any:
    """Return ``value`` as dicts, lists, strings, numbers, booleans and None; fields keep their order."""
    if isinstance(value, enum.Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _nested(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _nested(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_nested(item) for item in value]
    return str(value) if isinstance(value, os.PathLike) else value


def _nested(value: Any) -> Any:
    own = getattr(value, "to_json", None)
    return own() if callable(own) else to_plain(value)


def from_plain(kind: Type[T], data: Any, name: str = "") -> T:
    """Build the dataclass ``kind`` from plain ``data``.

    ``name`` says what is read ("job", "reply") and leads every complaint. Raises :class:`BadRecord` naming
    all unknown keys, missing keys and wrong types together.
    """
    complaints: List[str] = []
    value = _build(kind, data, name or kind.__name__, complaints)
    if complaints:
        raise BadRecord("; ".join(complaints) + ".", remedy="Correct what is named, or make the file anew.")
    return value


def known_part(kind: Type[Any], data: Mapping[str, Any]) -> Dict[str, Any]:
    """Return only the keys of ``data`` that ``kind`` has: how a client reads a newer server's replies."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {key: value for key, value in data.items() if key in names}


def _build(kind: Any, data: Any, where: str, complaints: List[str]) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin is Union or origin is _X_OR_Y:
        if data is None and type(None) in arguments:
            return None
        inner = [argument for argument in arguments if argument is not type(None)]
        return _build(inner[0], data, where, complaints)
    if origin is Literal:
        return _check(data in arguments, data, "one of " + ", ".join(arguments), where, complaints)
    if origin is tuple:
        return _build_tuple(arguments, data, where, complaints)
    if origin is not None:
        return _build_mapping(arguments, data, where, complaints)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        names = [member.value for member in kind]
        _check(data in names, data, "one of " + ", ".join(names), where, complaints)
        return kind(data) if data in names else None
    if dataclasses.is_dataclass(kind):
        return _build_record(kind, data, where, complaints)
    return _build_scalar(kind, data, where, complaints)


def _build_scalar(kind: Any, data: Any, where: str, complaints: List[str]) -> Any:
    if kind is bool:
        return _check(isinstance(data, bool), data, "true or false", where, complaints)
    if kind is int:
        good = isinstance(data, int) and not isinstance(data, bool)
        return _check(good, data, "a whole number", where, complaints)
    if kind is float:
        good = isinstance(data, (int, float)) and not isinstance(data, bool) and abs(data) <= _LARGEST
        _check(good, data, "a number", where, complaints)
        return float(data) if good else 0.0
    return _check(isinstance(data, kind), data, "text", where, complaints)


def _build_tuple(arguments: Tuple[Any, ...], data: Any, where: str, complaints: List[str]) -> Any:
    if not isinstance(data, (list, tuple)):
        return _check(False, data, "a list", where, complaints)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        kinds: List[Any] = [arguments[0]] * len(data)
    else:
        kinds = list(arguments)
        _check(len(data) == len(kinds), data, f"{len(kinds)} values", where, complaints)
    count = min(len(kinds), len(data))
    return tuple(_build(kinds[i], data[i], f"{where}[{i}]", complaints) for i in range(count))


def _build_mapping(arguments: Tuple[Any, ...], data: Any, where: str, complaints: List[str]) -> Any:
    if not isinstance(data, dict):
        return _check(False, data, "an object", where, complaints)
    return {
        key: _build(arguments[1], item, f"{where}.{in_one_line(key)[:60]}", complaints)
        for key, item in data.items()
    }


def _build_record(kind: Any, data: Any, where: str, complaints: List[str]) -> Any:
    if isinstance(data, kind):
        return data
    own = getattr(kind, "from_json", None)
    if own is not None and not issubclass(kind, Record):
        try:
            return own(data)
        except SvfrError as error:
            complaints.append(f"{where}: {error.message}")
            return None
    if not isinstance(data, dict):
        return _check(False, data, "an object", where, complaints)
    hints = _hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    before = len(complaints)
    complaints += [f"{where}.{key} is unknown" for key in data if key not in fields]
    values: Dict[str, Any] = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _build(hints[name], data[name], f"{where}.{name}", complaints)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            complaints.append(f"{where}.{name} is missing")
    return kind(**values) if len(complaints) == before else None


@functools.cache
def _hints(kind: Any) -> Dict[str, Any]:
    """Return the types of a record's fields; looked up once, for it takes longer than all else."""
    return get_type_hints(kind)


def _check(good: bool, data: Any, wanted: str, where: str, complaints: List[str]) -> Any:
    if not good:
        shown = json.dumps(data, default=str)
        complaints.append(f"{where} should be {wanted}, not {shown[:60]}")
    return data


class Record:
    """Base of the message dataclasses: unknown fields are refused wherever they are read."""

    # Read by pydantic on the server; the client side refuses unknown keys by itself.
    __pydantic_config__: ClassVar[Dict[str, str]] = {"extra": "forbid"}


def canonical_json(value: Any) -> str:
    """Return the one JSON text of ``value``: sorted keys, no spaces, whole floats as integers.

    A job that says ``1`` where another says ``1.0`` is the same job, whichever language wrote it. Raises
    :class:`NotCanonical` for NaN, infinities and values JSON does not know.
    """
    try:
        return json.dumps(_canonical(value), sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as problem:
        raise NotCanonical(
            f"The value has no canonical JSON form: {in_one_line(problem)}.",
            remedy="Leave out NaN, infinities and what is no JSON.",
        ) from problem


def sha256_of(value: Any) -> str:
    """Return the SHA-256, in hexadecimal, of the canonical JSON of ``value`` in UTF-8."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, float) and abs(value) < 2**53 and value == int(value):
        return int(value)
    if isinstance(value, dict):
        return {str(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(item) for item in value]
    return value
