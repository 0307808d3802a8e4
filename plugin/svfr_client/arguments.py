"""The arguments of public functions, checked against their own annotations before anything else happens.

Everything wrong with a call is one error in words: a value of another type, a name that the function does not
have, one that is missing. What a value may be beyond its type (a range, a known model) is its function's own
matter, and arrays are: their shapes say more than their type.
"""

import collections.abc
import dataclasses
import difflib
import functools
import inspect
import numbers
import os
import types
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Literal,
    Mapping,
    Tuple,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from .errors import BadArgument, raise_problems

F = TypeVar("F", bound=Callable[..., Any])
_ANY_NUMBER = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
_X_OR_Y = getattr(types, "UnionType", Union)
_WORDS: Mapping[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    type(None): "None",
    os.PathLike: "a path",
}


def checked(function: F) -> F:
    """Let a function refuse arguments that do not fit its annotations, with one :class:`BadArgument`.

    Several are one :class:`~svfr_client.errors.SeveralProblems`. The names in the annotations must be known
    where the function is defined, not for type checkers alone.
    """
    signature = inspect.signature(function)
    *owner, name = function.__qualname__.split(".")
    name = owner[-1] if name == "__init__" else name

    @functools.wraps(function)
    def call(*given: Any, **named: Any) -> Any:
        raise_problems(_name_problems(name, signature, given, named))
        bound = signature.bind(*given, **named)
        own = {
            key: value
            for key, value in bound.arguments.items()
            if signature.parameters[key].kind not in _ANY_NUMBER
        }
        raise_problems(type_problems(own, _hints(function), f"{name}: "))
        return function(*given, **named)

    return cast(F, call)


def unknown_name(name: str, known: Iterable[str], of: str) -> BadArgument:
    """Return the error for an argument that ``of`` does not have."""
    near = difflib.get_close_matches(name, list(known), 1)
    remedy = f"Did you mean {near[0]}?" if near else "It has {}.".format(", ".join(sorted(known)))
    return BadArgument(f"{of} has no argument {name[:60]}.", remedy=remedy)


def type_problems(values: Mapping[str, Any], hints: Mapping[str, Any], where: str = "") -> List[BadArgument]:
    """Return one error for each value that is not of its type, those inside dataclasses too."""
    found: List[BadArgument] = []
    for name, value in values.items():
        kind = hints.get(name, Any)
        if not _fits(value, kind):
            found.append(
                BadArgument(f"{where}{name} is {_shown(value)}.", remedy=f"Give {_described(kind)}.")
            )
            continue
        for place, part in _records_in(value, name):
            inner = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
            record: Any = type(part)
            found += type_problems(inner, _hints(record), f"{where}{place}.")
    return found


def _name_problems(
    name: str, signature: inspect.Signature, given: Tuple[Any, ...], named: Mapping[str, Any]
) -> List[BadArgument]:
    parameters = signature.parameters.values()
    by_place = [one.name for one in parameters if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    takes_more = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)
    known = [one.name for one in parameters if one.name != "self"]
    found = [] if takes_more else [unknown_name(key, known, name) for key in named if key not in known]
    if len(given) > len(by_place):
        text = f"{name} takes {len(by_place)} arguments without their names, not {len(given)}."
        found.append(BadArgument(text, remedy="Name the others: {}.".format(", ".join(known))))
    placed = by_place[: len(given)]
    found += [
        BadArgument(f"{name} is given {key} twice.", remedy="Give it once.") for key in placed if key in named
    ]
    found += [
        BadArgument(f"{name} needs {one.name}.", remedy="Give it.")
        for one in parameters
        if one.default is inspect.Parameter.empty
        and one.kind not in _ANY_NUMBER
        and one.name not in (*placed, *named)
    ]
    return found


@functools.cache
def _hints(owner: Any) -> Dict[str, Any]:
    return get_type_hints(owner)


def _fits(value: Any, kind: Any) -> bool:
    if kind is Any:
        return True
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Union or origin is _X_OR_Y:
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, str)  # what is no known word is named with all that are
    if origin is collections.abc.Callable:
        return callable(value)
    if origin in (tuple, list, collections.abc.Sequence, collections.abc.Iterable):
        return _fits_list(value, inner, origin)
    if origin in (dict, collections.abc.Mapping):
        return isinstance(value, collections.abc.Mapping) and all(
            _fits(name, inner[0]) and _fits(one, inner[1]) for name, one in value.items()
        )
    if origin is not None or not isinstance(kind, type) or getattr(kind, "_is_protocol", False):
        return True
    if kind in (int, float):
        wanted = numbers.Integral if kind is int else numbers.Real
        return isinstance(value, wanted) and not isinstance(value, bool)
    if getattr(type(value), "stands_for", None) == kind.__name__:  # taken for it, without loading it
        return True
    return isinstance(value, os.PathLike if issubclass(kind, os.PathLike) else kind)


def _fits_list(value: Any, inner: Tuple[Any, ...], origin: Any) -> bool:
    if isinstance(value, (str, bytes)) or not isinstance(value, collections.abc.Iterable):
        return False
    if not isinstance(value, (tuple, list)):  # what can be gone through once is not looked at
        return origin is collections.abc.Iterable
    return not inner or all(_fits(one, inner[0]) for one in value)


def _records_in(value: Any, name: str) -> List[Tuple[str, Any]]:
    parts = (
        [(f"{name}[{index}]", one) for index, one in enumerate(value)]
        if isinstance(value, (tuple, list))
        else [(name, value)]
    )
    # A class that reads itself, as a mask or a whole job does, checks itself too.
    return [
        (place, one)
        for place, one in parts
        if dataclasses.is_dataclass(one) and not isinstance(one, type) and not hasattr(one, "from_json")
    ]


def _described(kind: Any) -> str:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Union or origin is _X_OR_Y:
        return " or ".join(dict.fromkeys(map(_described, inner)))
    if origin is Literal:
        return "one of {}".format(", ".join(map(str, inner)))
    if origin is collections.abc.Callable:
        return "a function"
    if origin in (tuple, list, collections.abc.Sequence, collections.abc.Iterable):
        return f"a list, each {_described(inner[0])}" if inner else "a list"
    if origin in (dict, collections.abc.Mapping):
        return "names with their values"
    if isinstance(kind, type) and issubclass(kind, os.PathLike):
        return _WORDS[os.PathLike]
    return _WORDS.get(kind, f"a {getattr(kind, '__name__', 'value')}")


def _shown(value: Any) -> str:
    """Return a value as an error names it: plain ones as they are, others by their type."""
    if value is None or isinstance(value, (bool, int, float)):
        return str(value)[:60]
    return ascii(value)[:60] if isinstance(value, str) else f"a {type(value).__name__}"
