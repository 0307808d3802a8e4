"""What once ended or stalled the service for everybody, row by row, beside what another client feels.

    python -m benchmarks.service_stress.rows                  this checkout
    python -m benchmarks.service_stress.rows --code FOLDER    a checkout of another commit, with this Python

Rows S1 are what ended the service, S2 what made everybody wait, S3 what hung the worker, S4 what followed
another's link, S5 what the store lost, S6 what waking up did. Each prints what became of it and, for S1 to
S3, the ping of another client meanwhile (p50, p99). Everything is bounded, on loopback, in a temporary
folder; the service has the usual 1,024 descriptors.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import resource
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import zmq

from benchmarks.service_stress.figures import describe_ms, write_plate
from benchmarks.service_stress.hostile_service import HostileService, OtherClient
from svfr.validation import read_json
from svfr_client.connection import KeyPair
from svfr_client.errors import SvfrError
from svfr_client.protocol.wire import MIB, Buffer, Message, new_id, pack, unpack

ROW_SECONDS = 40.0
_Row = Callable[[HostileService], str]


def _messages(service: HostileService, frames: list[list[bytes]], keys: KeyPair | None = None) -> str:
    """Send these messages and wait for as many answers; return their codes."""
    began = time.monotonic()
    codes: list[str] = []
    with service.socket(keys) as dealer:
        for message in frames:
            dealer.send_multipart(message)
        while len(codes) < len(frames) and time.monotonic() - began < ROW_SECONDS and service.lives:
            if dealer.poll(200):
                answer = unpack(dealer.recv_multipart())
                codes.append("ok" if answer.op == "ok" else str(answer.body.get("code")))
    counted = ", ".join(f"{codes.count(code)} {code}" for code in dict.fromkeys(codes)) or "no answer"
    return f"{counted} of {len(frames)} in {time.monotonic() - began:.1f} s"


def _submit(service: HostileService, buffers: dict[str, Buffer], **changes: object) -> list[bytes]:
    body = {"job": new_id(), "spec": service.job(**changes)}
    return pack(Message("submit", body, buffers=buffers, minor=0))


def _layers(size_bytes: int) -> Buffer:
    """A mask of so many bytes of empty layers."""
    head = b'{"format":1,"space":"exr_px","frames":[{"frame":1,"width":64,"height":64,"layers":['
    layer = b'{"splines":[]},'
    return Buffer(head + layer * (size_bytes // len(layer)) + layer[:-1] + b"]}]}")


def delete_characters(service: HostileService) -> str:
    """S1 a frame list of 7 MiB of delete characters."""
    return _messages(
        service, [_submit(service, {"plate.frames": Buffer.of_json("\x7f" * (7 * MIB))}, frames="")]
    )


def growing_mask(service: HostileService) -> str:
    """S1 a mask of 24 MiB that would grow on its way to the worker."""
    return _messages(service, [_submit(service, {"mask.splines": _layers(24 * MIB - 4096)})])


def keys_come_and_go(service: HostileService) -> str:
    """S1 keys authorised and revoked while clients connect, and a folder among the keys."""
    (service.home / "authorised" / "old.pub").mkdir(exist_ok=True)
    answered = 0
    for number in range(30):
        keys = service.authorise(f"guest{number}")
        answered += service.ask("ping", keys=keys, give_up_s=5.0) is not None
        (service.home / "authorised" / f"guest{number}.pub").unlink()
        if not service.lives:
            break
    (service.home / "authorised" / "old.pub").rmdir()
    return f"{answered} of 30 answered"


def many_connections(service: HostileService) -> str:
    """S1 1100 connections of one authorised client."""
    keys = service.authorise("greedy")
    context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 2000)
    connection, sockets = service.connection, []
    for _ in range(1100):
        one = context.socket(zmq.DEALER)
        one.linger = 0
        one.curve_serverkey = connection.server_key.encode("ascii")
        one.curve_publickey, one.curve_secretkey = keys.public.encode(), keys.secret.encode()
        one.connect(connection.endpoint)
        one.send_multipart(pack(Message("ping", minor=0)))
        sockets.append(one)
    time.sleep(5.0)
    for one in sockets:
        one.close()
    context.term()
    return "answers a new client" if service.ask("ping", give_up_s=20.0) else "no answer to a new client"


def half_open(service: HostileService) -> str:
    """S1 1100 connections of strangers that say nothing."""
    host, port = service.connection.endpoint.removeprefix("tcp://").split(":")
    opened = []
    with contextlib.suppress(OSError):
        for _ in range(1100):
            opened.append(socket.create_connection((host, int(port)), timeout=5))
    time.sleep(2.0)
    answer = service.ask("ping", give_up_s=20.0)
    for one in opened:
        one.close()
    return f"{len(opened)} opened, {'answers' if answer else 'no answer to'} a new client"


def empty_layers(service: HostileService) -> str:
    """S2 1.4 MiB of empty layers."""
    return _messages(service, [_submit(service, {"mask.splines": _layers(14 * MIB // 10)})])


def more_empty_layers(service: HostileService) -> str:
    """S2 7.4 MiB of empty layers."""
    return _messages(service, [_submit(service, {"mask.splines": _layers(74 * MIB // 10)})])


def long_ranges(service: HostileService) -> str:
    """S2 60 messages of 250 bytes that ask for a million frames each."""
    return _messages(service, [_submit(service, {}, frames="1-1000000") for _ in range(60)])


def long_lists(service: HostileService) -> str:
    """S2 lists of 200 jobs over 50 connections."""
    service.ask("pause")
    for _ in range(200):
        service.submit(frames="1-4")
    question = pack(Message("list", {"limit": 200, "active_only": False}, minor=0))
    sockets = [service.socket() for _ in range(50)]
    for one in sockets:
        one.send_multipart(question)
    answered = sum(bool(one.poll(int(ROW_SECONDS * 1000))) for one in sockets)
    for one in sockets:
        one.close()
    return f"{answered} of 50 answered"


def revoked_flood(service: HostileService) -> str:
    """S2 20 messages of 4 MB from a client whose key was revoked."""
    keys = service.authorise("gone")
    flood = [_submit(service, {"mask.splines": _layers(4_000_000)}) for _ in range(20)]
    with service.socket(keys) as dealer:
        dealer.send_multipart(pack(Message("ping", minor=0)))
        dealer.poll(10_000)
        (service.home / "authorised" / "gone.pub").unlink()
        sent = 0
        with contextlib.suppress(zmq.Again):  # a service that has cut the connection takes nothing
            for message in flood:
                dealer.send_multipart(message, zmq.NOBLOCK)
                sent += 1
        time.sleep(8.0)
    return f"{sent} of 20 sent"


def png_bomb(path: Path, side: int = 30_000) -> None:
    """Write a PNG of about 100 KB that unpacks to ``side`` x ``side`` grey pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(side + 1)) for _ in range(side)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b""))


