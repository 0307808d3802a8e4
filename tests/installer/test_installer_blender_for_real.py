"""``svfr install blender`` against Blender's own extension command, as the bpy module carries it.

The program that stands for ``blender`` hands its arguments to the very function that Blender calls for
``--command extension``, in a throw-away user folder.
"""

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_client.hosting.server_process import find_server_program
from svfr_installer.machine import server_program

sys.path.append(str(Path(__file__).parents[1] / "svfr_blender"))
from blender_host import VERSIONS, blender_python

PROGRAM = """#!{python}
import os, sys
import bpy
import addon_utils
if sys.argv[1:] == ["--version"]:
    print("Blender", bpy.app.version_string)
    code = 0
else:
    assert sys.argv[1:3] == ["--command", "extension"], sys.argv
    addon_utils.enable("bl_pkg")
    from bl_pkg.bl_extension_cli import cli_extension_handler
    code = cli_extension_handler(sys.argv[3:])
sys.stdout.flush()
os._exit(code)
"""


@pytest.mark.hosts
@pytest.mark.parametrize("version", VERSIONS)
def test_blender_installs_and_removes_the_extension(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "home"))
    program = tmp_path / "blender"
    program.write_text(PROGRAM.format(python=blender_python(version)))
    program.chmod(0o755)
    resources = tmp_path / "resources"
    resources.mkdir()
    options = ["--blender", str(program), "--prefix", str(resources)]
    wanted = ".".join(version.split(".")[:2])
    answer = CliRunner().invoke(app, ["install", "blender", *options, "--version", wanted])
    assert answer.exit_code == 0, answer.output
    installed = resources / "extensions" / "user_default" / "svfr"
    assert (installed / "blender_manifest.toml").is_file()
    assert (installed / "svfr_client" / "client.py").is_file()
    assert list((resources / "extensions" / ".local").rglob("zmq/__init__.py"))
    assert find_server_program("", "", {"PATH": ""}) == server_program()  # as the extension looks for it
    again = CliRunner().invoke(app, ["install", "blender", *options])
    assert again.exit_code == 0, again.output
    gone = CliRunner().invoke(app, ["uninstall", "blender", *options])
    assert gone.exit_code == 0, gone.output
    assert not installed.exists()
    again = CliRunner().invoke(app, ["uninstall", "blender", *options])
    assert again.exit_code == 0 and "nothing to do" in again.output
    refused = CliRunner().invoke(app, ["install", "blender", *options, "--version", "3.6"])
    assert refused.exit_code == 1 and "not 3.6" in refused.output
