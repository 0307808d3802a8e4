"""Whose turn it is, what stops the queue, and what becomes of workers that fail in every way."""

import contextlib
import sqlite3
import time
from dataclasses import replace
from pathlib import Path

import pytest
from server_samples import Service, StartService, job, wait_until

from svfr_client.client import Client
from svfr_client.connection import KeyPair, find_connection
from svfr_client.errors import NotAuthorised, ReportedError
from svfr_client.protocol.messages import Event, JobState
from svfr_client.protocol.wire import new_id
from svfr_server.errors import QueueFull, StoreUnusable
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.settings import Limits, WorkerTimeouts
from svfr_server.supervisor.stall_timeout import StallTimeout
from svfr_server.supervisor.zap_keys import KeyRing


def run(client: Client, name: str) -> list[Event]:
    return list(client.follow(client.submit(job(name)).job))


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events if event.kind not in ("progress", "warning")]


def guest(service: Service, name: str) -> Client:
    """A client with a key of its own."""
    connection = replace(find_connection(service.home), keys=KeyPair.new())
    KeyRing(service.home).authorise(name, connection.keys.public)
    return Client(connection, name=name)


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs.sqlite")


def add(store: JobStore, party: str, **changes: object) -> str:
    name = new_id()
    store.add(name, JobEntry.of(replace(job("quick"), **changes)), Sender(party, party), Limits())  # type: ignore[arg-type]
    return name


def started(store: JobStore, count: int) -> list[str]:
    order = []
    for _ in range(count):
        following = store.next_queued()
        assert following is not None
        store.start_attempt(following, "cpu")
        order.append(following)
    return order


def test_parties_take_turns_whatever_many_jobs_one_hands_in(store: JobStore) -> None:
    many = [add(store, "anna") for _ in range(4)]
    late = [add(store, "ben"), add(store, "ben")]
    later = add(store, "cleo")
    assert started(store, 7) == [many[0], late[0], later, many[1], late[1], many[2], many[3]]


def test_priority_goes_before_turns_and_what_had_begun_before_what_had_not(store: JobStore) -> None:
    begun, other = add(store, "anna"), add(store, "ben")
    urgent = add(store, "ben", priority=1)
    assert started(store, 2) == [urgent, begun]
    store.retry(begun, "the worker died")
    assert started(store, 2) == [begun, other]


def test_one_party_cannot_fill_the_queue_for_others(store: JobStore) -> None:
    limits = Limits(queued_jobs=5, queued_jobs_per_client=2)
    anna, ben = Sender("anna", "anna"), Sender("ben", "ben")
    for sender in (anna, anna, ben):
        store.add(new_id(), JobEntry.of(job("quick")), sender, limits)
    with pytest.raises(QueueFull, match="2 jobs of this client"):
        store.add(new_id(), JobEntry.of(job("quick")), anna, limits)
    store.add(new_id(), JobEntry.of(job("quick")), ben, limits)
    store.add(new_id(), JobEntry.of(job("quick")), Sender("cleo", "cleo"), limits)
    with pytest.raises(QueueFull, match="5 jobs wait"):
        store.add(new_id(), JobEntry.of(job("quick")), Sender("dan", "dan"), limits)


def test_old_and_surplus_finished_jobs_are_forgotten_and_others_never(store: JobStore) -> None:
    done = [add(store, "anna") for _ in range(6)]
    waiting, running = add(store, "anna"), add(store, "anna")
    for name in done:
        store.finish(name, JobState.DONE, {})
    store.start_attempt(running, "cpu")
    assert store.forget_finished(before=0.0, keep=4, at_most=1) == (done[0],)
    assert store.forget_finished(before=0.0, keep=4, at_most=9) == (done[1],)
    assert store.forget_finished(before=0.0, keep=4, at_most=9) == ()
    assert store.events(done[0], 0, 9) == []
    assert set(store.forget_finished(before=time.time() + 1, keep=4, at_most=99)) == set(done[2:])
    assert {status.job for status in store.list(99, False)} == {waiting, running}


def test_the_service_forgets_by_itself(start_service: StartService) -> None:
    one = start_service("--keep-jobs", "0")
    with one.client() as client:
        former = run(client, "quick")[0].job
    one.restart()
    with one.client() as client:
        wait_until(lambda: not client.jobs())
        with pytest.raises(ReportedError, match="There is no job"):
            client.status(former)


