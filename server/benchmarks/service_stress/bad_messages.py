"""Bad messages: rubbish, broken framing, and valid requests of an authorised client, one field changed."""

from __future__ import annotations

import copy
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import zmq

from benchmarks.service_stress.figures import describe_ms
from benchmarks.service_stress.service import Pinger, Service
from svfr_client.connection import Connection
from svfr_client.job import JobSpec
from svfr_client.link import process_context
from svfr_client.protocol.bulk import split_bulk
from svfr_client.protocol.wire import MAGIC, Message, new_id, pack, unpack

ANSWER_MS = 10_000
_UNANSWERED = ("ack", "credit", "unfollow")


@dataclass
class Answers:
    """What came of the bad messages. ``mutated``: refused ones that were valid but for one field."""

    refused: int = 0
    mutated: int = 0
    still_valid: int = 0
    without_answer: int = 0
    internal: int = 0
    crashes: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    ping_ms: list[float] = field(default_factory=list)
    seconds: float = 0.0


def run(service: Service, count: int, seed: int = 1) -> Answers:
    """Send bad messages until so many were refused, while another client pings."""
    rng = random.Random(seed)
    answers = Answers()
    boot = service.connection.boot
    began = time.monotonic()
    guest = service.guest("stress-guest")
    with Pinger(service) as pinger, raw_socket(guest) as dealer:
        while answers.refused < count:
            is_mutated = rng.random() < 0.6
            frames, is_silent = _mutated(rng) if is_mutated else (_malformed(rng), False)
            if is_silent:  # a late answer to it must not be taken for the next message's
                with raw_socket(guest) as own:
                    _send(own, frames, is_silent, is_mutated, answers)
            else:
                _send(dealer, frames, is_silent, is_mutated, answers)
    answers.seconds = time.monotonic() - began
    answers.ping_ms = pinger.waited_ms
    answers.crashes = int(service.connection.boot != boot)
    return answers


def raw_socket(connection: Connection) -> zmq.Socket[bytes]:
    """Return an authorised socket that sends whatever it likes."""
    dealer = process_context().socket(zmq.DEALER)
    dealer.linger = 0
    dealer.curve_serverkey = connection.server_key.encode("ascii")
    dealer.curve_publickey = connection.keys.public.encode("ascii")
    dealer.curve_secretkey = connection.keys.secret.encode("ascii")
    dealer.connect(connection.endpoint)
    return dealer


def _send(
    dealer: zmq.Socket[bytes], frames: list[bytes], is_silent: bool, is_mutated: bool, answers: Answers
) -> None:
    """Send a message and a ping behind it, and wait for both answers; a silent one's end is the ping's.

    Long requests are checked in processes of their own, so that the ping may be answered first.
    """
    ping = Message("ping")
    dealer.send_multipart(frames)
    dealer.send_multipart(pack(ping))
    replies: list[Message] = []
    read_bytes = 0
    is_pinged = False
    while not is_pinged or not (replies or is_silent):
        if not dealer.poll(ANSWER_MS):
            answers.without_answer += 1
            return
        received = dealer.recv_multipart()
        read_bytes += sum(len(frame) for frame in received)
        reply = unpack(received)
        if reply.re == ping.id:
            is_pinged = True
        elif reply.op != "event":
            replies.append(reply)
    dealer.send_multipart(pack(Message("credit", {"bytes": read_bytes})))
    if len(replies) != 1:
        # valid requests that nobody answers are the only ones that may stay without
        answers.still_valid += is_silent and not replies
        answers.without_answer += not (is_silent and not replies)
        return
    if replies[0].op == "ok":
        answers.still_valid += 1
        return
    code = str(replies[0].body.get("code", ""))
    answers.codes[code or "NONE"] += 1
    answers.refused += 1
    answers.mutated += is_mutated
    answers.internal += code in ("", "INTERNAL")


def _malformed(rng: random.Random) -> list[bytes]:
    """A message with something wrong in its frames, its JSON or its lengths."""
    header = json.dumps(
        {"v": [1, 0], "id": new_id(), "re": None, "op": "ping", "body": {}, "bufs": []}
    ).encode("ascii")
    cut = rng.randrange(1, len(header))
    noise = rng.randbytes(rng.randrange(1, 300))
    return rng.choice(
        [
            [b"GET / HTTP/1.1\r\n\r\n"],
            [noise],
            [MAGIC],
            [b"SVFR/%d" % rng.randrange(2, 99), header],
            [MAGIC, noise],
            [MAGIC, header[:cut]],
            [MAGIC, header[:cut] + bytes([rng.randrange(128, 256)]) + header[cut:]],
            [MAGIC, header.replace(b"{}", b'{"a":NaN}')],
            [MAGIC, header.replace(b"{}", b'{"a":1,"a":2}')],
            [MAGIC, header.replace(b"{}", b'{"a":1e999}')],
            [MAGIC, b"[" * rng.randrange(100, 60_000)],
            [MAGIC, b"9" * rng.randrange(30, 5000)],
            [MAGIC, b"{" + b" " * 70_000 + b"}"],
            [MAGIC, header, noise],
            [MAGIC, header, *[b"x"] * rng.randrange(30, 60)],
        ]
    )


