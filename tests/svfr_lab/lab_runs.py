"""What every answer of the lab must have, however short its budget was."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from svfr_cli.exit_codes import ExitCode
from svfr_cli.main import app
from svfr_lab.heads.dataset import RenderSettings, render_dataset

MOST_PNG_BYTES = 150_000
_PNG_START = b"\x89PNG\r\n\x1a\n"


def read_result(out: Path, name: str) -> tuple[dict[str, Any], list[dict[str, str]], str]:
    """Return record, table and page of a result, after checking what all results have in common."""
    figure = (out / f"{name}.png").read_bytes()
    assert figure.startswith(_PNG_START)
    assert len(figure) < MOST_PNG_BYTES
    record = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
    assert record["experiment"] == name
    assert record["spent_s"] >= 0.0
    assert record["machine"]["torch_threads"] >= 1
    assert record["versions"]["torch"]
    with (out / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert rows
    assert "n" in rows[0]
    assert {"sd", "low"} & set(rows[0])
    page = (out / f"{name}.md").read_text(encoding="utf-8")
    assert f"]({name}.png)" in page
    assert f"svfr lab {name} " in page
    assert "n = " in page
    return record, rows, page


def result_of(name: str, out: Path, data: Path) -> tuple[dict[str, Any], list[dict[str, str]], str]:
    """Run an experiment that ends well; returns record, table and page."""
    done = run(name, out, data)
    assert done.exit_code == ExitCode.OK, done.stderr
    return read_result(out, name)


def run(name: str, out: Path, data: Path) -> Result:
    """Run an experiment on a folder of clips by the command line, on one core, as short as it goes."""
    asked = ["lab", name, "--budget", "0.25", "--threads", "1", "--out", str(out), "--data", str(data)]
    return CliRunner().invoke(app, asked)


def rendered(folder: Path, *, clips: int, first_seed: int, frames: int) -> Path:
    """Render clips of 96 px before a few backgrounds into the folder, and return it."""
    settings = RenderSettings(
        clips=clips, first_seed=first_seed, size_px=96, frames=frames, bank_seed=2, bank=9
    )
    render_dataset(folder, settings)
    return folder
