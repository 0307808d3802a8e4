"""Many clients, non_reader clients, half_open, and a queue that several clients fill at once."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import zmq

from benchmarks.service_stress.bad_messages import raw_socket
from benchmarks.service_stress.service import Pinger, Service
from svfr_client.client import Client
from svfr_client.connection import Connection, KeyPair
from svfr_client.errors import NotAuthorised
from svfr_client.job import JobSpec
from svfr_client.protocol.wire import Message, pack, unpack


@dataclass
class ManyClients:
    """Clients that all talk at once: how long each waited for each answer, the first with its handshake."""

    first_ms: list[float] = field(default_factory=list)
    later_ms: list[float] = field(default_factory=list)
    unanswered: int = 0


def many_clients(service: Service, clients: int, rounds: int) -> ManyClients:
    """Connect so many clients at once and let each ping in rounds."""
    connection = service.connection
    found = ManyClients()
    began = time.perf_counter()
    sockets = [raw_socket(connection) for _ in range(clients)]
    try:
        for number in range(rounds):
            sent = began if number == 0 else time.perf_counter()
            for dealer in sockets:
                dealer.send_multipart(pack(Message("ping")))
            waits = _collect(sockets, sent)
            (found.first_ms if number == 0 else found.later_ms).extend(waits)
            found.unanswered += clients - len(waits)
    finally:
        for dealer in sockets:
            dealer.close()
    return found


def _collect(sockets: list[zmq.Socket[bytes]], sent: float, give_up_s: float = 20.0) -> list[float]:
    poller = zmq.Poller()
    for dealer in sockets:
        poller.register(dealer, zmq.POLLIN)
    waits: list[float] = []
    while len(waits) < len(sockets) and time.perf_counter() - sent < give_up_s:
        for dealer, _ in poller.poll(200):
            unpack(dealer.recv_multipart())
            waits.append(1000 * (time.perf_counter() - sent))
    return waits


@dataclass
class NonReader:
    """A client that asks and never reads: what the service then holds, and what others feel."""

    asked_mib: float
    grew_mib: float
    ping_ms: list[float]


def non_reader(service: Service, requests: int) -> NonReader:
    """Fill the list of jobs, then ask for it so often without reading; needs a paused queue."""
    spec = JobSpec("/p/" + "x" * 1500 + ".exr", "1", ("bfr",), "/o/" + "y" * 1500 + ".exr")
    with service.client() as client:
        client.pause()
        jobs = [client.submit(spec).job for _ in range(120)]
        before = most = service.resident_mib()
        question = pack(Message("list", {"limit": 1000, "active_only": False}))
        with raw_socket(service.connection) as reader, raw_socket(service.connection) as never:
            reader.send_multipart(question)
            answer_bytes = sum(len(frame) for frame in reader.recv_multipart())
            with Pinger(service) as pinger:
                for number in range(requests):
                    never.send_multipart(question)
                    if number % 20 == 0:
                        client.ping()
                        most = max(most, service.resident_mib())
                time.sleep(1.0)
                most = max(most, service.resident_mib())
        for job in jobs:
            client.cancel(job)
        client.resume()
    return NonReader(requests * answer_bytes / 2**20, most - before, pinger.waited_ms)


@dataclass
class HalfOpen:
    """TCP connections that never shake hands: when the service closed them, what others felt meanwhile."""

    opened: int
    closed: int
    closed_within_s: float
    ping_ms: list[float]


def half_open(service: Service, count: int) -> HalfOpen:
    """Open so many connections and say nothing."""
    host, port = service.connection.endpoint.removeprefix("tcp://").split(":")
    began = time.monotonic()
    with Pinger(service) as pinger:
        opened = [socket.create_connection((host, int(port)), timeout=5) for _ in range(count)]
        closed, last = 0, 0.0
        for connection in opened:
            connection.settimeout(max(0.1, 10.0 - (time.monotonic() - began)))
            if _is_closed(connection):
                closed, last = closed + 1, time.monotonic() - began
            connection.close()
    return HalfOpen(count, closed, last, pinger.waited_ms)


def _is_closed(connection: socket.socket) -> bool:
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


@dataclass
class Refusals:
    """Clients that must not get in: how many were told so, and after how long at most."""

    tried: int = 0
    refused: int = 0
    slowest_s: float = 0.0


def refused_keys(service: Service, count: int) -> Refusals:
    """Try unknown client keys and wrong server keys, half of each."""
    found = Refusals()
    for number in range(count):
        own, other = service.connection, KeyPair.new()
        wrong: Connection = replace(own, keys=other) if number % 2 else replace(own, server_key=other.public)
        began = time.monotonic()
        found.tried += 1
        with Client(wrong) as client:
            try:
                client.ping()
            except NotAuthorised:
                found.refused += 1
        found.slowest_s = max(found.slowest_s, time.monotonic() - began)
    return found


@dataclass
class Queue:
    """Jobs of several clients: what is missing or told twice; the place in line of each client's first."""

    jobs: int = 0
    frames_missing: int = 0
    events_wrong: int = 0
    first_places: list[int] = field(default_factory=list)
    seconds: float = 0.0


def full_queue(service: Service, folder: Path, clients: int, jobs: int, frames: int = 6) -> Queue:
    """Let each client hand in its share of the jobs at once and follow them all."""
    found = Queue(jobs=jobs)
    guests = [service.guest(f"guest{number}") for number in range(clients)]
    ended: list[tuple[float, int]] = []
    began = time.monotonic()
    with service.client() as keeper:
        keeper.pause()
        handed_in = threading.Barrier(clients + 1)

        def one(number: int) -> None:
            """Submit one client's jobs, follow them and count what is wrong."""
            with Client(guests[number], name=f"guest{number}") as client:
                mine = []
                for job in range(jobs // clients):
                    output = str(folder / f"{number}_{job}" / "o.%04d.exr")
                    mine.append((client.submit(_job(output, frames)).job, output))
                handed_in.wait()
                for name, output in mine:
                    events = list(client.follow(name))
                    frame_events = Counter(e.body["frame"] for e in events if e.kind == "frame")
                    in_order = [e.seq for e in events] == list(range(1, len(events) + 1))
                    right = (
                        in_order
                        and events[-1].kind == "done"
                        and frame_events == Counter(range(1, frames + 1))
                    )
                    found.events_wrong += not right
                    there = sum(Path(output % frame).exists() for frame in range(1, frames + 1))
                    found.frames_missing += frames - there
                    ended.append((client.status(name).updated, number))

        threads = [threading.Thread(target=one, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        handed_in.wait()
        keeper.resume()
        for thread in threads:
            thread.join()
    found.seconds = time.monotonic() - began
    order = [number for _, number in sorted(ended)]
    found.first_places = [order.index(number) + 1 for number in range(clients)]
    return found


def _job(output: str, frames: int) -> JobSpec:
    return JobSpec("/p/a.%04d.exr", f"1-{frames}", ("bfr",), output)
