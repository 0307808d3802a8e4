"""The OpenFX plugin in a throw-away folder: installed, kept up to date, looked at, and removed."""

import os
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from svfr_cli.finding import NOTE, OK
from svfr_cli.health import openfx
from svfr_cli.main import app
from svfr_installer import ofx_plugin
from svfr_installer.errors import BundleIsDamaged, CannotChangeFile, FolderIsNotOurs
from svfr_installer.machine import Machine
from svfr_installer.ofx_plugin import OfxTarget


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "built" / "SVFR.ofx.bundle"
    for name in ofx_plugin.PLATFORM_FOLDERS.values():
        (folder / "Contents" / name).mkdir(parents=True)
        (folder / "Contents" / name / "SVFR.ofx").write_bytes(b"not a library")
    return folder


@pytest.mark.parametrize(
    ("system", "all_users", "one_user"),
    [
        ("linux", "/usr/OFX/Plugins", "/u/a/.local/share/OFX/Plugins"),
        ("macos", "/Library/OFX/Plugins", "/u/a/Library/OFX/Plugins"),
        ("windows", "D:/Common/OFX/Plugins", "/u/a/AppData/Local/OFX/Plugins"),
    ],
)
def test_hosts_of_every_system_look_where_it_is_put(system: str, all_users: str, one_user: str) -> None:
    machine = Machine(system, "x64", Path("/u/a"), {"COMMONPROGRAMFILES": "D:/Common"})
    assert OfxTarget.for_all_users(machine).plugins.as_posix() == all_users
    assert OfxTarget.for_this_user(machine).plugins.as_posix() == one_user


def test_installing_twice_changes_nothing_and_uninstalling_leaves_nothing(
    tmp_path: Path, bundle: Path
) -> None:
    target = OfxTarget(tmp_path / "Plugins", "linux")
    ofx_plugin.plan_install(target, bundle).carry_out()
    assert (target.library_folder / "SVFR.ofx").read_bytes() == b"not a library"
    assert ofx_plugin.plan_install(target, bundle).needed() == ()
    (target.plugins / "Other.ofx.bundle").mkdir()
    ofx_plugin.plan_uninstall(target).carry_out()
    assert [path.name for path in target.plugins.iterdir()] == ["Other.ofx.bundle"]


def test_a_bundle_of_another_system_and_a_folder_of_somebody_else_are_refused(
    tmp_path: Path, bundle: Path
) -> None:
    target = OfxTarget(tmp_path / "Plugins", "linux")
    with pytest.raises(BundleIsDamaged):
        ofx_plugin.plan_install(target, tmp_path)
    target.folder.mkdir(parents=True)
    (target.folder / "theirs").touch()
    with pytest.raises(FolderIsNotOurs):
        ofx_plugin.plan_install(target, bundle)


def test_a_library_that_does_not_load_is_said(tmp_path: Path, bundle: Path) -> None:
    target = OfxTarget(tmp_path / "Plugins", "linux")
    ofx_plugin.plan_install(target, bundle).carry_out()
    assert "SVFR.ofx" in ofx_plugin.check_bundle(target)


def test_the_command_installs_a_built_bundle_and_takes_it_back(tmp_path: Path, bundle: Path) -> None:
    where = ["--prefix", str(tmp_path / "Plugins")]
    runner = CliRunner()
    assert "would" in runner.invoke(app, ["install", "ofx", *where, "--dry-run"]).output
    assert not (tmp_path / "Plugins").exists()
    done = runner.invoke(app, ["install", "ofx", *where, "--bundle", str(bundle)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "Plugins" / "SVFR.ofx.bundle").is_dir()
    assert runner.invoke(app, ["uninstall", "ofx", *where]).exit_code == 0
    assert not (tmp_path / "Plugins" / "SVFR.ofx.bundle").exists()
    again = runner.invoke(app, ["uninstall", "ofx", *where])
    assert again.exit_code == 0 and "no plugin of ours" in again.output


def test_the_folder_that_holds_the_bundle_may_be_given_for_it(tmp_path: Path, bundle: Path) -> None:
    target = OfxTarget(tmp_path / "Plugins", "linux")
    ofx_plugin.plan_install(target, bundle.parent).carry_out()
    assert (target.library_folder / "SVFR.ofx").is_file()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a place where nobody can write is needed")
def test_a_folder_that_cannot_be_written_to_is_said_before_anything_is_compiled() -> None:
    with pytest.raises(CannotChangeFile) as refusal:
        ofx_plugin.check_writable(OfxTarget(Path("/proc/OFX/Plugins"), "linux"))
    assert "--user" in refusal.value.remedy


def test_a_plugin_for_one_user_is_told_of_when_the_one_for_all_is_removed(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OfxTarget, "for_all_users", lambda _: OfxTarget(tmp_path / "all", "linux"))
    monkeypatch.setattr(OfxTarget, "for_this_user", lambda _: OfxTarget(tmp_path / "mine", "linux"))
    runner = CliRunner()
    done = runner.invoke(app, ["install", "ofx", "--user", "--bundle", str(bundle)])
    assert f"OFX_PLUGIN_PATH={tmp_path / 'mine'}" in done.output.replace("\n", "")
    monkeypatch.delenv("OFX_PLUGIN_PATH", raising=False)
    monkeypatch.setattr(ofx_plugin, "check_bundle", lambda _: "")
    told = openfx()
    assert told.state == NOTE and f"OFX_PLUGIN_PATH={tmp_path / 'mine'}" in told.remedy
    monkeypatch.setenv("OFX_PLUGIN_PATH", f"/somewhere{os.pathsep}{tmp_path / 'mine'}")
    assert openfx().state == OK
    done = runner.invoke(app, ["uninstall", "ofx"])
    assert "svfr uninstall ofx --user" in done.output.replace("\n", " ")


@pytest.mark.parametrize("where", ["all", "mine", "else where"])
def test_a_damaged_plugin_is_found_wherever_hosts_search_with_the_command_that_replaces_it(
    tmp_path: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(OfxTarget, "for_all_users", lambda _: OfxTarget(tmp_path / "all", "linux"))
    monkeypatch.setattr(OfxTarget, "for_this_user", lambda _: OfxTarget(tmp_path / "mine", "linux"))
    monkeypatch.setenv(
        "OFX_PLUGIN_PATH", f"{os.pathsep}{tmp_path / 'none'}{os.pathsep}{tmp_path / 'else where'}"
    )
    assert openfx().detail == "not installed"
    option = {"all": [], "mine": ["--user"]}.get(where, ["--prefix", str(tmp_path / where)])
    done = CliRunner().invoke(app, ["install", "ofx", *option, "--bundle", str(bundle)])
    assert done.exit_code == 0, done.output
    said = " ".join(done.output.split())
    assert ("OFX_PLUGIN_PATH='" in said.rpartition("To check it:")[2]) == (where == "else where")
    found = openfx()  # the bundle of these tests holds no library that loads
    assert found.state == NOTE and str(tmp_path / where) in found.detail
    assert found.remedy == f"Run {shlex.join(['svfr', 'install', 'ofx', *option])} again."
