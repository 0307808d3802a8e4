"""Finding and starting a server: what is named is used or refused, and what the server said is told."""

import os
import sys
from pathlib import Path

import pytest
from program_scripts import POSIX, script

from svfr_client.client import Client
from svfr_client.connection import note_server_program
from svfr_client.errors import FileCannotBeWritten, ServerDidNotStart, ServerProgramNotFound
from svfr_client.hosting.server_process import (
    clean_environment,
    find_server,
    find_server_program,
    start_server,
)

SERVER = [sys.executable, "-m", "svfr_server", "--device", "cpu"]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """One program for each place where a host looks."""
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "home"))
    (tmp_path / "bin").mkdir()
    named = {name: script(tmp_path / name, "") for name in ("preferred", "variable", "plugin", "noted")}
    note_server_program(named["noted"])
    return {**named, "path": script(tmp_path / "bin" / "svfr", "")}


@POSIX
def test_the_program_is_what_the_user_names_then_what_installers_noted_then_the_path(
    programs: dict[str, Path],
) -> None:
    on_path = {"PATH": str(programs["path"].parent)}
    variable = {**on_path, "SVFR_SERVER": str(programs["variable"])}
    preferred, plugin = str(programs["preferred"]), str(programs["plugin"])
    assert find_server_program(preferred, plugin, variable) == programs["preferred"]
    assert find_server_program("", plugin, variable) == programs["variable"]
    assert find_server_program("", plugin, on_path) == programs["plugin"]
    assert find_server_program("", "", on_path) == programs["noted"]
    programs["noted"].unlink()
    assert find_server_program("", "", on_path) == programs["path"]
    with pytest.raises(ServerProgramNotFound, match="SVFR_SERVER"):
        find_server_program("", "", {"PATH": ""})


def test_a_program_that_is_named_and_not_there_is_an_error(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    for named in ((nowhere, "", {}), ("", nowhere, {}), ("", "", {"SVFR_SERVER": nowhere})):
        with pytest.raises(ServerProgramNotFound, match="nowhere"):
            find_server_program(*named)


def test_the_server_gets_nothing_that_the_host_set_for_its_own_python() -> None:
    own = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD")
    own += ("PYTHONUSERBASE", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "__PYVENV_LAUNCHER__")
    given = {**dict.fromkeys(own, "/host"), "HOME": "/user", "CUDA_VISIBLE_DEVICES": "1"}
    assert clean_environment(given) == {"HOME": "/user", "CUDA_VISIBLE_DEVICES": "1"}


@pytest.mark.parametrize("named", ["~nosuchuser/svfr", "x" * 5000, "a\0b"])
def test_a_program_under_an_impossible_name_is_an_error(named: str) -> None:
    with pytest.raises(ServerProgramNotFound) as caught:
        find_server_program(named)
    assert caught.value.remedy


@POSIX
@pytest.mark.parametrize("home", ["file", "~nosuchuser/x", "x" * 5000])
def test_a_folder_that_cannot_be_made_is_an_error(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch(mode=0o600)
    monkeypatch.setenv("SVFR_HOME", home if home.startswith("~") else str(tmp_path / home))
    with pytest.raises(FileCannotBeWritten) as caught:
        start_server(["svfr", "serve"])
    assert "SVFR_HOME" in caught.value.remedy


@POSIX
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_log_that_is_no_file_is_an_error_and_a_link_is_not_followed(tmp_path: Path, kind: str) -> None:
    home, precious = tmp_path / "home", tmp_path / "precious"
    home.mkdir(mode=0o700)
    precious.write_text("kept")
    log = home / "start.log"
    log.mkdir() if kind == "folder" else log.symlink_to(precious)
    with pytest.raises(ServerDidNotStart, match="log cannot be written") as caught:
        start_server(["svfr", "serve"], home)
    assert caught.value.remedy and precious.read_text() == "kept"


@POSIX
def test_a_server_that_ends_at_once_is_quoted(tmp_path: Path) -> None:
    program = script(tmp_path / "svfr", "echo no room $*\nexit 3\n")
    with pytest.raises(ServerDidNotStart, match="no room serve --idle-exit 1800") as caught:
        start_server([program, "serve"], tmp_path / "home")
    assert caught.value.path == str(tmp_path / "home" / "start.log")
    program.chmod(0o644)
    with pytest.raises(ServerDidNotStart, match="cannot be run"):
        start_server([program, "serve"], tmp_path / "home")


@POSIX
def test_a_server_that_says_nothing_is_given_up_and_a_host_that_quits_does_not_wait(tmp_path: Path) -> None:
    program = script(tmp_path / "svfr", "sleep 3\n")
    with pytest.raises(ServerDidNotStart, match=r"within 0\.3 s. It said: nothing"):
        start_server([program, "serve"], tmp_path / "home", timeout_s=0.3)
    # who waited for it would be told that it did not start
    start_server([program, "serve"], tmp_path / "home", keep_waiting=lambda: False)


def test_a_server_is_started_once_and_answers(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert find_server(home) is None
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    start_server(SERVER, home, environment=environment, idle_exit_s=30.0)
    first = find_server(home)
    start_server([tmp_path / "never asked"], home)
    assert first is not None and find_server(home) == first
    with Client(folder=home) as client:
        client.shutdown()
