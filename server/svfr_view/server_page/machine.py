"""What the machine has left: memory, the server's own share, GPUs and disks."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psutil

_GPU_QUERY = "--query-gpu=name,memory.used,memory.total,utilization.gpu"
_GPU_SECONDS = 5.0
_MIB = 1 << 20
MOST_DISKS = 8


def memory(server_pid: int) -> dict[str, Any]:
    """Return the machine's memory and what the server and its processes hold of it, in bytes."""
    machine = psutil.virtual_memory()
    return {
        "total": machine.total,
        "available": machine.available,
        "server": _resident(server_pid),
    }


def _resident(pid: int) -> int | None:
    """Return the resident memory of a process and all below it; None when it is not of this machine."""
    try:
        top = psutil.Process(pid)
        processes = [top, *top.children(recursive=True)]
    except psutil.Error:
        return None
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:  # it has just ended
            continue
    return total


def disks(folders: Iterable[Path]) -> list[dict[str, Any]]:
    """Return free and whole size in bytes of the disks under these folders, each disk once."""
    found: dict[int, dict[str, Any]] = {}
    for folder in folders:
        try:
            there = next(one for one in (folder, *folder.parents) if one.is_dir())
            device, usage = there.stat().st_dev, shutil.disk_usage(there)
        except (OSError, StopIteration):
            continue
        if len(found) < MOST_DISKS:
            found.setdefault(device, {"folder": str(there), "free": usage.free, "total": usage.total})
    return list(found.values())


def gpus() -> list[dict[str, Any]]:
    """Return name, memory in bytes and use of each NVIDIA GPU, as its driver's own tool says; else none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    command = [program, _GPU_QUERY, "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GPU_SECONDS, check=True)
        return [_gpu(line) for line in done.stdout.splitlines() if line.strip()]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []


def _gpu(line: str) -> dict[str, Any]:
    name, used, total, busy = (part.strip() for part in line.rsplit(",", 3))
    return {
        "name": name,
        "used": int(used) * _MIB,
        "total": int(total) * _MIB,
        "busy_percent": int(busy) if busy.isdigit() else None,
    }