def _job_row(service: HostileService, **changes: object) -> str:
    """Run one job over a small plate, and say how it ended."""
    folder = Path(tempfile.mkdtemp(prefix="job-", dir=service.home.parent))
    base = {
        "plate": write_plate(folder, range(1, 5)),
        "frames": "1-4",
        "output": str(folder / "o" / "x.%04d.exr"),
        "faces": {**service.job()["faces"], "mode": "frame"},
        "colour": {**service.job()["colour"], "space": "lin_rec709_scene"},
    }
    answer = service.ask("submit", {"job": (job := new_id()), "spec": service.job(**{**base, **changes})})
    if answer is None:
        return "no answer"
    return service.end_of(job, ROW_SECONDS) if answer.op == "ok" else f"refused {answer.body.get('code')}"


def pipe_as_tracks(service: HostileService) -> str:
    """S3 a pipe as crop-track file."""
    pipe = service.home.parent / "tracks.json"
    if not pipe.exists():
        os.mkfifo(pipe)
    return _job_row(service, crop_tracks=str(pipe))


def picture_bomb(service: HostileService) -> str:
    """S3 a PNG of 100 KB that unpacks to 30,000 x 30,000 pixels."""
    bomb = service.home.parent / "bomb.png"
    if not bomb.exists():
        png_bomb(bomb)
    return _job_row(service, plate=str(bomb), frames="1")


def endless_number(service: HostileService) -> str:
    """S3 an output whose frame number has a billion digits."""
    return _job_row(service, output=str(service.home.parent / "o" / "x.%0999999999d.exr"))


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
    return _job_row(service, crop_tracks=str(path))


