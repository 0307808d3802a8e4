"""One line of the doctor."""

from dataclasses import dataclass

OK, NOTE, FAULT = "ok", "note", "fault"


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it stands, and what to do when it is not ok.

    ``fault`` means that jobs cannot run, ``note`` that they run with less.
    """

    what: str
    state: str
    detail: str
    remedy: str = ""
