"""Stress a service in every way the protocol foresees, on loopback, and print what it cost.

    python -m benchmarks.service_stress.run           small, about two minutes
    python -m benchmarks.service_stress.run --full    50 kills and more, 10,000 bad messages, 200 clients;
                                                about a quarter of an hour on two busy cores

Everything is bounded in number and time and happens in a temporary folder, against services of its own.
Exits with 1 when a figure is not what it must be.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.service_stress import bad_messages, clients, kills
from benchmarks.service_stress.figures import describe_ms, percentile
from benchmarks.service_stress.service import Service

PING_P99_MS = 100.0
READER_MIB = 64.0
REFUSAL_SECONDS = 5.0


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    kills: int
    messages: int
    clients: int
    rounds: int
    unread: int
    half_open: int
    keys: int
    jobs: int


SMALL = Size(kills=6, messages=600, clients=50, rounds=5, unread=300, half_open=50, keys=6, jobs=10)
FULL = Size(kills=50, messages=10_000, clients=200, rounds=20, unread=2000, half_open=300, keys=50, jobs=30)


class Requirements:
    """Collects what must hold and does not."""

    def __init__(self) -> None:
        self.broken: list[str] = []

    def require(self, holds: bool, text: str) -> None:
        """Note ``text`` unless it holds."""
        if not holds:
            self.broken.append(text)


def kill_jobs(folder: Path, size: Size, requirements: Requirements) -> None:
    """kill -9 under jobs."""
    print("kill -9 under jobs", flush=True)
    found = kills.run(folder, size.kills)
    print(kills.describe(found), flush=True)
    requirements.require(found.frames_lost == 0, "frames were lost")
    requirements.require(found.files_differing == 0, "EXRs differ")
    requirements.require(found.events_wrong == 0, "events were lost, doubled or out of order")
    most = max(found.repeated, default=0)
    requirements.require(most <= found.step_evaluations, "more than a step was computed again")
    least = min(found.stages.count(stage) for stage in kills.STAGES)
    requirements.require(
        size is not FULL or least >= kills.LEAST_IN_A_STAGE, "a stage had less than five kills"
    )


def send_bad_messages(service: Service, size: Size, requirements: Requirements) -> None:
    """Bad messages."""
    print("bad messages", flush=True)
    answers = bad_messages.run(service, size.messages)
    print(bad_messages.describe(answers), flush=True)
    requirements.require(answers.mutated * 3 >= answers.refused, "less than a third were mutations")
    requirements.require(answers.without_answer == 0, "messages stayed without an answer")
    requirements.require(answers.internal == 0, "answers had no code of their own")
    requirements.require(answers.crashes == 0, "the service crashed")
    requirements.require(percentile(answers.ping_ms, 0.99) < PING_P99_MS, "pings waited under bad messages")


def connect_many(service: Service, size: Size, requirements: Requirements) -> None:
    """Many clients at once."""
    found = clients.many_clients(service, size.clients, size.rounds)
    print(f"{size.clients} clients at once")
    print(f"  connected and answered    {describe_ms(found.first_ms)}")
    print(
        f"  all pinging at once       {describe_ms(found.later_ms)}; unanswered {found.unanswered}",
        flush=True,
    )
    requirements.require(found.unanswered == 0, "clients of the many_clients stayed unanswered")


def read_nothing(service: Service, size: Size, requirements: Requirements) -> None:
    """A client that never reads."""
    found = clients.non_reader(service, size.unread)
    print("a client that never reads")
    print(f"  asked for                 {found.asked_mib:.0f} MiB")
    print(f"  the service grew by       {found.grew_mib:.1f} MiB")
    print(f"  another client's ping     {describe_ms(found.ping_ms)}", flush=True)
    requirements.require(found.grew_mib <= READER_MIB, "a slow reader cost too much memory")


def stay_half_open(service: Service, size: Size, requirements: Requirements) -> None:
    """Connections without a handshake."""
    found = clients.half_open(service, size.half_open)
    print("connections that stay half open")
    print(f"  opened, closed by service {found.opened}, {found.closed} within {found.closed_within_s:.1f} s")
    print(f"  another client's ping     {describe_ms(found.ping_ms)}", flush=True)
    requirements.require(found.closed == found.opened, "half-open connections stayed")
    requirements.require(
        percentile(found.ping_ms, 0.99) < PING_P99_MS, "pings waited for half-open connections"
    )


def try_keys(service: Service, size: Size, requirements: Requirements) -> None:
    """Keys that must be refused."""
    found = clients.refused_keys(service, size.keys)
    print("wrong keys")
    print(
        f"  tried, refused            {found.tried}, {found.refused}; slowest {found.slowest_s:.1f} s",
        flush=True,
    )
    requirements.require(found.refused == found.tried, "a wrong key was not refused")
    requirements.require(found.slowest_s < REFUSAL_SECONDS, "a refusal took too long")


def fill_queue(service: Service, folder: Path, size: Size, requirements: Requirements) -> None:
    """Jobs of several clients."""
    found = clients.full_queue(service, folder, 5, size.jobs)
    print(f"{found.jobs} jobs of 5 clients")
    print(f"  frames missing            {found.frames_missing}")
    print(f"  jobs with wrong events    {found.events_wrong}")
    print(
        f"  places of first jobs      {sorted(found.first_places)}, all in {found.seconds:.1f} s", flush=True
    )
    requirements.require(found.frames_missing == 0, "frames of the queue are missing")
    requirements.require(found.events_wrong == 0, "events of the queue are wrong")
    requirements.require(sorted(found.first_places) == [1, 2, 3, 4, 5], "clients did not take turns")


def stress(size: Size, folder: Path, only: str = "all") -> list[str]:
    """Do everything, or ``only`` the "kills" or the "clients", and return what does not hold."""
    requirements = Requirements()
    if only != "kills":
        _strange_clients(size, folder, requirements)
    if only != "clients":
        kill_jobs(folder / "kills", size, requirements)
    return requirements.broken


def _strange_clients(size: Size, folder: Path, requirements: Requirements) -> None:
    service = Service(folder / "strange" / "home", "quick_job")
    try:
        fill_queue(service, folder / "queue", size, requirements)
        try_keys(service, size, requirements)
        stay_half_open(service, size, requirements)
        connect_many(service, size, requirements)
        read_nothing(service, size, requirements)
        send_bad_messages(service, size, requirements)
    finally:
        service.stop()


def main() -> int:
    """Run it; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--full", action="store_true", help="the whole size")
    parser.add_argument("--only", choices=("all", "kills", "clients"), default="all")
    given = parser.parse_args()
    size = FULL if given.full else SMALL
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stress-") as name:
        broken = stress(size, Path(name), given.only)
    print(f"{time.monotonic() - began:.0f} s; " + ("; ".join(broken) if broken else "all as it must be"))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
