import json
import subprocess
import sys

import pytest

from svfr_client.errors import BadMask
from svfr_client.reasons import Flaw, in_one_line, reason_of


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.json"), "No such file or directory"),
        (OSError(), "the system gives no reason"),
        (BadMask("A shape has no points.", remedy="Draw some."), "A shape has no points"),
        (Flaw("a part has no pixels"), "a part has no pixels"),
        (subprocess.TimeoutExpired("svfr", 30.0), "it did not answer within 30 s"),
        (KeyError("frames"), "its data is damaged"),
        (ValueError("invalid literal for int() with base 10: 'x'"), "its data is damaged"),
    ],
)
def test_a_reason_is_words_for_people(error: Exception, expected: str) -> None:
    assert reason_of(error) == expected


def test_text_that_is_no_json_and_no_utf_8_has_its_place_or_kind() -> None:
    with pytest.raises(ValueError) as caught:
        json.loads('{"a": 1,\n "b" 2}')
    assert reason_of(caught.value) == "it is no JSON from line 2, character 6 on"
    with pytest.raises(ValueError) as caught:
        b"\xff".decode("utf-8")
    assert reason_of(caught.value) == "it is no text in UTF-8"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib")
def test_toml_keeps_the_parsers_words_since_only_they_name_the_place() -> None:
    import tomllib

    with pytest.raises(ValueError) as caught:
        tomllib.loads("a = ")
    assert reason_of(caught.value) == "it is no TOML: Invalid value (at end of document)"


def test_a_librarys_message_becomes_one_short_line() -> None:
    assert in_one_line(RuntimeError("it broke\n  there. ")) == "it broke there"
    assert in_one_line("") == "no reason is given"
    assert len(in_one_line("x" * 999)) == 200
