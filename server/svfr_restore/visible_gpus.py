"""Which GPUs this process may use, without loading torch."""

from __future__ import annotations

import os
import subprocess

VARIABLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> tuple[str, ...]:
    """Return the NVIDIA GPUs as CUDA_VISIBLE_DEVICES names them: numbers, or UUIDs.

    A farm engine that set the variable decided which GPUs a task gets; nobody below it may take others. Where
    it is not set, ``nvidia-smi`` tells the UUIDs of all. An empty variable, or no driver, gives none.
    """
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        names = [name.strip() for name in chosen.split(",")]
        usable = names[: names.index("-1")] if "-1" in names else names
        return tuple(name for name in usable if name and name != "NoDevFiles")
    command = ["nvidia-smi", "--query-gpu=uuid", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in answer.stdout.splitlines() if line.strip())
