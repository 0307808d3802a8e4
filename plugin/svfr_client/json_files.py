"""JSON from files and other processes, within bounds: the one reader of the project.

What is no JSON, no UTF-8, nested too deeply, endless or larger than its file can honestly be is a ValueError
whose :func:`svfr_client.reasons.reason_of` says so; the caller makes it an error with a path and a remedy.
The server side reads through :mod:`svfr.validation`, which has these functions too.
"""

import json
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Tuple, Union

from .files import open_regular
from .reasons import Flaw, in_one_line

MOST_BYTES = 64 * 1024 * 1024
_MOST_LEVELS = 100
_MOST_BITS = 1024
_TOO_DEEP = "it is nested too deeply"
_TOO_MANY_DIGITS = "a number has too many digits"


def read_json(text: Union[str, bytes]) -> Any:
    """Return the JSON document ``text`` (bytes: UTF-8); raises ValueError, for ``reason_of``.

    Beside what is no JSON, a key that stands twice, deep nesting and endless numbers are refused.
    """
    decoded = text.decode("utf-8") if isinstance(text, bytes) else text
    return within_bounds(lambda: json.loads(decoded, object_pairs_hook=_each_key_once))


def read_json_file(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """Return the JSON document in a file. Raises OSError, and ValueError as :func:`read_json`.

    No more than ``most_bytes`` are ever read, so that a wrong file fills no memory.
    """
    with open_regular(path) as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise Flaw(f"it is larger than {most_bytes} bytes")
    return read_json(data)


def within_bounds(parse: Callable[[], Any]) -> Any:
    """Return what ``parse`` does, unless a step after it (json.dumps, pydantic) could not bear it."""
    try:
        document = parse()
    except RecursionError:
        raise Flaw(_TOO_DEEP) from None
    except ValueError as error:
        if type(error) is ValueError:  # of int(), for more digits than Python converts
            raise Flaw(_TOO_MANY_DIGITS) from None
        raise
    level: List[Any] = [document]
    for _ in range(_MOST_LEVELS):
        if any(isinstance(value, int) and value.bit_length() > _MOST_BITS for value in level):
            raise Flaw(_TOO_MANY_DIGITS)
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return document
    raise Flaw(_TOO_DEEP)


def _each_key_once(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Flaw(f"the key {in_one_line(ascii(twice))} stands twice")
    return found


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
