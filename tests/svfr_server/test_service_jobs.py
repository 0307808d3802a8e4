"""Jobs through a real service and a real worker: events, cancel, crashes, restarts."""

import ast
import os
import signal
import time

import pytest
from server_samples import Service, StartService, job, wait_until

from svfr_client.client import Client
from svfr_client.errors import ReportedError, SvfrError
from svfr_client.protocol.messages import Event, JobState
from svfr_client.protocol.wire import new_id


def events_of(client: Client, name: str, frames: str = "1001-1004") -> list[Event]:
    return list(client.follow(client.submit(job(name, frames)).job))


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events if event.kind != "progress"]


def wait_for(client: Client, running: str, kind: str) -> Event:
    return next(event for event in client.follow(running) if event.kind == kind)


def test_a_job_is_queued_run_and_done_with_every_event_once_in_order(client: Client) -> None:
    events = events_of(client, "quick")
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert kinds(events) == ["queued", "running"] + ["frame"] * 4 + ["done"]
    assert [e.body["frame"] for e in events if e.kind == "frame"] == [1001, 1002, 1003, 1004]
    assert events[-1].body == {"frames_written": 4, "tracks": [0], "counts": {"unet_calls": 3}}
    status = client.status(events[0].job)
    assert (status.state, status.attempts, status.last_seq) == (JobState.DONE, 1, len(events))
    assert status.progress is not None and status.progress.stage == "denoise"


def test_events_can_be_read_again_from_any_number_after_the_end(client: Client) -> None:
    events = events_of(client, "quick")
    done = events[0].job
    assert list(client.follow(done)) == events
    assert list(client.follow(done, after_seq=3)) == events[3:]
    assert list(client.follow(done, after_seq=len(events))) == []


def test_a_long_stream_of_events_arrives_whole(client: Client) -> None:
    events = events_of(client, "quick", "1-1500")
    assert [e.body["frame"] for e in events if e.kind == "frame"] == list(range(1, 1501))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


def test_two_clients_follow_one_job_each_at_its_own_pace(service: Service, client: Client) -> None:
    one = client.submit(job("quick", "1-300")).job
    with service.client() as other:
        slow = client.follow(one)
        first = [next(slow) for _ in range(3)]
        everything = list(other.follow(one))
        assert first + list(slow) == everything


def test_the_same_id_and_job_twice_is_one_job(client: Client) -> None:
    name = new_id()
    assert client.submit(job("quick"), name).is_new
    list(client.follow(name))
    again = client.submit(job("quick"), name)
    assert not again.is_new
    assert client.status(name).state is JobState.DONE


def test_the_same_id_with_another_job_is_a_conflict(client: Client) -> None:
    name = client.submit(job("quick")).job
    with pytest.raises(ReportedError) as caught:
        client.submit(job("quick", "1-9"), name)
    assert caught.value.code == "CONFLICT"


def test_a_running_job_is_cancelled_at_its_next_window(client: Client) -> None:
    running = client.submit(job("until_cancelled")).job
    wait_for(client, running, "progress")
    assert client.cancel(running).cancel_requested
    last = list(client.follow(running))[-1]
    assert (last.kind, last.body) == ("cancelled", {})
    assert client.cancel(running).state is JobState.CANCELLED


def test_a_queued_job_is_cancelled_at_once_and_a_finished_one_stays(client: Client) -> None:
    running = client.submit(job("until_cancelled")).job
    waiting = client.submit(job("quick")).job
    assert client.cancel(waiting).state is JobState.CANCELLED
    assert kinds(list(client.follow(waiting))) == ["queued", "cancelled"]
    client.cancel(running)
    list(client.follow(running))
    done = events_of(client, "quick")[0].job
    assert client.cancel(done).state is JobState.DONE


