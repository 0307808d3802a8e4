"""How a command line that an error names says which server it is for, where that is not this user's own."""

import re
import shlex
from dataclasses import replace
from typing import Optional

from .errors import SeveralProblems, SvfrError, each_of, error_from_dict
from .protocol.messages import Event

# A command that takes the option, with its job; the rest of its options follow.
_COMMAND = re.compile(
    r"\bsvfr (?:cancel|drain|fetch|jobs|movie|pause|redo|restore|resume|status|view|watch)\b"
    r"(?: (?:JOB|[0-9a-f]{32})\b)?"
)


def option_of(server: Optional[str]) -> str:
    """Return how a command line names the server, a connection file or its folder; empty for none."""
    return f" --server {shlex.quote(server)}" if server else ""


def name_server(error: SvfrError, server: Optional[str]) -> None:
    """Have the commands in an error's remedies name the server, so that they can be typed as they are."""
    for problem in each_of(error) if server else ():
        if "--server" not in problem.remedy:
            problem.remedy = _COMMAND.sub(lambda found: found.group() + option_of(server), problem.remedy)


def with_server(error: SvfrError, server: Optional[str]) -> SvfrError:
    """Return the error as :func:`name_server` makes it, also in the words of several problems together."""
    name_server(error, server)
    return SeveralProblems(error.problems) if isinstance(error, SeveralProblems) and server else error


def event_with_server(event: Event, server: Optional[str]) -> Event:
    """Return an event whose error, if it tells of one, names the server."""
    error = event.body.get("error")
    if not server or not isinstance(error, dict):
        return event
    named = with_server(error_from_dict(error), server).to_dict()
    return replace(event, body={**event.body, "error": named})
