"""The command line as a program sees it: exit statuses and lines of JSON."""

import json
from typing import Any

from typer.testing import CliRunner

from svfr_cli.main import app


def svfr(*words: str) -> tuple[int, list[dict[str, Any]]]:
    """Run a command in this process; return its exit status and the lines it prints."""
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exception)
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]
