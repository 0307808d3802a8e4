"""Work that pauses now and then, so that what others ask does not wait for its end."""

from collections.abc import Generator
from typing import TypeVar

Made = TypeVar("Made")
Steps = Generator[None, None, Made]
"""Does a little between two pauses, some milliseconds of reading or writing, and returns what it made."""


def finish(steps: Steps[Made]) -> Made:
    """Do it all without a pause and return what it made; raises what it raises."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made: Made = end.value
            return made
