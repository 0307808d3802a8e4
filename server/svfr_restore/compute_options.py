"""How this machine computes, where whoever runs it says otherwise than the policy: stated once, for all jobs.

The service states it (``svfr serve --precision --batch --compile``) and hands it to its workers in the
environment, where a farm's tasks and a command without a service find it too. No job asks for it: two clients
of one server get the same pixels.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from svfr.number_types import NUMBER_TYPES, NumberTypes
from svfr_restore.errors import ComputeOptionUnknown

PRECISION_VARIABLE, BATCH_VARIABLE, COMPILED_VARIABLE = "SVFR_PRECISION", "SVFR_BATCH", "SVFR_COMPILED"
MOST_BATCH = 64


def compute_environment(precision: str | None, batch: int, compiled: Path | None = None) -> dict[str, str]:
    """Return the variables that state a choice; none for what is left to the policy."""
    stated = {} if precision is None else {PRECISION_VARIABLE: precision}
    stated |= {} if batch == 1 else {BATCH_VARIABLE: str(batch)}
    return stated if compiled is None else {**stated, COMPILED_VARIABLE: str(compiled)}


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


def asked_compiled_folder(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the folder that compiled networks are kept in here, None: nothing is compiled.

    Raises ComputeOptionUnknown.
    """
    given = (os.environ if environment is None else environment).get(COMPILED_VARIABLE, "")
    if not given:
        return None
    if not Path(given).is_absolute() or "\0" in given:
        raise ComputeOptionUnknown(
            f"{COMPILED_VARIABLE} is {given[:100]!r}, which is no whole path of a folder.",
            remedy="Set it to a folder that only you can write to, or to nothing.",
        )
    return Path(given)


def _stated(name: str, environment: Mapping[str, str] | None) -> str:
    return (os.environ if environment is None else environment).get(name, "")[:100]
