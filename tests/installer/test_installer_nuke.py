"""The Nuke plugin in a throw-away .nuke: installed, kept up to date, used, and removed without a trace."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from wheel_names import NAMES

from svfr_client.errors import SvfrError
from svfr_installer import nuke_plugin, plan
from svfr_installer.machine import server_program
from svfr_installer.nuke_plugin import NukeTarget
from svfr_installer.wheels import WheelNeed, find_wheel


@pytest.fixture
def target(tmp_path: Path) -> NukeTarget:
    return NukeTarget(tmp_path / "home" / ".nuke", "linux-x64")


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_everything_a_nuke_needs_is_there(target: NukeTarget, wheels: Path) -> None:
    nuke_plugin.plan_install(target, wheels).carry_out()
    names = set(tree(target.home))
    assert {"init.py", "svfr/init.py", "svfr/menu.py", "svfr/installed.json"} <= names
    assert {"svfr/svfr_nuke/startup.py", "svfr/svfr_client/client.py"} <= names
    assert {f"svfr/vendor/{python}/zmq/__init__.py" for python in NAMES} <= names
    assert "svfr/svfr_nuke/init.py" not in names
    note = json.loads((target.folder / "installed.json").read_text())
    assert note["server_program"] == str(server_program())


def test_only_the_chosen_version_gets_its_pyzmq(tmp_path: Path, wheels: Path) -> None:
    target = NukeTarget(tmp_path / ".nuke", "linux-x64", ("15",))
    nuke_plugin.plan_install(target, wheels).carry_out()
    assert sorted(path.name for path in (target.folder / "vendor").iterdir()) == ["cp310"]


def test_installing_twice_changes_nothing(target: NukeTarget, wheels: Path) -> None:
    nuke_plugin.plan_install(target, wheels).carry_out()
    before = tree(target.home)
    again = nuke_plugin.plan_install(target, wheels)
    assert again.needed() == () and again.describe() == ["nothing to do: everything is as it should be"]
    again.carry_out()
    assert tree(target.home) == before


def test_the_users_own_files_stay_as_they_are(target: NukeTarget, wheels: Path) -> None:
    target.home.mkdir(parents=True)
    own = {"init.py": b"import nuke\r\nnuke.pluginAddPath('./gizmos')", "menu.py": b"# mine\n"}
    for name, text in own.items():
        (target.home / name).write_bytes(text)
    nuke_plugin.plan_install(target, wheels).carry_out()
    assert (target.home / "init.py").read_bytes().startswith(own["init.py"])
    assert (target.home / "menu.py").read_bytes() == own["menu.py"]
    nuke_plugin.plan_uninstall(target).carry_out()
    assert tree(target.home) == own


def test_removing_leaves_no_trace(target: NukeTarget, wheels: Path) -> None:
    nuke_plugin.plan_install(target, wheels).carry_out()
    (target.folder / "svfr_nuke" / "__pycache__").mkdir()
    (target.folder / "svfr_nuke" / "__pycache__" / "node.cpython-310.pyc").write_bytes(b"")
    nuke_plugin.plan_uninstall(target).carry_out()
    assert list(target.home.iterdir()) == []


def test_removing_what_is_not_there_is_nothing(target: NukeTarget) -> None:
    target.home.mkdir(parents=True)
    assert nuke_plugin.plan_uninstall(target).needed() == ()


def test_removing_keeps_what_others_put_there(target: NukeTarget, wheels: Path) -> None:
    nuke_plugin.plan_install(target, wheels).carry_out()
    (target.folder / "notes.txt").write_text("mine")
    nuke_plugin.plan_uninstall(target).carry_out()
    assert tree(target.home) == {"svfr/notes.txt": b"mine"}


def test_files_of_an_earlier_version_go(target: NukeTarget, wheels: Path) -> None:
    nuke_plugin.plan_install(target, wheels).carry_out()
    note = json.loads((target.folder / plan.NOTE).read_text())
    (target.folder / "svfr_nuke" / "gone.py").write_text("")
    note["files"].append("svfr_nuke/gone.py")
    (target.folder / plan.NOTE).write_text(json.dumps(note))
    nuke_plugin.plan_install(target, wheels).carry_out()
    assert not (target.folder / "svfr_nuke" / "gone.py").exists()


def test_a_note_cannot_lead_out_of_the_folder(target: NukeTarget, wheels: Path) -> None:
    nuke_plugin.plan_install(target, wheels).carry_out()
    precious = target.home / "precious.txt"
    precious.write_text("mine")
    note = json.loads((target.folder / plan.NOTE).read_text())
    note["files"] += ["../precious.txt", str(precious)]
    (target.folder / plan.NOTE).write_text(json.dumps(note))
    nuke_plugin.plan_uninstall(target).carry_out()
    assert precious.read_text() == "mine"


def test_a_folder_in_use_is_refused(target: NukeTarget, wheels: Path) -> None:
    target.folder.mkdir(parents=True)
    (target.folder / "mine.py").write_text("")
    with pytest.raises(SvfrError, match="in use by something else"):
        nuke_plugin.plan_install(target, wheels)


def test_a_nuke_that_is_too_old_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SvfrError, match="does not run in Nuke 13"):
        NukeTarget(tmp_path, "linux-x64", ("13",))


def test_a_machine_without_wheels_is_refused() -> None:
    with pytest.raises(SvfrError, match="no pyzmq for plan9-x64"):
        WheelNeed("cp310", "plan9-x64")


@pytest.mark.parametrize(
    ("name", "machine", "fits"),
    [
        (NAMES["cp310"], "linux-x64", True),
        (NAMES["cp310"], "windows-x64", False),
        (NAMES["cp311"], "linux-x64", False),
        ("pyzmq-27.3.0-cp310-cp310-manylinux_2_28_x86_64.whl", "linux-x64", False),
        ("pyzmq-26.4.0-cp310-cp310-manylinux2014_aarch64.whl", "linux-arm64", True),
        ("pyzmq-26.4.0-cp310-cp310-win_amd64.whl", "windows-x64", True),
        ("pyzmq-26.4.0-cp310-cp310-win32.whl", "windows-x64", False),
        ("pyzmq-26.4.0-cp310-cp310-macosx_10_15_universal2.whl", "macos-arm64", True),
        ("pyzmq-26.4.0-cp310-cp310-macosx_10_15_universal2.whl", "macos-x64", True),
        ("pyzmq-26.4.0-cp310-cp310-musllinux_1_2_x86_64.whl", "linux-x64", False),
        ("other-26.4.0-cp310-cp310-win_amd64.whl", "windows-x64", False),
    ],
)
def test_a_wheel_is_chosen_by_python_and_machine(name: str, machine: str, fits: bool) -> None:
    assert WheelNeed("cp310", machine).fits(name) is fits


def test_the_newest_fitting_wheel_is_taken(tmp_path: Path) -> None:
    for version in ("26.2.1", "26.10.0", "26.4.0"):
        (tmp_path / f"pyzmq-{version}-cp310-cp310-win_amd64.whl").touch()
    assert "26.10.0" in find_wheel(tmp_path, WheelNeed("cp310", "windows-x64")).name


def test_a_missing_wheel_says_how_to_get_it(target: NukeTarget, tmp_path: Path) -> None:
    with pytest.raises(SvfrError, match="No pyzmq for Python cp39") as caught:
        nuke_plugin.plan_install(target, tmp_path)
    assert "pip download pyzmq==26.4.0" in caught.value.remedy


def test_a_damaged_wheel_is_refused(target: NukeTarget, wheels: Path) -> None:
    (wheels / NAMES["cp39"]).write_bytes(b"not a zip")
    with pytest.raises(SvfrError, match="damaged"):
        nuke_plugin.plan_install(target, wheels)
    assert not target.home.exists()


def test_a_file_that_cannot_be_changed_is_named(
    target: NukeTarget, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    planned = nuke_plugin.plan_install(target, wheels)
    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(SvfrError, match="could not be changed: Permission denied"):
        planned.carry_out()


def test_what_was_installed_runs_as_nuke_runs_it(target: NukeTarget, wheels: Path) -> None:
    """A plain Python acts as Nuke: it runs the user's init.py, then those of every added plugin path."""
    nuke_plugin.plan_install(target, wheels).carry_out()
    code = (
        "import os, sys, types, runpy\n"
        "nuke = types.ModuleType('nuke'); paths = []\n"
        "nuke.pluginAddPath = lambda path: paths.append(os.path.abspath(path))\n"
        "nuke.GUI, nuke.NUKE_VERSION_MAJOR = True, 15\n"
        "calls = []; note = lambda *a, **k: calls.append(a)\n"
        "nuke.addOnScriptLoad = nuke.addKnobChanged = nuke.addBeforeRender = note\n"
        "sys.modules['nuke'] = nuke\n"
        "runpy.run_path('init.py')\n"
        "sys.path[:0] = paths\n"
        "runpy.run_path(os.path.join(paths[0], 'init.py'))\n"
        "assert len(calls) == 3, calls\n"
        "import svfr_nuke.vendored as vendored\n"
        "vendored.python_tag = lambda: 'cp311'\n"
        "vendored.require_zmq()\n"
        "import zmq; assert zmq.MADE_FOR == 'cp311'\n"
        "print(vendored.VENDOR)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=target.home,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == str(target.folder / "vendor")
