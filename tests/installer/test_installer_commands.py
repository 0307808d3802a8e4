"""The commands ``svfr install``, ``uninstall`` and ``service`` say what they do and do what they say."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_installer.blender_plugin import BlenderTarget
from svfr_installer.errors import HostRefused

RUNNER = CliRunner()
FAKE_BLENDER = """#!/bin/sh
case "$*" in
--version) echo Blender 4.5.0 ;;
*list) [ -e "$0.has" ] && echo '  svfr [installed]: "SVFR"'; exit 0 ;;
*install-file*) touch "$0.has"; echo it does not fit; exit 1 ;;
*remove*) [ -e "$0.has" ] || exit 1; rm "$0.has" ;;
esac
"""


def run(*arguments: str, code: int = 0) -> str:
    answer = RUNNER.invoke(app, list(arguments))
    assert answer.exit_code == code, answer.output
    return answer.output


def on_linux_x64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheels of these tests are for one kind of machine."""
    monkeypatch.setattr("svfr_installer.machine.sys.platform", "linux")
    monkeypatch.setattr("svfr_installer.machine.platform.machine", lambda: "x86_64")


def test_nuke_comes_and_goes(
    tmp_path: Path,
    wheels: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_linux_x64(monkeypatch)
    home = tmp_path / ".nuke"
    arguments = ("install", "nuke", "--prefix", str(home), "--wheels", str(wheels))
    said = run(*arguments, "--dry-run")
    assert "would write" in said and not home.exists()
    assert f"write {home / 'init.py'}" in run(*arguments)
    assert "nothing to do" in run(*arguments)
    assert "would remove" in run("uninstall", "nuke", "--prefix", str(home), "--dry-run")
    assert (home / "svfr").is_dir()
    run("uninstall", "nuke", "--prefix", str(home))
    assert list(home.iterdir()) == []


def test_steps_are_json_for_programs(
    tmp_path: Path,
    wheels: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_linux_x64(monkeypatch)
    said = run(
        "install", "nuke", "--prefix", str(tmp_path / "n"), "--wheels", str(wheels), "--dry-run", "--json"
    )
    steps = [json.loads(line) for line in said.splitlines()]
    assert [step["kind"] for step in steps] == ["step", "step"]
    assert all(step["dry_run"] for step in steps)


def test_a_nuke_that_is_too_old_is_a_failure(tmp_path: Path) -> None:
    said = run("install", "nuke", "--prefix", str(tmp_path), "--version", "13", code=1)
    assert "does not run in Nuke 13" in said


def test_blender_is_asked_with_its_own_command(tmp_path: Path) -> None:
    program = tmp_path / "blender"
    program.write_text(FAKE_BLENDER)
    (tmp_path / "blender.has").touch()
    program.chmod(0o755)
    said = run("install", "blender", "--blender", str(program), "--dry-run")
    assert "would build the extension" in said.replace("\n", " ")
    assert "--command extension install-file --repo user_default --enable" in said
    assert "user_default.svfr" in run("uninstall", "blender", "--blender", str(program), "--dry-run")


def test_a_blender_without_the_extension_has_nothing_to_remove(tmp_path: Path) -> None:
    program = tmp_path / "blender"
    program.write_text(FAKE_BLENDER)
    program.chmod(0o755)
    assert "nothing to do" in run("uninstall", "blender", "--blender", str(program))
    (tmp_path / "blender.has").touch()
    run("uninstall", "blender", "--blender", str(program))
    assert not (tmp_path / "blender.has").exists()
    assert "nothing to do" in run("uninstall", "blender", "--blender", str(program))


def test_a_blender_that_refuses_is_left_without_half_of_the_extension(tmp_path: Path) -> None:
    program = tmp_path / "blender"
    program.write_text(FAKE_BLENDER)
    program.chmod(0o755)
    with pytest.raises(HostRefused, match="does not fit"):
        BlenderTarget(program).install(tmp_path / "svfr.zip")
    assert not (tmp_path / "blender.has").exists()


@pytest.mark.parametrize("host", ["nuke", "ofx"])
def test_a_file_in_the_place_of_the_folder_is_told(host: str, tmp_path: Path, wheels: Path) -> None:
    name = {"nuke": "svfr", "ofx": "SVFR.ofx.bundle"}[host]
    (tmp_path / name).touch()
    said = run("uninstall", host, "--prefix", str(tmp_path), code=1)
    assert "A file lies where" in said.replace("\n", " ") and "Traceback" not in said
    assert (tmp_path / name).exists()


def test_nothing_to_remove_is_no_error(tmp_path: Path) -> None:
    for _ in range(2):
        assert "nothing to do" in run("uninstall", "nuke", "--prefix", str(tmp_path))


def test_a_command_to_type_has_its_paths_in_quotes(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_linux_x64(monkeypatch)
    home = tmp_path / "my nuke"
    said = run("install", "nuke", "--prefix", str(home), "--wheels", str(wheels)).replace("\n", "")
    assert f"nuke -t '{home}" in said


def test_a_machine_without_blender_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svfr_installer.machine.Machine.blender_program", lambda self: None)
    said = run("install", "blender", code=1)
    assert "was not found" in said and "--blender" in said


def test_the_service_comes_and_goes_below_a_prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_linux_x64(monkeypatch)
    unit = tmp_path / ".config" / "systemd" / "user" / "svfr.service"
    arguments = ("service", "install", "--prefix", str(tmp_path), "--read-root", "/job")
    assert "would write" in run(*arguments, "--dry-run") and not unit.exists()
    run(*arguments)
    assert "--read-root=/job" in unit.read_text()
    run("service", "remove", "--prefix", str(tmp_path))
    assert not unit.exists()


def test_windows_is_told_the_two_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("svfr_installer.machine.sys.platform", "win32")
    assert "schtasks /Create" in run("service", "install", "--prefix", str(tmp_path))
    assert "schtasks /Delete" in run("service", "remove", "--prefix", str(tmp_path))
