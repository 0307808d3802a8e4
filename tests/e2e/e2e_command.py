"""The ``svfr`` command in processes of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


def _hear_ctrl_c() -> None:
    """Undo what a shell does to programs in its background: they are started deaf to SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Command:
    """``svfr`` in processes of its own, with a service folder of its own."""

    def __init__(self, home: Path) -> None:
        self.env = dict(os.environ, SVFR_HOME=str(home), OMP_NUM_THREADS="1")

    def start(self, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "svfr_cli.main", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=self.env, stdout=pipe, stderr=pipe, text=True, preexec_fn=_hear_ctrl_c
        )

    def __call__(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def lines(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        code, out, err = self(*words, "--json")
        assert "Traceback" not in err
        return code, [json.loads(line) for line in out.splitlines()]
