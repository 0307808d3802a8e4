"""``svfr parity``: recompute recorded cases of the published method and compare."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from svfr_client.errors import SvfrError

from ..output import speaking
from .options import AsJson


class OutsideTolerance(SvfrError):
    """At least one recomputed case differs from its record by more than its tolerance."""

    code = "PARITY_FAILED"


def parity(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with golden.json and its vectors.")],
    as_json: AsJson = False,
) -> None:
    """Recompute every case of DIR from its inputs and weights; exit with 1 beyond a tolerance."""
    with speaking(as_json) as output:
        from svfr.parity.check import check_folder

        rows: list[dict[str, Any]] = [
            {
                "case": row.case,
                "largest_error": row.error if math.isfinite(row.error) else None,
                "tolerance": row.tolerance,
                "verdict": "ok" if row.ok else "TOO FAR",
            }
            for row in check_folder(folder)
        ]
        output.table("case", rows, ("case", "largest_error", "tolerance", "verdict"))
        bad = [str(row["case"]) for row in rows if row["verdict"] != "ok"]
        if bad:
            raise OutsideTolerance(
                f"{len(bad)} of {len(rows)} cases are beyond their tolerance: {', '.join(bad)}.",
                path=folder,
                remedy="Something in the method, or in a library that it stands on, has changed.",
            )
