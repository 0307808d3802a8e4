"""Every command and script of docs/blender.md does what the page says."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from blender_host import Blender, panel_case
from plates import write_exrs
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_client.path_map import PathMap

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "blender.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == 1
    return str(found[0])


def test_the_installer_has_the_command_of_the_first_line() -> None:
    command = re.search(r"`python3 installer/bootstrap\.py run (install blender)`", PAGE)
    assert command is not None and (ROOT / "installer" / "bootstrap.py").is_file()
    answer = CliRunner().invoke(app, [*command[1].split(), "--help"])
    assert answer.exit_code == 0 and "Blender" in answer.output


def test_the_zips_can_be_built_by_hand(tmp_path: Path) -> None:
    command = re.search(r"`python -m (svfr_installer\.blender_extension) OUT_FOLDER`", PAGE)
    assert command is not None
    built = subprocess.run(
        [sys.executable, "-m", command[1], str(tmp_path)], capture_output=True, text=True, check=True
    )
    zips = [Path(line) for line in built.stdout.splitlines()]
    assert len(zips) == 2 and all(path.parent == tmp_path and path.is_file() for path in zips)
    index = json.loads((tmp_path / "index.json").read_text())
    assert [entry["archive_url"] for entry in index["data"]] == [f"./{path.name}" for path in zips]


def test_the_path_map_of_the_page_is_one() -> None:
    assert PathMap.from_json(json.loads(block("json"))).to_server("p:\\shots\\a.exr") == "/srv/shots/a.exr"


@pytest.mark.hosts
def test_the_picture_of_the_page_is_what_the_panel_draws(lone_blender: Blender, tmp_path: Path) -> None:
    specification = importlib.util.spec_from_file_location("draw_blender", ROOT / "docs" / "draw_blender.py")
    assert specification is not None and specification.loader is not None
    drawing = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(drawing)
    assert "](blender-panel.svg)" in PAGE and drawing.CAPTION.split(";")[1].strip(" .") in PAGE
    recorded = lone_blender.run("records_panel", tmp_path, panel_case(tmp_path))
    again = "run `python docs/draw_blender.py`"
    assert drawing.draw(recorded) == drawing.PICTURE.read_text(encoding="utf-8"), again


@pytest.mark.hosts
def test_the_script_of_the_page_restores_the_selected_strips(blender: Blender, tmp_path: Path) -> None:
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1005))]
    shown = blender.run("documented", tmp_path, {"files": files, "script": block("python")})
    assert [Path(file).name for file in shown] == [Path(file).name for file in files]
