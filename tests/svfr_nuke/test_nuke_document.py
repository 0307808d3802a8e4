"""What docs/nuke.md says is so: its commands exist, its script runs, its picture shows the knobs."""

import re
import runpy
import shlex
from collections.abc import Callable
from pathlib import Path

import nuke_plates
import pytest
from strict_nuke import FakeNuke
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_client.path_map import PathMap

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "nuke.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


COMMANDS = [
    line.split("#")[0].strip()
    for block in blocks("sh")
    for line in block.splitlines()
    if line.startswith("svfr")
]


def test_the_document_has_the_commands_this_test_is_about() -> None:
    assert len(COMMANDS) == 6


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_understood(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wheels").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    words = [word for word in shlex.split(command)[1:] if word != "--dry-run"]
    if words[:2] == ["install", "nuke"]:
        words += ["--wheels", "wheels"] if "--wheels" not in words else []
        answer = CliRunner().invoke(app, [*words, "--dry-run"])
        # An empty folder of wheels is as far as this goes: the options were all understood.
        assert answer.exit_code == 1 and "WHEEL_NOT_FOUND" in answer.output, answer.output
    else:
        answer = CliRunner().invoke(app, [*words, "--dry-run"])
        assert answer.exit_code == 0, answer.output


def test_the_script_for_a_terminal_runs(
    make_nuke: Callable[..., FakeNuke], tmp_path: Path, local_server: Path
) -> None:
    nuke = make_nuke(gui=False, major=16)
    (script,) = blocks("python")
    plate = nuke_plates.write_plate(tmp_path / "plates")
    names: dict[str, object] = {}
    exec(script.replace("PLATE", plate), names)
    node = names["node"]
    assert node["has_result"].value() is True  # type: ignore[index]
    assert nuke.root().nodes()[-1] is node


def test_the_path_map_is_one() -> None:
    import json

    (rules,) = blocks("json")
    assert PathMap.from_json(json.loads(rules)).to_server("p:\\shots\\a.exr") == "/srv/shots/a.exr"


def test_the_picture_shows_the_knobs_as_they_are(nuke: FakeNuke) -> None:
    drawn = runpy.run_path(str(DOCS / "draw_nuke.py"))["draw"]()
    assert (DOCS / "nuke.svg").read_text(encoding="utf-8") == drawn, "run: python docs/draw_nuke.py"
    assert "not a screenshot" in drawn


def test_every_word_for_a_knob_in_the_document_is_on_the_panel(nuke: FakeNuke) -> None:
    from svfr_nuke.knobs import TABLE

    labels = {spec.label for spec in TABLE}
    for word in ("found", "status", "channels", "mask channel", "colour space", "OCIO config", "view", "mix"):
        assert word in labels and f"*{word}*" in TEXT
    assert {"restore face", "colorize", "inpaint", "detail from plate", "Restore", "Redo"} <= labels
