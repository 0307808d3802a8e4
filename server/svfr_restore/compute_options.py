"""How this machine computes, where whoever runs it says otherwise than the policy: stated once, for all jobs.

The service states it (``svfr serve --precision --batch``) and hands it to its workers in the environment,
where a farm's tasks and a command without a service find it too. No job asks for it: two clients of one
server get the same pixels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from svfr.number_types import NUMBER_TYPES, NumberTypes
from svfr_restore.errors import ComputeOptionUnknown

PRECISION_VARIABLE, BATCH_VARIABLE = "SVFR_PRECISION", "SVFR_BATCH"
MOST_BATCH = 64


def compute_environment(precision: str | None, batch: int) -> dict[str, str]:
    """Return the variables that state a choice; none for what is left to the policy."""
    stated = {} if precision is None else {PRECISION_VARIABLE: precision}
    return stated if batch == 1 else {**stated, BATCH_VARIABLE: str(batch)}


def asked_number_types(environment: Mapping[str, str] | None = None) -> NumberTypes:
    """Return the type that UNet and decoder are asked to compute in here; raises ComputeOptionUnknown."""
    stated = _stated(PRECISION_VARIABLE, environment)
    found = next((name for name in NUMBER_TYPES if name == stated), None)
    if stated and found is None:
        raise ComputeOptionUnknown(
            f"{PRECISION_VARIABLE} is {stated!r}, which is no number type.",
            remedy=f"Set it to one of {', '.join(NUMBER_TYPES)}, or to nothing.",
        )
    return NumberTypes(unet=found, decode=found)


def asked_batch(environment: Mapping[str, str] | None = None) -> int:
    """Return how many branches of windows may be evaluated at once here; raises ComputeOptionUnknown."""
    stated = _stated(BATCH_VARIABLE, environment)
    if not stated:
        return 1
    if not (stated.isascii() and stated.isdigit() and 1 <= int(stated[:9]) <= MOST_BATCH):
        raise ComputeOptionUnknown(
            f"{BATCH_VARIABLE} is {stated!r}, which is no number from 1 to {MOST_BATCH}.",
            remedy="Set it to 2, for both branches of a window at once, or to nothing.",
        )
    return int(stated)


def _stated(name: str, environment: Mapping[str, str] | None) -> str:
    return (os.environ if environment is None else environment).get(name, "")[:100]
