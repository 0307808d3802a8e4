"""A shot's priority in the numbers of each engine. A list has -100 to 100, 0 where it is empty, higher first.

Slurm has no such number for everybody: :class:`~svfr_farm.engines.slurm.SlurmEngine` puts shots back instead.
What runs the shots itself takes those of higher priority first.
"""

from __future__ import annotations

from svfr_client.job_checks import PRIORITIES

LOWEST, HIGHEST = PRIORITIES
USUAL = 50  # of Deadline 10, AWS Deadline Cloud and Flamenco, whose priorities are 0 to 100
_OPENCUES_USUAL = 1  # and its lowest


def of_hundred(priority: int) -> int:
    """Return a priority as engines have it whose numbers are 0 to 100, and 50 where none is given."""
    return USUAL + int(priority * USUAL / HIGHEST)


def of_opencue(priority: int) -> int:
    """Return OpenCue's priority, from 1 on, which it has where none is given: a list's below 0 are 1 too."""
    return max(_OPENCUES_USUAL, _OPENCUES_USUAL + priority)
