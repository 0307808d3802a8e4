"""``python -m svfr_cli.demo``: run the demonstration."""

from pathlib import Path
from typing import Annotated

import typer

from ..output import speaking

CASE_NAMES = ("bfr", "colorize", "inpaint", "hard")


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Where everything goes.")] = Path("demo-output"),
    model: Annotated[str, typer.Option("--model", help="Model of every job.")] = "mini",
    preset: Annotated[str, typer.Option("--preset", help="draft, standard or final.")] = "standard",
    only: Annotated[
        list[str] | None, typer.Option("--only", help=f"Some of the cases: {', '.join(CASE_NAMES)}.")
    ] = None,
) -> None:
    """Restore a real clip four times and show before, after and truth, with figures."""
    wrong = [name for name in only or () if name not in CASE_NAMES]
    if wrong:
        raise typer.BadParameter(f"there is no case {', '.join(wrong)}; choose from {', '.join(CASE_NAMES)}")
    with speaking(as_json=False):
        from .run import DemoPlan, run

        run(DemoPlan(out.expanduser().absolute(), model, preset, tuple(only or CASE_NAMES)))


if __name__ == "__main__":
    typer.run(demo)
