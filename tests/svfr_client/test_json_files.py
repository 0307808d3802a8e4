"""The one reader of JSON: what is broken has a reason, and nothing fills the memory or the stack."""

import os
from pathlib import Path

import pytest
from broken_json import BROKEN, write_broken

from svfr_client.json_files import MOST_BYTES, read_json, read_json_file
from svfr_client.reasons import reason_of


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, "ü"]}', encoding="utf-8")
    assert read_json_file(path) == {"a": [1, "ü"]} == read_json(path.read_bytes())


@pytest.mark.parametrize("kind", sorted(BROKEN))
def test_what_is_broken_has_a_reason(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.json"
    write_broken(path, kind)
    with pytest.raises(ValueError) as caught:
        read_json_file(path)
    assert BROKEN[kind].reason in reason_of(caught.value)


def test_no_more_is_read_than_was_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[" + " " * 100 + "]")
    assert read_json_file(path, 102) == []
    with pytest.raises(ValueError) as caught:
        read_json_file(path, 101)
    assert reason_of(caught.value) == "it is larger than 101 bytes"
    assert MOST_BYTES == 64 * 1024 * 1024


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are POSIX's")
def test_a_pipe_in_a_files_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in (tmp_path / "pipe", tmp_path / "link", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError) as caught:
            read_json_file(name)
        assert reason_of(caught.value) == "it is no regular file"


def test_a_file_that_is_not_there_is_the_systems_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_json_file(tmp_path / "a.json")