def wide_feather(service: HostileService) -> str:
    """S3 a feather of 30,000 px in a mask of 263 bytes."""
    corners = [[x, y, x, y, x, y, 30000] for x, y in ((10, 10), (80, 10), (80, 60))]
    shape = {"frame": 1, "width": 96, "height": 72, "layers": [{"splines": [{"points": corners}]}]}
    mask = Buffer.of_json({"format": 1, "space": "exr_px", "frames": [shape]})
    folder = Path(tempfile.mkdtemp(prefix="job-", dir=service.home.parent))
    spec = service.job(
        plate=write_plate(folder, range(1, 2)),
        frames="1",
        output=str(folder / "o" / "x.%04d.exr"),
        faces={**service.job()["faces"], "mode": "frame"},
        colour={**service.job()["colour"], "space": "lin_rec709_scene"},
    )
    job = new_id()
    answer = service.ask("submit", {"job": job, "spec": spec}, mask__splines=mask)
    if answer is None or answer.op != "ok":
        return "no answer" if answer is None else f"refused {answer.body.get('code')}"
    return service.end_of(job, ROW_SECONDS)


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
    ended = _job_row(service)
    return f"the file behind it is {'kept' if (victim / 'precious').exists() else 'GONE'}; job {ended}"


def _known_jobs(service: HostileService) -> str:
    answer = service.ask("list", {"limit": 100, "active_only": False})
    return "no answer" if answer is None else str(len(answer.body["jobs"]))


def _restarted(service: HostileService) -> str:
    service.stop()
    try:
        service.start()
    except RuntimeError:
        return "it does not start again"
    return f"{_known_jobs(service)} of 20 jobs known after a restart"


def _twenty_jobs(service: HostileService) -> None:
    service.ask("pause")
    for _ in range(20):
        service.submit()


def store_overwritten(service: HostileService) -> str:
    """S5 the job store overwritten while the service runs."""
    _twenty_jobs(service)
    (service.home / "jobs.sqlite").write_bytes(b"x" * 4096)
    time.sleep(5.0)
    service.ask("ping")
    return _restarted(service)


def store_deleted(service: HostileService) -> str:
    """S5 the job store and its log deleted while the service runs."""
    _twenty_jobs(service)
    for file in service.home.glob("jobs.sqlite*"):
        file.unlink()
    time.sleep(5.0)
    service.ask("ping")
    return _restarted(service)


def log_cut(service: HostileService) -> str:
    """S5 the store's log cut in half, after a kill."""
    _twenty_jobs(service)
    assert service.process is not None
    service.process.kill()
    service.process.wait()
    log = service.home / "jobs.sqlite-wal"
    if log.exists():
        os.truncate(log, log.stat().st_size // 2)
    service.start()
    return f"{_known_jobs(service)} of 20 jobs known after a restart"


def lock_removed(service: HostileService) -> str:
    """S5 the lock file removed, a second service started."""
    (service.home / "server.lock").unlink(missing_ok=True)
    command = [sys.executable, "-m", "svfr_server", "--device", "cpu", "--idle-exit", "5"]
    process = service.run_beside(command, stderr=subprocess.DEVNULL)
    try:
        code = process.wait(20.0)
        found = f"it was refused (code {code})"
    except subprocess.TimeoutExpired:
        found = "a second one RUNS"
        process.kill()
        process.wait()
    return found + ("" if service.ask("ping", give_up_s=10.0) else ", the first is not found any more")


def pause_and_drain(service: HostileService) -> str:
    """S5 pause, drain, start."""
    service.ask("pause")
    service.ask("drain")
    assert service.process is not None
    with contextlib.suppress(subprocess.TimeoutExpired):
        service.process.wait(30.0)
    service.stop()
    service.start()
    answer = service.ask("ping")
    return f"the queue is {answer.body.get('queue') if answer else 'silent'}"


def idle_drains(service: HostileService) -> str:
    """S5 ten drains of an idle service, and a known job handed in during one."""
    lost = 0
    for _ in range(10):
        lost += service.ask("drain", give_up_s=10.0) is None
        assert service.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            service.process.wait(30.0)
        service.stop()
        service.start()
    return f"{lost} of 10 answers lost"


def redo_of_another(service: HostileService) -> str:
    """S5 a redo of another client's job."""
    service.ask("pause")
    job = service.submit()
    keys = service.authorise("other")
    body = {"job": new_id(), "of": job, "frames": "1", "output": None, "seed": None}
    answer = service.ask("redo", body, keys=keys)
    return "no answer" if answer is None else "accepted" if answer.op == "ok" else str(answer.body["code"])


def stopped_for_a_while(service: HostileService) -> str:
    """S6 supervisor and worker stopped for 5 s twice while a job runs, with 2 s of patience."""
    folder = Path(tempfile.mkdtemp(prefix="job-", dir=service.home.parent))
    job = service.submit(
        plate=write_plate(folder, range(1, 200)),
        frames="1-199",
        output=str(folder / "o" / "x.%04d.exr"),
        faces={**service.job()["faces"], "mode": "frame"},
        colour={**service.job()["colour"], "space": "lin_rec709_scene"},
    )
    assert service.process is not None
    until = time.monotonic() + 60
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


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]


