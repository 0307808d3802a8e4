"""Jobs that once hung the worker, followed a link to another's files, or were judged silent after a stop."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import struct
import tempfile
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.service_stress.figures import write_plate
from benchmarks.service_stress.hostile_service import ROW_SECONDS, HostileService
from svfr_client.protocol.wire import Buffer, new_id


def pipe_as_tracks(service: HostileService) -> str:
    """S3 a pipe as crop-track file."""
    pipe = service.home.parent / "tracks.json"
    if not pipe.exists():
        os.mkfifo(pipe)
    return _ended(service, _frame_job(service, crop_tracks=str(pipe)))


def picture_bomb(service: HostileService) -> str:
    """S3 a PNG of 100 KB that unpacks to 30,000 x 30,000 pixels."""
    bomb = service.home.parent / "bomb.png"
    if not bomb.exists():
        png_bomb(bomb)
    return _ended(service, _frame_job(service, range(1, 2), plate=str(bomb)))


def endless_number(service: HostileService) -> str:
    """S3 an output whose frame number has a billion digits."""
    return _ended(service, _frame_job(service, output=str(service.home.parent / "o" / "x.%0999999999d.exr")))


def endless_index(service: HostileService) -> str:
    """S3 a crop track of index 10^30."""
    path = service.home.parent / "index.json"
    track = {
        "index": 10**30,
        "first_frame": 1,
        "centre_x": [48] * 4,
        "centre_y": [36] * 4,
        "side_px": [40] * 4,
    }
    path.write_text(json.dumps({"format": 1, "tracks": [track]}), encoding="ascii")
    return _ended(service, _frame_job(service, crop_tracks=str(path)))


def wide_feather(service: HostileService) -> str:
    """S3 a feather of 30,000 px in a mask of 263 bytes."""
    corners = [[x, y, x, y, x, y, 30000] for x, y in ((10, 10), (80, 10), (80, 60))]
    shape = {"frame": 1, "width": 96, "height": 72, "layers": [{"splines": [{"points": corners}]}]}
    mask = Buffer.of_json({"format": 1, "space": "exr_px", "frames": [shape]})
    return _ended(service, _frame_job(service, range(1, 2)), mask__splines=mask)


def known_scratch(service: HostileService) -> str:
    """S4 a link in the place where the worker's scratch folder once was."""
    victim = service.home.parent / "victim"
    victim.mkdir(exist_ok=True, mode=0o700)
    (victim / "precious").write_text("kept", encoding="ascii")
    name = hashlib.sha256(f"{service.home.resolve()} cpu".encode()).hexdigest()[:16]
    service.stop()
    link = service.temporary / f"svfr-worker-{name}"
    with contextlib.suppress(OSError):
        link.rmdir()
    link.unlink(missing_ok=True)
    link.symlink_to(victim)
    service.start()
    ended = _ended(service, _frame_job(service))
    return f"the file behind it is {'kept' if (victim / 'precious').exists() else 'GONE'}; job {ended}"


def stopped_for_a_while(service: HostileService) -> str:
    """S6 supervisor and worker stopped for 5 s twice while a job runs, with 2 s of patience."""
    # identity tells of every frame: a network's first window may take longer than that patience by itself
    job = service.submit(**_frame_job(service, range(1, 200), model="identity"))
    assert service.process is not None
    until = time.monotonic() + 110
    while time.monotonic() < until:
        status = service.ask("status", {"job": job})
        if status is not None and status.body.get("progress"):
            break
        time.sleep(0.2)
    for _ in range(2):
        pids = [service.process.pid, *_children(service.process.pid)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(5.0)
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        time.sleep(1.0)
    ended = service.end_of(job, 120.0)
    status = service.ask("status", {"job": job})
    return f"{ended}, attempts {status.body.get('attempts') if status else '?'}"


def _frame_job(service: HostileService, frames: range = range(1, 5), **changes: object) -> dict[str, Any]:
    """Return what makes a job restore whole frames of a small plate, with ``changes``."""
    folder = Path(tempfile.mkdtemp(prefix="job-", dir=service.home.parent))
    return {
        "plate": write_plate(folder, frames),
        "frames": f"{frames[0]}-{frames[-1]}",
        "output": str(folder / "o" / "x.%04d.exr"),
        "faces": {**service.job()["faces"], "mode": "frame"},
        "colour": {**service.job()["colour"], "space": "lin_rec709_scene"},
        **changes,
    }


def _ended(service: HostileService, changes: Mapping[str, Any], **buffers: Any) -> str:
    """Run a job, and say how it ended."""
    job = new_id()
    answer = service.ask("submit", {"job": job, "spec": service.job(**changes)}, **buffers)
    if answer is None:
        return "no answer"
    return service.end_of(job, ROW_SECONDS) if answer.op == "ok" else f"refused {answer.body.get('code')}"


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]


def png_bomb(path: Path, side: int = 30_000) -> None:
    """Write a PNG of about 100 KB that unpacks to ``side`` x ``side`` grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b""))
