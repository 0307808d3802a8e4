"""The private folder and the files in it: found by both sides, closed to everybody else."""

import json
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from svfr_client.connection import (
    CLIENT_KEY_FILE,
    CONNECTION_FILE,
    Connection,
    KeyPair,
    check_private,
    find_connection,
    joined_connection,
    make_private_folder,
    read_private,
    require_own_folder,
    service_folder,
    write_private,
)
from svfr_client.errors import BadConnectionFile, FileCannotBeWritten, FolderIsNotPrivate, NoServer

KEYS = KeyPair.new()
CONNECTION = Connection(
    endpoint="tcp://127.0.0.1:5555",
    server_key=KEYS.public,
    keys=KeyPair.new(),
    boot="b" * 32,
    pid=12,
    host="ws1",
)


def test_a_connection_survives_its_file(tmp_path: Path) -> None:
    folder = make_private_folder(tmp_path / "home")
    CONNECTION.save(folder / CONNECTION_FILE)
    assert find_connection(folder) == CONNECTION


def test_the_folder_and_its_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = make_private_folder(tmp_path / "home")
        CONNECTION.save(folder / CONNECTION_FILE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / CONNECTION_FILE).stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_pipe_in_the_place_of_the_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    folder = make_private_folder(tmp_path / "home")
    os.mkfifo(folder / CONNECTION_FILE, 0o600)
    with pytest.raises(BadConnectionFile, match="no regular file"):
        find_connection(folder)


def test_no_half_written_file_is_left_behind(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    (target / "inside").touch()
    with pytest.raises(FileCannotBeWritten):
        write_private(target, "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_without_a_server_the_remedy_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoServer, match="svfr serve"):
        find_connection(tmp_path / "nowhere")
    with pytest.raises(NoServer):
        find_connection(make_private_folder(tmp_path / "empty"))


def test_a_joined_folder_is_no_place_for_a_server(tmp_path: Path) -> None:
    folder = make_private_folder(tmp_path / "box")
    assert require_own_folder(folder) == folder and joined_connection(folder) is None
    write_private(folder / CLIENT_KEY_FILE, "a key")
    with pytest.raises(NoServer, match="svfr key join"):
        require_own_folder(folder)
    for joined in (replace(CONNECTION, pid=0), replace(CONNECTION, pid=1)):
        joined.save(folder / CONNECTION_FILE)
        assert joined_connection(folder) == (joined if joined.pid == 0 else None)
        with pytest.raises(NoServer, match="joined" if joined.pid == 0 else "key of a client"):
            require_own_folder(folder)


def test_a_folder_or_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    folder = make_private_folder(tmp_path / "home")
    CONNECTION.save(folder / CONNECTION_FILE)
    (folder / CONNECTION_FILE).chmod(0o640)
    with pytest.raises(FolderIsNotPrivate, match="chmod 600"):
        find_connection(folder)
    (folder / CONNECTION_FILE).chmod(0o600)
    folder.chmod(0o755)
    for refused in (find_connection, make_private_folder, check_private):
        with pytest.raises(FolderIsNotPrivate, match="chmod 700"):
            refused(folder)


def test_another_users_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_private_folder(tmp_path / "home")
    owner = folder.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    with pytest.raises(FolderIsNotPrivate, match="another user"):
        check_private(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format": 2}',
        json.dumps({"format": 1, "endpoint": "tcp://x"}),
    ],
)
def test_a_damaged_connection_file_is_named(tmp_path: Path, text: str) -> None:
    folder = make_private_folder(tmp_path / "home")
    write_private(folder / CONNECTION_FILE, text)
    with pytest.raises(BadConnectionFile, match=CONNECTION_FILE):
        find_connection(folder)


def test_a_key_of_the_wrong_length_is_named(tmp_path: Path) -> None:
    short = Connection(
        endpoint="tcp://127.0.0.1:1", server_key="short", keys=KEYS, boot="b" * 32, pid=12, host="ws1"
    )
    folder = make_private_folder(tmp_path / "home")
    short.save(folder / CONNECTION_FILE)
    with pytest.raises(BadConnectionFile, match="not 40 characters"):
        find_connection(folder)


def test_a_secret_is_not_shown() -> None:
    assert KEYS.secret not in repr(CONNECTION) + repr(KEYS) + str(KEYS)


def test_svfr_home_decides_before_everything_else(tmp_path: Path) -> None:
    assert service_folder({"SVFR_HOME": str(tmp_path), "XDG_STATE_HOME": "/elsewhere"}) == tmp_path


def test_machines_that_share_a_home_do_not_share_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr("socket.gethostname", lambda: "ws1/a b")
    assert service_folder({"XDG_STATE_HOME": "/state"}) == Path("/state/svfr/ws1_a_b")
    monkeypatch.setattr("socket.gethostname", lambda: "ws2")
    assert service_folder({}) == Path.home() / ".local" / "state" / "svfr" / "ws2"


def test_each_platform_has_its_own_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "ws1")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert service_folder({}) == Path.home() / "Library" / "Application Support" / "svfr" / "ws1"
    monkeypatch.setattr(sys, "platform", "win32")
    assert service_folder({"LOCALAPPDATA": "/local"}) == Path("/local/svfr/ws1")


def test_private_text_comes_back(tmp_path: Path) -> None:
    write_private(tmp_path / "a", "grüße")
    assert read_private(tmp_path / "a") == "grüße"


def test_a_public_key_is_never_taken_for_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(b"-" + b"a" * 39, b"b" * 40), (b"c" * 40, b"d" * 40)]
    monkeypatch.setattr("zmq.curve_keypair", lambda: pairs.pop(0))
    assert KeyPair.new() == KeyPair("c" * 40, "d" * 40)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 100_000, b'{"format": ' + b"9" * 5000 + b"}", b"{}"])
def test_a_connection_file_that_is_no_such_file_is_named_with_a_remedy(
    tmp_path: Path, content: bytes
) -> None:
    folder = make_private_folder(tmp_path / "home")
    write_private(folder / CONNECTION_FILE, "")
    (folder / CONNECTION_FILE).write_bytes(content)
    with pytest.raises(BadConnectionFile, match=r"connection\.json") as caught:
        find_connection(folder)
    assert caught.value.remedy


def test_a_folder_in_the_place_of_the_connection_file_is_a_typed_error(tmp_path: Path) -> None:
    folder = make_private_folder(tmp_path / "home")
    (folder / CONNECTION_FILE).mkdir(mode=0o700)
    with pytest.raises(BadConnectionFile, match="cannot be read"):
        find_connection(folder)