def _valid() -> list[Message]:
    """One valid request of every operation."""
    job = new_id()
    spec = split_bulk(JobSpec("/p/a.%04d.exr", "1-2", ("bfr",), "/p/out/a.%04d.exr"))[0]
    return [
        Message("submit", {"job": job, "spec": spec}),
        Message("submit", {"job": job, "spec": spec}),
        Message("submit", {"job": job, "spec": spec}),
        Message("hello", {"min_minor": 0, "max_minor": 0, "client": "stress"}),
        Message("status", {"job": job}),
        Message("follow", {"job": job, "after_seq": 0}),
        Message("cancel", {"job": job}),
        Message("list", {"limit": 5, "active_only": False}),
        Message("redo", {"job": job, "of": new_id(), "frames": "1", "output": None, "seed": 1}),
        Message("ack", {"job": job, "seq": 1}),
        Message("credit", {"bytes": 1}),
        Message("unfollow", {"job": job}),
        Message("ping"),
        Message("models"),
        Message("missing", {"pieces": ["0" * 64]}),
        Message("room", {"set": "0" * 32, "pieces_bytes": 1, "files_bytes": 1}),
        Message("put", {"piece": "0" * 64}),
        Message("compare", {"files": [{"path": "/p/a.exr", "bytes": 1, "sha256": "0" * 64}]}),
        Message("assemble", {"set": "0" * 32, "name": "plate.1001.exr", "pieces": ["0" * 64]}),
        Message(
            "put_local",
            {"file": f"{'0' * 32}.local", "pieces": [{"piece": "0" * 64, "offset": 0, "bytes": 1}]},
        ),
        Message("result", {"job": job, "frame": 1001, "offset": 0}),
    ]


def _mutated(rng: random.Random) -> tuple[list[bytes], bool]:
    """A valid request with exactly one field changed; whether it may stay without an answer."""
    message = rng.choice(_valid())
    plain = {
        "v": [1, 0],
        "id": message.id,
        "re": None,
        "op": message.op,
        "body": copy.deepcopy(dict(message.body)),
        "bufs": [],
    }
    path = rng.choice(list(_fields(plain)))
    holder: Any = plain
    for key in path[:-1]:
        holder = holder[key]
    change = rng.randrange(4)
    if change == 0 and isinstance(holder, dict):
        del holder[path[-1]]
    elif change == 1 and isinstance(holder, dict):
        holder[f"{path[-1]}_x"] = holder.pop(path[-1])
    else:
        holder[path[-1]] = rng.choice(_STRANGE)
    return [MAGIC, json.dumps(plain).encode("utf-8")], message.op in _UNANSWERED


_STRANGE: list[Any] = [
    None,
    True,
    -1,
    2**63 - 1,
    -(2**63),
    0.5,
    "",
    "x" * 5000,
    "\0",
    "../../secret",
    "..\\x.exr",
    "\\\\server\\share\\x.exr",
    "//./pipe/x.exr",
    "/dev/zero",
    "/proc/self/environ",
    [],
    {},
    [[]],
    [{}],
    {"a": 1},
]


def _fields(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from _fields(value[key], (*path, key))


def describe(answers: Answers) -> str:
    """Return the figures as lines of text."""
    codes = ", ".join(f"{code} {count}" for code, count in answers.codes.most_common())
    share = answers.mutated / max(1, answers.refused)
    return (
        f"  refused with a typed code {answers.refused} ({codes})\n"
        f"  of them one field changed {answers.mutated} ({share:.0%})\n"
        f"  changed but still valid   {answers.still_valid}\n"
        f"  without an answer         {answers.without_answer}\n"
        f"  answered INTERNAL         {answers.internal}\n"
        f"  crashes                   {answers.crashes}\n"
        f"  another client's ping     {describe_ms(answers.ping_ms)}, within {answers.seconds:.0f} s"
    )