def test_a_store_deleted_under_a_running_service_loses_no_job(own_service: Service) -> None:
    with own_service.client() as client:
        first = run(client, "quick")[0].job
        for file in (*own_service.home.glob("jobs.sqlite*"), own_service.home / "connection.json"):
            file.unlink()
        wait_until((own_service.home / "jobs.sqlite").exists)
        wait_until((own_service.home / "connection.json").exists)
        second = run(client, "quick")[0].job
    own_service.restart()
    with own_service.client() as client:
        assert {status.job for status in client.jobs()} == {first, second}


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    JobStore(tmp_path / "newer.sqlite").close()
    with contextlib.closing(sqlite3.connect(tmp_path / "newer.sqlite")) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnusable, match="form 99"):
        JobStore(tmp_path / "newer.sqlite")


def test_a_paused_queue_takes_jobs_starts_none_and_stays_paused_over_a_restart(own_service: Service) -> None:
    with own_service.client() as client:
        running = client.submit(job("until_cancelled")).job
        next(event for event in client.follow(running) if event.kind == "progress")
        assert client.pause().queue == "paused"
        waiting = client.submit(job("quick")).job
        client.cancel(running)
        assert list(client.follow(running))[-1].kind == "cancelled"
        assert client.status(waiting).state is JobState.QUEUED
    own_service.kill()
    own_service.start()
    with own_service.client() as client:
        assert client.ping().queue == "paused"
        assert client.status(waiting).state is JobState.QUEUED
        assert client.resume().queue == "open"
        assert list(client.follow(waiting))[-1].kind == "done"


def test_a_drained_service_ends_with_its_last_running_job_and_keeps_the_waiting_ones(
    own_service: Service,
) -> None:
    with own_service.client() as client:
        running, waiting = (client.submit(job(name)).job for name in ("falls_silent_once", "quick"))
        next(event for event in client.follow(running) if event.kind == "progress")
        assert client.drain().queue == "draining"
        with pytest.raises(ReportedError) as caught:
            client.submit(job("quick"))
        assert caught.value.code == "QUEUE_FULL"
        client.cancel(running)
    own_service.wait_until_gone()
    own_service.start()
    with own_service.client() as client:
        assert client.status(running).state is JobState.CANCELLED
        assert client.ping().queue == "open"
        assert list(client.follow(waiting))[-1].kind == "done"


def test_another_client_may_look_but_neither_cancel_nor_stop(service: Service, client: Client) -> None:
    running = client.submit(job("until_cancelled")).job
    with guest(service, "guest") as other:
        assert other.status(running).job == running
        for forbidden in (lambda: other.cancel(running), other.shutdown, other.pause, other.drain):
            with pytest.raises(ReportedError) as caught:
                forbidden()
            assert caught.value.code == "FORBIDDEN"
        theirs = other.submit(job("quick")).job
        client.cancel(theirs)  # the service's own user may
        list(client.follow(theirs))
        mine = other.submit(job("quick")).job
        assert other.cancel(mine).state.is_final or other.cancel(mine).cancel_requested
    client.cancel(running)


def test_a_revoked_client_is_shut_out_where_it_is_connected(service: Service) -> None:
    with guest(service, "leaver") as other:
        other.ping()
        KeyRing(service.home).revoke("leaver")
        # the answer to the request, or the refusal at the door after the connection was cut
        with pytest.raises((ReportedError, NotAuthorised)) as caught:
            other.ping()
        assert caught.value.code == "AUTH"


def test_a_worker_that_falls_silent_is_replaced_without_a_cancel(start_service: StartService) -> None:
    with start_service("--stuck-after", "1").client() as client:
        events = run(client, "falls_silent_once")
        assert kinds(events) == ["queued", "running", "retry", "running"] + ["frame"] * 4 + ["done"]
        retry = next(event for event in events if event.kind == "retry")
        assert "it was stuck" in retry.body["reason"]


def test_a_worker_that_is_silent_before_its_first_window_is_replaced_later(
    start_service: StartService,
) -> None:
    with start_service("--first-window", "1.5").client() as client:
        last = run(client, "non_reader")[-1]
        assert (last.kind, last.body["error"]["code"]) == ("failed", "WORKER_CRASHED")
        assert "it was stuck" in last.body["error"]["message"]


