"""``svfr doctor``: look at everything a job needs on this machine and say what is wrong."""

from typing import Any

import typer

from ..exit_codes import ExitCode
from ..output import speaking
from .options import AsJson


def doctor(as_json: AsJson = False) -> None:
    """Check this installation; exit with 1 when something that every job needs is missing."""
    with speaking(as_json) as output:
        from ..health import FAULT, examine

        findings = examine()
        rows: list[dict[str, Any]] = [
            {"what": f.what, "state": f.state, "detail": f.detail, "to_do": f.remedy} for f in findings
        ]
        output.table("finding", rows, ("what", "state", "detail", "to_do"))
        if any(finding.state == FAULT for finding in findings):
            raise typer.Exit(int(ExitCode.FAILED))
