"""The OpenFX plugin in a throw-away folder: installed, kept up to date, looked at, and removed."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_installer import ofx_plugin
from svfr_installer.errors import BundleIsDamaged, FolderIsNotOurs
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
