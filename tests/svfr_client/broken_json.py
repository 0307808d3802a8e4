"""What a JSON file can be broken by, for the tests of everything that reads one."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_client.json_files import MOST_BYTES


@dataclass(frozen=True)
class Broken:
    """Bytes that no reader takes, and what it says of them."""

    content: bytes
    reason: str


BROKEN = {
    "cut off": Broken(b'{"format": 1, ', "no JSON"),
    "empty": Broken(b"", "no JSON"),
    "not UTF-8": Broken('{"name": "grün"}'.encode("latin-1"), "no text in UTF-8"),
    "nested deeply": Broken(b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    "endless number": Broken(b'{"a": ' + b"9" * 5000 + b"}", "too many digits"),
    "key twice": Broken(b'{"a": 1, "a": 2}', "stands twice"),
    "huge": Broken(b"", "larger than"),
}


def write_broken(path: Path, kind: str) -> None:
    """Write one of them; the huge one takes no room on the disk."""
    path.write_bytes(BROKEN[kind].content)
    if kind == "huge":
        with path.open("rb+") as file:
            file.truncate(MOST_BYTES + 2)


def check_refused(path: Path, read: Callable[[], object]) -> None:
    """Check that ``read`` raises a typed error with path and remedy for every broken form of its file."""
    for kind in BROKEN:
        write_broken(path, kind)
        try:
            read()
        except SvfrError as error:
            assert str(path) in str(error.path) or str(path.parent) in str(error.path), kind
            assert error.remedy, kind
        else:
            raise AssertionError(f"{kind}: it was read")
    path.write_text('["of", "another", "kind"]')
    try:
        read()
    except SvfrError as error:
        assert error.remedy
    else:
        raise AssertionError("a list was taken for a table")
