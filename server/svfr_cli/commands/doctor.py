"""``svfr doctor``: check everything a job needs on this machine and report what is wrong."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..exit_codes import ExitCode
from ..output import Output, speaking
from .options import AsJson


def doctor(
    map_path: Annotated[
        str | None, typer.Option("--map", metavar="PATH", help="Only show what the server calls PATH.")
    ] = None,
    map_file: Annotated[
        Path | None, typer.Option("--map-file", help="Rules to try. Default: those beside the connection.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check this installation; exit with 1 when something that every job needs is missing."""
    with speaking(as_json) as output:
        if map_path is not None:
            _map(output, map_path, map_file)
            return
        from ..health import FAULT, examine

        findings = examine()
        rows: list[dict[str, Any]] = [
            {"what": f.what, "state": f.state, "detail": f.detail, "to_do": f.remedy} for f in findings
        ]
        output.table("finding", rows, ("what", "state", "detail", "to_do"))
        if any(finding.state == FAULT for finding in findings):
            raise typer.Exit(int(ExitCode.FAILED))


def _map(output: Output, path: str, file: Path | None) -> None:
    """Show a client path as the server sees it, and back; raises BadPathMap and PathIsNotMapped."""
    from svfr_client.connection import service_folder
    from svfr_client.path_map import PATH_MAP_FILE, PathMap

    file = file or service_folder() / PATH_MAP_FILE
    rules = PathMap.load(file)
    on_server = rules.to_server(path)
    back = rules.to_client(on_server)
    body = {"client": path, "server": on_server, "back": back, "rules": len(rules.rules), "file": str(file)}
    lines = [f"here        {path}", f"the server  {on_server}", f"and back    {back}"]
    lines.append(f"{len(rules.rules)} rules in {file}" if rules.rules else f"no rules ({file} has none)")
    output.result("mapped", body, "\n".join(lines))
