"""The command lines that make a result again, from its job or from what its files say."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from .job_options import absolute

NOT_IN_THE_FILES = (
    "The frames themselves do not keep which faces, mask, references, layers and feather the job had, nor "
    "what it did with missing frames: where it had others than the usual ones, add them."
)


def again(
    made: Mapping[str, str],
    *,
    plate: str | None,
    result: str,
    frames: str,
    job: str = "",
    space: str | None = None,
    ocio: str | None = None,
) -> tuple[str, str]:
    """Return the commands, a line each, and what they leave open; both are empty when nothing is known.

    ``made`` are the attributes of a restored frame, with the exposures of all; ``space`` and ``ocio`` what
    they were read with, which says it again where the files do not. Paths are made absolute: the page may be
    read in another folder.
    """
    lines = [shlex.join(["svfr", "redo", job, frames])] if job else []
    if plate is None or "task" not in made:
        return "\n".join(lines), ""
    words = ["svfr", "restore", absolute(plate), "--frames", frames]
    for task in made["task"].split("+"):
        words += ["--task", task]
    options = {
        "--model": made.get("model", "").removesuffix(" (preview)"),
        **{f"--{name}": made.get(name, "") for name in ("preset", "seed", "sampler")},
        "--colorspace": space or "",
        "--ocio": _config(ocio or ""),
        "--exposure": _exposure(made.get("exposure_stops", "")),
        "--out": absolute(result),
        "--existing": "version_up",
    }
    if made.get("detail", "0") != "0":
        options["--detail"] = made["detail"]
    lines.append(shlex.join([*words, *(word for pair in options.items() if pair[1] for word in pair)]))
    if not job:
        return lines[0], NOT_IN_THE_FILES
    return "\n".join(lines), f"The second line is for a server that has forgotten the job. {NOT_IN_THE_FILES}"


def _config(ocio: str) -> str:
    return absolute(ocio) if ocio and not ocio.startswith("ocio://") else ocio


def _exposure(stops: str) -> str:
    """Return the exposure of all faces; empty where several have their own, which the plate decides again."""
    several = set(filter(None, stops.split(",")))
    return several.pop() if len(several) == 1 else ""
