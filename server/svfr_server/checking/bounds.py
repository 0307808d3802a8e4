"""Bounds of what a request may hold, checked on its bytes before it is parsed, and of what is answered."""

from collections.abc import Sequence
from typing import Any

from svfr_client.errors import MessageTooLarge, SeveralProblems, SvfrError

MOST_CONTAINERS = 1_000_000
MOST_VALUES = 8_000_000
MOST_ANSWERED_PROBLEMS = 50
# A request works so long before others have their turn; then it is gone on with, or dropped.
SLICE_SECONDS = 0.05
GO_ON, DROP = b"go on", b"drop"
MOST_ANSWERED_CHARACTERS = 500


def check_counts(frames: Sequence[bytes]) -> None:
    """Raise MessageTooLarge for JSON of more objects, lists or values than any job has."""
    containers = sum(frame.count(b"{") + frame.count(b"[") for frame in frames)
    values = sum(frame.count(b",") for frame in frames)
    if containers > MOST_CONTAINERS or values > MOST_VALUES:
        raise MessageTooLarge(
            f"The message holds {containers} lists and objects and {values} values, more than "
            f"{MOST_CONTAINERS} and {MOST_VALUES}.",
            remedy="Send simpler masks, or a matte sequence.",
        )


def bounded_error(problem: SvfrError) -> dict[str, Any]:
    """Return the error's JSON form, never longer than one message may be, whatever it quotes."""
    if isinstance(problem, SeveralProblems):
        problem = SeveralProblems(problem.problems[:MOST_ANSWERED_PROBLEMS])
    error = problem.to_dict()
    for one in (error, *error.get("problems", ())):
        for name in ("message", "path", "remedy"):
            text = one.get(name)
            if isinstance(text, str) and len(text) > MOST_ANSWERED_CHARACTERS:
                one[name] = text[:MOST_ANSWERED_CHARACTERS] + "..."
    return error
