"""Every way in which a GPU and its libraries say that there is no memory left, provoked on purpose.

    python -m benchmarks.gpu_memory allocator|cublas|cudnn|host

Part of :mod:`benchmarks.gpu`, which starts each in a process of its own: what is left of the device's memory
after one says nothing of the next. A process fills the device but for a few megabytes and calls a library
that has not been used before. Printed is one JSON object: the error's type and text, and whether the worker
knows it for a lack of memory, which decides whether a job goes on with less memory or fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.nn import functional

from benchmarks.child_process import child_environment
from svfr_client.json_files import read_json
from svfr_server.worker.out_of_memory import is_out_of_memory

_SECONDS = 60
_LEFT_BYTES = 4 * 2**20


@dataclass(frozen=True)
class Provoked:
    """What a library said; ``text`` is empty where nothing failed."""

    way: str
    kind: str
    text: str
    is_recognised: bool


def _fill() -> list[torch.Tensor]:
    """Take the device's memory, in ever smaller pieces, but for the last megabytes."""
    held, size = [], torch.cuda.mem_get_info()[0]
    while size > _LEFT_BYTES:
        try:
            held.append(torch.empty(size, dtype=torch.uint8, device="cuda"))
        except torch.OutOfMemoryError:
            size //= 2
    return held


def _allocator() -> None:
    torch.empty(2**50, dtype=torch.uint8, device="cuda")


def _host() -> None:
    torch.empty(2**60, dtype=torch.uint8)


def _cublas() -> None:
    matrix = torch.ones((512, 512), device="cuda", dtype=torch.float16)
    held = _fill()
    print((matrix @ matrix).sum().item(), len(held), file=sys.stderr)


def _cudnn() -> None:
    picture = torch.ones((1, 64, 64, 64), device="cuda", dtype=torch.float16)
    weight = torch.ones((64, 64, 3, 3), device="cuda", dtype=torch.float16)
    held = _fill()
    print(functional.conv2d(picture, weight).sum().item(), len(held), file=sys.stderr)


WAYS: dict[str, Callable[[], None]] = {
    "allocator": _allocator,
    "cublas": _cublas,
    "cudnn": _cudnn,
    "host": _host,
}


def provoke(way: str) -> Provoked:
    """Do it here, and return what was said."""
    try:
        WAYS[way]()
    except Exception as problem:
        return Provoked(way, type(problem).__name__, str(problem)[:500], is_out_of_memory(problem))
    return Provoked(way, "", "", False)


def provoke_all(device: torch.device) -> list[Provoked]:
    """Do each in a process of its own; those of a GPU only where there is one."""
    found = []
    for way in WAYS if device.type == "cuda" else ("host",):
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gpu_memory", way],
            env=child_environment(),
            stdout=subprocess.PIPE,
            text=True,
            timeout=_SECONDS,
        )
        lines = done.stdout.strip().splitlines()
        body: dict[str, Any] = read_json(lines[-1]) if lines else asdict(Provoked(way, "", "", False))
        found.append(Provoked(way, body["kind"], body["text"], body["is_recognised"]))
    return found


if __name__ == "__main__":
    print(json.dumps(asdict(provoke(sys.argv[1]))))