def test_silence_is_measured_in_the_stages_own_windows() -> None:
    stall = StallTimeout(WorkerTimeouts(silence_s=10, first_s=900, cancel_s=5), 0.0)
    assert stall.stalled_at == 900
    for number in range(1, 5):  # four windows of 2 s
        stall.note(2.0 * number, "progress", {"stage": "denoise", "track": 0, "done": number, "total": 50})
    assert (stall.median_window_s, stall.stalled_at) == (2.0, 8 + 3 * 2 + 10)
    assert stall.cancel_deadline(100.0) == 100 + 3 * 2 + 5
    stall.note(
        30.0, "progress", {"stage": "denoise", "track": 0, "done": 15, "total": 50}
    )  # 11 reports thinned
    assert stall.median_window_s == 2.0
    stall.note(31.0, "frame", {})
    assert stall.stalled_at == 31 + 6 + 10
    stall.note(40.0, "progress", {"stage": "decode", "track": 0, "done": 0, "total": 9})
    assert (stall.median_window_s, stall.stalled_at) == (None, 940)
    stall.note(41.0, "progress", {"stage": "decode", "track": 0, "done": 9, "total": 9})
    assert stall.stalled_at == 941  # what comes next is not known yet


def test_a_worker_beside_which_a_compiler_runs_may_take_as_long_as_for_its_first_window() -> None:
    stall = StallTimeout(WorkerTimeouts(silence_s=10, first_s=900, cancel_s=5), 0.0)
    steps = [{"stage": "denoise", "track": 0, "done": number, "total": 50} for number in range(6)]
    for number in range(1, 5):
        stall.note(2.0 * number, "progress", steps[number], is_compiling=True)
    assert (stall.median_window_s, stall.stalled_at) == (2.0, 8 + 900)
    stall.note(10.0, "progress", steps[5])
    assert stall.stalled_at == 10 + 3 * 2 + 10, "no longer than the compiler runs"


def processes(events: list[Event]) -> list[str]:
    return [event.body["message"] for event in events if event.kind == "warning"]


def test_memory_that_gives_out_is_tried_again_with_less_in_the_same_process(own_service: Service) -> None:
    with own_service.client() as client:
        events = run(client, "fits_when_networks_take_turns")
        assert kinds(events) == ["queued", "running"] + ["frame"] * 4 + ["done"]
        first, second = processes(events)
        assert first == second


def test_memory_that_gives_out_again_is_tried_in_a_fresh_process(own_service: Service) -> None:
    with own_service.client() as client:
        events = run(client, "fits_in_a_fresh_process")
        assert kinds(events) == ["queued", "running", "queued", "running"] + ["frame"] * 4 + ["done"]
        first, second, third = processes(events)
        assert first == second != third
        assert "GiB free" in next(e.body["reason"] for e in events if "reason" in e.body)


def test_memory_that_never_suffices_is_told_with_figures_and_the_next_job_runs(own_service: Service) -> None:
    with own_service.client() as client:
        error = run(client, "out_of_memory")[-1].body["error"]
        assert error["code"] == "OOM"
        assert error["message"].count("iB") == 3  # GiB, and MiB of a small worker
        assert kinds(run(client, "quick"))[-1] == "done"


def test_a_lost_device_costs_the_process_and_not_the_job(client: Client) -> None:
    events = run(client, "loses_the_device_once")
    assert kinds(events)[:4] == ["queued", "running", "retry", "running"]
    assert events[-1].kind == "done"
    assert "ended with code 4" in next(e.body["reason"] for e in events if e.kind == "retry")


def test_thousands_of_problems_are_told_shortly(client: Client) -> None:
    error = run(client, "complains_a_thousand_times")[-1].body["error"]
    assert len(error["problems"]) == 100
    assert max(len(problem["message"]) for problem in error["problems"]) == 2000


def test_programs_of_the_same_user_take_turns(own_service: Service) -> None:
    connection = find_connection(own_service.home)
    with Client(connection, name="nuke") as nuke, Client(connection, name="blender") as blender:
        first = nuke.submit(job("until_cancelled")).job
        next(event for event in nuke.follow(first) if event.kind == "progress")
        many = [nuke.submit(job("quick", "1")).job for _ in range(3)]
        late = blender.submit(job("quick", "1")).job
        nuke.cancel(first)
        for name in (*many, late):
            list(nuke.follow(name))
        ended = [nuke.status(name).updated for name in (late, *many)]
        assert ended == sorted(ended)
