"""``svfr explain``: what an error code means, and what to do."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer

from svfr_client.vocabulary import unknown_word

from ..output import speaking
from .options import AsJson


def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="[CODE]", help="A code as messages show it. Default: list all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain an error code: what it means, and what its messages advise."""
    with speaking(as_json) as output:
        from svfr_farm.shot_list import columns_of

        from ..error_catalogue import entries, installed_folders
        from ..useful_advice import foremost

        catalogue = entries(installed_folders())
        if code is None:
            rows = [{"code": one, "meaning": catalogue[one].meaning} for one in sorted(catalogue)]
            output.table("code", rows, ("code", "meaning"))
            return
        entry = catalogue.get(code.strip("[] ").upper())
        if entry is None:
            near = difflib.get_close_matches(code.upper(), list(catalogue), 5) or sorted(catalogue)
            raise unknown_word("The code", code, near)
        remedies = entry.advice
        body = {"code": entry.code, "meaning": entry.meaning, "remedies": remedies}
        shown = foremost(remedies)
        lines = [entry.meaning, *(f"- {remedy}" for remedy in shown)]
        if len(shown) < len(remedies):
            lines.append("A message of this code has the one that fits it, with its values.")
        columns = columns_of(remedies)
        if columns:
            names = ", ".join(f"{option} is the column {column}" for option, column in columns.items())
            lines.append(f"In a shot list of `svfr farm` {names}.")
        output.result("code", {**body, "columns": columns}, "\n".join(lines))
