"""How a command line that is printed names the server which this one was given."""

import re
import shlex

from svfr_client.errors import SvfrError, each_of

# A command that takes the option, with its job; the rest of its options follow.
_COMMAND = re.compile(
    r"\bsvfr (?:cancel|drain|fetch|jobs|movie|pause|redo|restore|resume|status|view|watch)\b"
    r"(?: (?:JOB|[0-9a-f]{32})\b)?"
)


def option_of(server: str | None) -> str:
    """Return how a command line that is printed names the server; empty where it need not."""
    return "" if server is None else f" --server {shlex.quote(server)}"


def name_server(error: SvfrError, server: str | None) -> None:
    """Have the commands in an error's remedies name the server, so that they can be typed as they are."""
    for problem in each_of(error) if server is not None else ():
        if "--server" not in problem.remedy:
            problem.remedy = _COMMAND.sub(lambda found: found.group() + option_of(server), problem.remedy)
