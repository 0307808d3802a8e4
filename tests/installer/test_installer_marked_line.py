"""A line of ours in the user's file: added once, and removed to the last byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svfr_installer import marked_line

LINE = b'import nuke; nuke.pluginAddPath("./svfr")'
FILES = [
    b"",
    b"import nuke\n",
    b"import nuke",
    b"import nuke\r\nnuke.pluginAddPath('./gizmos')\r\n",
    b"import nuke\r\nif True:\r\n    pass",
    b"\xef\xbb\xbf# byte order mark\n",
    b"# latin \xe9\n\n\n",
    b"# svfr-studio is what we use\n",
]


@pytest.mark.parametrize("text", FILES)
def test_adding_and_removing_gives_back_every_byte(text: bytes) -> None:
    with_line = marked_line.add(text, LINE)
    assert marked_line.has(with_line) and LINE in with_line
    assert marked_line.remove(with_line) == text


@given(st.lists(st.sampled_from([b"a = 1", b"", b"    b", b"\xff"])), st.booleans(), st.booleans())
def test_any_file_comes_back(lines: list[bytes], windows: bool, ended: bool) -> None:
    end = b"\r\n" if windows else b"\n"
    text = end.join(lines) + (end if ended and lines else b"")
    assert marked_line.remove(marked_line.add(text, LINE)) == text


@pytest.mark.parametrize("text", FILES)
def test_adding_twice_is_adding_once(text: bytes) -> None:
    once = marked_line.add(text, LINE)
    assert marked_line.add(once, LINE) == once


def test_a_line_of_an_earlier_version_is_replaced() -> None:
    old = marked_line.add(b"a\n", b"nuke.pluginAddPath('/old')")
    assert marked_line.add(old, LINE) == marked_line.add(b"a\n", LINE)


def test_the_line_has_the_files_own_line_end() -> None:
    assert marked_line.add(b"a\r\n", LINE).endswith(marked_line.MARK + b"\r\n")


def test_lines_the_user_added_after_ours_stay() -> None:
    text = marked_line.add(b"a\n", LINE) + b"b\n"
    assert marked_line.remove(text) == b"a\nb\n"


def test_a_file_without_our_line_is_left_alone() -> None:
    assert marked_line.remove(b"a\n# svfr-studio or not\n") == b"a\n# svfr-studio or not\n"