def waiting_job_of_tomorrow(service: HostileService) -> str:
    """S1 a waiting job whose spec has a field that this version does not know."""
    service.ask("pause")
    job = service.submit()
    service.stop()
    with contextlib.closing(sqlite3.connect(service.home / "jobs.sqlite")) as store, store:
        (spec,) = store.execute("SELECT spec FROM jobs WHERE job = ?", (job,)).fetchone()
        changed = json.dumps({**read_json(spec), "tomorrow": 1})
        store.execute("UPDATE jobs SET spec = ? WHERE job = ?", (changed, job))
    service.start()
    service.ask("resume")
    time.sleep(10.0)
    return f"the service {'lives' if service.lives and service.ask('ping', give_up_s=10.0) else 'ended'}"


PINGED: tuple[_Row, ...] = (
    delete_characters,
    growing_mask,
    keys_come_and_go,
    many_connections,
    half_open,
    empty_layers,
    more_empty_layers,
    long_ranges,
    revoked_flood,
    long_lists,
)
WORKING: tuple[_Row, ...] = (pipe_as_tracks, endless_index, endless_number, wide_feather, picture_bomb)
OTHERS: tuple[_Row, ...] = (
    waiting_job_of_tomorrow,
    known_scratch,
    store_overwritten,
    store_deleted,
    log_cut,
    lock_removed,
    pause_and_drain,
    idle_drains,
    redo_of_another,
    stopped_for_a_while,
)


def run_row(row: _Row, code: Path, folder: Path, *, is_pinged: bool) -> list[float]:
    """Make one row against a service of its own, print it, and return the other client's waits."""
    arguments = ("--first-window", "20", "--stuck-after", "2") if row is stopped_for_a_while else ()
    service = HostileService(code, folder / row.__name__ / "home", arguments)
    name = " ".join((row.__doc__ or row.__name__).split()).rstrip(".")
    waited: list[float] = []
    try:
        try:
            service.start()
        except RuntimeError:
            print(f"{name}\n     the service did not start", flush=True)
            return waited
        with OtherClient(service) if is_pinged else contextlib.nullcontext() as other:
            try:
                found = row(service)
            except (RuntimeError, OSError, subprocess.SubprocessError, sqlite3.Error, SvfrError) as problem:
                found = f"could not go on ({type(problem).__name__})"
        ended = "" if service.lives else "; the service ENDED"
        felt = ""
        if other is not None:
            waited = other.waited_ms
            felt = f"\n     others: {describe_ms(waited)}, {other.unanswered} unanswered"
        print(f"{name}\n     {found}{ended}{felt}", flush=True)
    finally:
        service.stop(10.0)
    return waited


def main() -> int:
    """Make the rows; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).resolve().parents[3]
    parser.add_argument("--code", type=Path, default=here, help="a checkout to try")
    parser.add_argument("--only", default="", help="rows that have this in their words, such as S2")
    given = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    waited: list[float] = []
    with tempfile.TemporaryDirectory(prefix="rows-") as name:
        for row in (*PINGED, *WORKING, *OTHERS):
            if given.only in f"{row.__doc__}":
                is_pinged = row not in OTHERS
                waited += run_row(row, given.code, Path(name), is_pinged=is_pinged)
    print(f"Another client through S1 to S3: {describe_ms(waited)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
