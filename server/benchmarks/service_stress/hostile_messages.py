"""Messages and connections that once ended the service or made everybody wait for it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import zmq

from benchmarks.service_stress.hostile_service import ROW_SECONDS, HostileService
from svfr_client.connection import CONNECTION_FILE, KeyPair
from svfr_client.protocol.wire import MIB, Buffer, Message, new_id, pack, unpack

# Of one frame, and below the most that a shape may have.
ROTO_POINTS = 20_000


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


def _roto(size_bytes: int) -> Buffer:
    """A mask of so many bytes of points, made at once: the client that is measured shares this process."""
    row = b'{"frame":%d,"width":64,"height":64,"layers":[{"splines":[{"points":['
    x_y = b"1234.12345678901,987.123456789012"
    point = b"[" + b",".join([x_y, x_y, x_y, b"0.3333333333333333"]) + b"]"
    frame = b",".join([point] * ROTO_POINTS) + b"]}]}]}"
    rows = [row % number + frame for number in range(1, 2 + size_bytes // len(frame))]
    return Buffer(b'{"format":1,"space":"exr_px","frames":[' + b",".join(rows) + b"]}")


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
    folder = service.temporary / "greedy"
    folder.mkdir(mode=0o700)
    replace(service.connection, keys=keys).save(folder / CONNECTION_FILE)
    script = Path(__file__).with_name("connection_flood.py")
    command = [sys.executable, str(script), str(folder / CONNECTION_FILE), "1100", "5"]
    service.run_beside(command).wait()
    return "answers a new client" if service.ask("ping", give_up_s=20.0) else "no answer to a new client"


def half_open(service: HostileService) -> str:
    """S1 1100 connections of strangers that say nothing."""
    host, port = service.connection.endpoint.removeprefix("tcp://").split(":")
    script = Path(__file__).with_name("silent_connections.py")
    command = [sys.executable, str(script), host, port, "1100"]
    stranger = service.run_beside(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert stranger.stdin is not None and stranger.stdout is not None
    opened = int(stranger.stdout.readline())
    time.sleep(2.0)
    answer = service.ask("ping", give_up_s=20.0)
    stranger.communicate()
    return f"{opened} opened, {'answers' if answer else 'no answer to'} a new client"


def empty_layers(service: HostileService) -> str:
    """S2 1.4 MiB of empty layers."""
    return _messages(service, [_submit(service, {"mask.splines": _layers(14 * MIB // 10)})])


def more_empty_layers(service: HostileService) -> str:
    """S2 7.4 MiB of empty layers."""
    return _messages(service, [_submit(service, {"mask.splines": _layers(74 * MIB // 10)})])


def large_rotos(service: HostileService) -> str:
    """S2 three jobs with rotos of 9 MB."""
    buffers = [_roto(9 * 10**6) for _ in range(3)]
    return _messages(service, [_submit(service, {"mask.splines": buffer}) for buffer in buffers])


def large_roto(service: HostileService) -> str:
    """S2 a job with a roto of 18 MB."""
    return _messages(service, [_submit(service, {"mask.splines": _roto(18 * 10**6)})])


def many_frames(service: HostileService) -> str:
    """S2 five messages of a million empty frames."""
    script = Path(__file__).with_name("frame_flood.py")
    command = [sys.executable, str(script), str(service.home / CONNECTION_FILE), "1000000", "5"]
    return service.run_beside(command, stdout=subprocess.PIPE).communicate()[0].decode().strip()


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