def test_a_worker_that_ignores_the_cancel_is_killed(start_service: StartService) -> None:
    with start_service("--cancel-grace", "0.3").client() as client:
        running = client.submit(job("non_reader")).job
        wait_for(client, running, "frame")
        client.cancel(running)
        last = list(client.follow(running))[-1]
        assert (last.kind, last.body) == ("cancelled", {"forced": True})
        assert kinds(events_of(client, "quick"))[-1] == "done"


def test_a_job_whose_worker_is_killed_goes_on_with_a_fresh_one(client: Client) -> None:
    events = events_of(client, "dies_once")
    assert kinds(events) == [
        "queued",
        "running",
        "frame",
        "frame",
        "retry",
        "running",
        "frame",
        "frame",
        "done",
    ]
    assert [e.body["frame"] for e in events if e.kind == "frame"] == [1001, 1002, 1003, 1004]
    retry = next(event for event in events if event.kind == "retry")
    assert retry.body == {"attempt": 2, "reason": "the worker process was killed by SIGKILL"}
    assert client.status(events[0].job).attempts == 2


def test_a_worker_killed_from_outside_is_noticed(client: Client) -> None:
    running = client.submit(job("tells_its_surroundings")).job
    warning = wait_for(client, running, "warning")
    pid = ast.literal_eval(warning.body["message"])["pid"]
    list(client.follow(running))
    os.kill(pid, signal.SIGKILL)
    assert kinds(events_of(client, "quick"))[-1] == "done"


def test_a_job_that_kills_its_worker_twice_fails_and_the_next_one_runs(client: Client) -> None:
    events = events_of(client, "dies_always")
    assert kinds(events) == ["queued", "running", "retry", "running", "failed"]
    error = events[-1].body["error"]
    assert error["code"] == "WORKER_CRASHED"
    assert "2 times" in error["message"] and "SIGSEGV" in error["message"]
    assert client.status(events[0].job).error == error
    assert kinds(events_of(client, "quick"))[-1] == "done"


def test_the_journal_of_a_job_goes_with_it(service: Service, client: Client) -> None:
    events_of(client, "dies_once")
    assert list((service.home / "journal").iterdir()) == []


def test_everything_a_pipeline_complains_about_reaches_the_client(client: Client) -> None:
    last = events_of(client, "finds_problems")[-1]
    error = last.body["error"]
    assert (last.kind, error["code"]) == ("failed", "PROBLEMS")
    assert [problem["frame"] for problem in error["problems"]] == [3, 4]
    assert [problem["remedy"] for problem in error["problems"]] == ["Render it."] * 2


@pytest.mark.parametrize(
    ("pipeline", "code", "text"),
    [
        ("breaks", "INTERNAL", "ZeroDivisionError"),
        ("out_of_memory", "OOM", "used by the worker at its peak"),
        ("no_such_pipeline", "INTERNAL", "KeyError"),
    ],
)
def test_a_failure_nobody_foresaw_has_a_code_too(client: Client, pipeline: str, code: str, text: str) -> None:
    error = events_of(client, pipeline)[-1].body["error"]
    assert error["code"] == code
    assert text in error["message"]


def test_a_pipeline_that_cannot_be_loaded_fails_its_jobs_only(start_service: StartService) -> None:
    with start_service("--pipeline", "no_such_module:run").client() as client:
        for _ in range(2):
            assert "no_such_module" in events_of(client, "quick")[-1].body["error"]["message"]


def test_the_workers_environment_has_no_ocio(own_service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "/show/config.ocio")
    with own_service.client() as client:
        warning = next(e for e in events_of(client, "tells_its_surroundings") if e.kind == "warning")
        assert ast.literal_eval(warning.body["message"])["OCIO"] is None
        assert (warning.body["frame"], warning.body["path"]) == (1, "/p/a.0001.exr")


