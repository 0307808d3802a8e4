"""Notes that survive a kill: one line of JSON each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from svfr.validation import read_json
from svfr_client.files import write_whole
from svfr_client.reasons import reason_of
from svfr_lab.experiments.kit.noted import damaged


class Notebook:
    """The rows of a file of JSON lines; a line that a killed run did not finish is taken out of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
            whole = [line for line in lines if line.endswith("\n")]
            self.rows: list[Any] = [read_json(line) for line in whole]
        except (OSError, ValueError) as error:
            raise damaged(path, reason_of(error)) from error
        if whole != lines:
            write_whole(path, "".join(whole))

    def add(self, row: Any) -> None:
        """Append a row."""
        self.rows.append(row)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
