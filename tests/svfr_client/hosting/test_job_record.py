"""What a host's record of a job makes of the job's events."""

from dataclasses import dataclass

from svfr_client.errors import ReportedError
from svfr_client.hosting import job_record
from svfr_client.protocol.messages import Event


@dataclass
class Record(job_record.JobRecord):
    job: str
    state: str = job_record.SENDING
    stage: str = ""
    fraction: float = 0.0
    message: str = ""
    warnings: tuple[str, ...] = ()
    paths: tuple[tuple[int, str], ...] = ()


def after(*events: tuple[str, dict[str, object]]) -> Record:
    record = Record("j")
    for seq, (kind, body) in enumerate(events, 1):
        record.take(Event("j", seq, kind, body))
    return record


def test_a_job_is_active_until_its_last_event() -> None:
    steps = [("queued", {}), ("running", {}), ("progress", {"stage": "shot", "done": 3, "total": 4})]
    running = after(*steps)
    assert (running.state, running.stage, running.fraction, running.is_active) == (
        "running",
        "shot",
        0.75,
        True,
    )
    assert after(*steps, ("retry", {"attempt": 2, "reason": "x"})).state == "queued"
    ended = after(*steps, ("done", {}))
    assert (ended.state, ended.stage, ended.fraction, ended.is_active) == ("done", "", 1.0, False)


def test_events_that_come_again_change_nothing() -> None:
    events = [
        ("warning", {"message": "Too dark.", "frame": 7}),
        ("frame", {"frame": 8, "path": "/o/8.exr"}),
        ("frame", {"frame": 7, "path": "/o/7.exr"}),
        ("done", {}),
    ]
    record = after(*events, *events)
    assert record.warnings == ("Frame 7: Too dark.",)
    assert record.paths == ((7, "/o/7.exr"), (8, "/o/8.exr"))


def test_a_failure_is_told_with_its_remedy_and_a_cancelled_job_says_nothing() -> None:
    problem = ReportedError("NO_FACE", "No face was found.", remedy="Give a box.")
    assert after(("failed", {"error": problem.to_dict()})).message == "No face was found. Give a box."
    assert (after(("cancelled", {})).state, after(("cancelled", {})).message) == ("cancelled", "")


def test_what_a_newer_server_says_is_passed_over() -> None:
    assert after(("weather", {"sky": "blue"})) == Record("j")