def test_jobs_run_by_priority_then_age(client: Client) -> None:
    first = client.submit(job("until_cancelled")).job
    wait_for(client, first, "progress")
    spec = job("quick", "1")
    low, middle = client.submit(spec).job, client.submit(spec).job
    high = client.submit(type(spec).from_json({**spec.to_json(), "priority": 5})).job
    client.cancel(first)
    for one in (low, middle, high):
        list(client.follow(one))
    ended = {one: client.status(one).updated for one in (low, middle, high)}
    assert ended[high] < ended[low] < ended[middle]


def test_jobs_are_listed_newest_first(client: Client) -> None:
    made = [client.submit(job("quick", "1")).job for _ in range(3)]
    for one in made:
        list(client.follow(one))
    assert [status.job for status in client.jobs(limit=3)] == made[::-1]
    assert not {status.job for status in client.jobs(active_only=True)} & set(made)


def test_a_list_of_many_jobs_arrives(client: Client) -> None:
    for _ in range(200):
        client.submit(job("quick", "1"))
    assert len(client.jobs(limit=200)) == 200


def test_a_stopped_service_parks_its_job_and_takes_it_up_again(own_service: Service) -> None:
    with own_service.client() as client:
        running = client.submit(job("until_cancelled")).job
        waiting = client.submit(job("quick")).job
        wait_for(client, running, "progress")
        boot = client.ping().boot
        client.shutdown()
    own_service.wait_until_gone()
    own_service.start()
    with own_service.client() as client:
        assert client.ping().boot != boot
        stopped = next(e for e in client.follow(running) if e.kind == "queued" and "reason" in e.body)
        assert stopped.body == {"attempt": 1, "reason": "the service was stopped"}
        client.cancel(running)
        assert list(client.follow(waiting))[-1].kind == "done"


def test_a_killed_service_takes_its_jobs_up_again_and_followers_never_notice(own_service: Service) -> None:
    with own_service.client() as client:
        running = client.submit(job("until_cancelled")).job
        seen = []
        for event in client.follow(running):
            seen.append(event)
            if event.kind == "progress" and not any(e.kind == "queued" and e.seq > 1 for e in seen):
                if len(seen) == 4:
                    own_service.kill()
                    own_service.start()
            elif event.kind == "running" and event.seq > 2:
                client.cancel(running)
        assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
        assert kinds(seen) == ["queued", "running", "queued", "running", "cancelled"]
        restarted = next(event for event in seen if event.kind == "queued" and event.seq > 1)
        assert restarted.body["reason"] == "the service was restarted"


def test_a_worker_dies_with_its_service(own_service: Service) -> None:
    with own_service.client() as client:
        running = client.submit(job("tells_its_surroundings")).job
        pid = ast.literal_eval(wait_for(client, running, "warning").body["message"])["pid"]
        list(client.follow(running))
    own_service.kill()
    wait_until(lambda: not is_alive(pid))


def test_an_idle_worker_is_ended_and_the_next_job_gets_a_fresh_one(start_service: StartService) -> None:
    with start_service("--idle-unload", "0.2").client() as client:
        pids = []
        for _ in range(2):
            warning = next(e for e in events_of(client, "tells_its_surroundings") if e.kind == "warning")
            pids.append(ast.literal_eval(warning.body["message"])["pid"])
            wait_until(lambda: not is_alive(pids[-1]))
        assert pids[0] != pids[1]


def test_an_idle_worker_lives_on_while_it_compiles(start_service: StartService) -> None:
    with start_service("--idle-unload", "0.2").client() as client:
        warning = next(e for e in events_of(client, "compiles_afterwards") if e.kind == "warning")
        pid = ast.literal_eval(warning.body["message"])["pid"]
        time.sleep(1.5)
        assert is_alive(pid)
        client.shutdown()
    wait_until(lambda: not is_alive(pid))


def test_an_idle_service_ends(start_service: StartService) -> None:
    one = start_service("--idle-exit", "0.5")
    one.wait_until_gone()
    with pytest.raises(SvfrError, match="No service is running"):
        one.client()


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended but was not yet collected does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # noqa: PTH123
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
