"""Where things belong on Linux, macOS and Windows, and the service's description on each."""

import plistlib
import sys
from pathlib import Path

import pytest

from svfr_client.errors import SvfrError
from svfr_installer import service_unit
from svfr_installer.blender_plugin import BlenderTarget
from svfr_installer.machine import Machine


def machine(tmp_path: Path, system: str, **environment: str) -> Machine:
    return Machine(system, "x64", tmp_path, environment)


@pytest.mark.parametrize(
    ("system", "environment", "folder"),
    [
        ("linux", {}, ".config/blender"),
        ("macos", {}, "Library/Application Support/Blender"),
        ("windows", {}, "AppData/Roaming/Blender Foundation/Blender"),
    ],
)
def test_blenders_folder_is_where_blender_has_it(
    tmp_path: Path, system: str, environment: dict[str, str], folder: str
) -> None:
    assert machine(tmp_path, system, **environment).blender_config() == tmp_path / folder


def test_the_environment_moves_blenders_folder(tmp_path: Path) -> None:
    linux = machine(tmp_path, "linux", XDG_CONFIG_HOME=str(tmp_path / "x"))
    windows = machine(tmp_path, "windows", APPDATA=str(tmp_path / "roam"))
    assert linux.blender_config() == tmp_path / "x" / "blender"
    assert windows.blender_config() == tmp_path / "roam" / "Blender Foundation" / "Blender"


@pytest.mark.parametrize("system", ["linux", "macos", "windows"])
def test_nukes_folder_lies_in_the_home(tmp_path: Path, system: str) -> None:
    assert machine(tmp_path, system).nuke_folder() == tmp_path / ".nuke"


def test_only_new_enough_blenders_are_listed(tmp_path: Path) -> None:
    linux = machine(tmp_path, "linux")
    assert linux.blender_versions() == []
    for name in ("3.6", "4.1", "4.2", "4.10", "5.0", "config", "4.5.1"):
        (linux.blender_config() / name).mkdir(parents=True)
    assert linux.blender_versions() == ["5.0", "4.10", "4.2"]


def test_a_program_on_the_path_is_found(tmp_path: Path) -> None:
    program = tmp_path / "blender"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert machine(tmp_path, "linux", PATH=str(tmp_path)).blender_program() == program


def fake_blender(tmp_path: Path, script: str) -> BlenderTarget:
    program = tmp_path / "blender"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return BlenderTarget(program, tmp_path / "resources")


def test_a_blenders_version_is_asked_of_itself(tmp_path: Path) -> None:
    target = fake_blender(tmp_path, "echo Blender 4.5.3 LTS")
    assert target.require_version(None) == target.require_version("4.5") == (4, 5)
    with pytest.raises(SvfrError, match=r"is Blender 4\.5, not 5\.0"):
        target.require_version("5.0")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo Blender 3.6.1", r"Blender 3\.6"),
        ("echo something else", r"Blender 0\.0"),
        ("echo no display >&2; exit 3", "refused: no display"),
    ],
)
def test_a_blender_that_cannot_have_the_extension_is_refused(tmp_path: Path, script: str, words: str) -> None:
    with pytest.raises(SvfrError, match=words):
        fake_blender(tmp_path, script).require_version(None)


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SvfrError, match="could not be run"):
        BlenderTarget(tmp_path / "none").require_version(None)


def test_the_unit_quotes_what_systemd_would_read_differently(tmp_path: Path) -> None:
    unit = service_unit.systemd_unit(["/opt/my python/bin/python", "--root=/a$b%c"], "/svfr/a b")
    assert 'ExecStart="/opt/my python/bin/python" "--root=/a$$b%%c"' in unit
    assert 'Environment="SVFR_HOME=/svfr/a b"' in unit
    assert "WantedBy=default.target" in unit


def test_the_launch_agent_is_a_property_list(tmp_path: Path) -> None:
    agent = plistlib.loads(service_unit.launch_agent(["/usr/bin/python3", "-m", "svfr_server"]).encode())
    assert agent["ProgramArguments"] == ["/usr/bin/python3", "-m", "svfr_server"]
    assert agent["RunAtLoad"] is True and "EnvironmentVariables" not in agent


def test_windows_gets_words_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(SvfrError, match="Windows keeps no file"):
        service_unit.plan_install(machine(tmp_path, "windows"), sys.executable)
    words = service_unit.windows_words(["C:\\Program Files\\py.exe", "-m", "svfr_server"])
    assert '/TR "\\"C:\\Program Files\\py.exe\\" -m svfr_server"' in words[1]


@pytest.mark.parametrize("system", ["linux", "macos"])
def test_the_service_comes_and_goes(tmp_path: Path, system: str) -> None:
    here = machine(tmp_path, system)
    planned = service_unit.plan_install(here, "/usr/bin/python3", ["--read-root=/job"])
    planned.carry_out()
    assert here.service_file().is_file()
    assert service_unit.plan_install(here, "/usr/bin/python3", ["--read-root=/job"]).needed() == ()
    service_unit.plan_remove(here).carry_out()
    assert not here.service_file().exists()
    assert service_unit.plan_remove(here).needed() == ()


def test_commands_that_fail_are_told_with_what_to_type() -> None:
    with pytest.raises(SvfrError, match="not on this machine") as caught:
        service_unit.run_all([["no-such-program", "--user"]])
    assert caught.value.remedy == "Run it yourself: no-such-program --user"
    with pytest.raises(SvfrError, match="status 1"):
        service_unit.run_all([["false"]])
    assert service_unit.run_all([["true"]]) == ["ran true"]
