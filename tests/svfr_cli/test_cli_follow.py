"""A followed job ends as its last event says, and Ctrl-C cancels it before it leaves."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from svfr_cli.exit_codes import ExitCode, exit_code_of
from svfr_cli.follow import Followed, follow, step_text
from svfr_cli.output import HumanOutput, JsonOutput
from svfr_cli.queue_notice import QueueNotice
from svfr_client.client import Client
from svfr_client.errors import FrameIsMissing, JobWasCancelled, ReportedError, SeveralProblems, SvfrError
from svfr_client.job import JobSpec
from svfr_client.protocol.messages import Event, Pong, Progress

JOB = "0" * 32


def event(seq: int, kind: str, **body: Any) -> Event:
    return Event(job=JOB, seq=seq, kind=kind, body=body)


class Recorded:
    """A service whose events are written down; ``interrupt_after`` says where the user presses Ctrl-C."""

    def __init__(self, events: list[Event], interrupt_after: tuple[int, ...] = ()) -> None:
        self.events, self.interrupts = events, list(interrupt_after)
        self.cancelled: list[str] = []
        self.asked: list[int] = []

    def follow(
        self, job: str, after_seq: int = 0, wanted: Callable[[], bool] = lambda: True
    ) -> Iterator[Event]:
        self.asked.append(after_seq)
        for one in self.events[after_seq:]:
            yield one
            if self.interrupts and self.interrupts[0] == one.seq:
                self.interrupts.pop(0)
                raise KeyboardInterrupt

    def ping(self) -> Pong:
        return Pong("b", queued=1, running=0)

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)


def test_a_done_job_returns_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        event(1, "running"),
        event(2, "progress", stage="denoise", track=1, done=3, total=9, eta_s=75.0),
        event(3, "warning", message="face lost in 3 frames"),
        event(4, "frame", frame=1002, path="out.1002.exr"),
        event(5, "frame", frame=1001, path="out.1001.exr"),  # frames may come in any order
        event(6, "done"),
    ]
    assert follow(Recorded(events), JOB, HumanOutput()) == Followed(2, "out.1002.exr")
    said = capsys.readouterr()
    assert said.out == ""
    assert "Pass 2: restoring, face 1 3/9  1 min 15 s left in this stage" in said.err
    assert "Warning: face lost in 3 frames" in said.err


def test_the_share_of_the_whole_job_stands_before_its_stage(capsys: pytest.CaptureFixture[str]) -> None:
    step = {"stage": "denoise", "done": 3, "total": 9, "overall": 0.4375}
    follow(Recorded([event(1, "progress", **step), event(2, "done")]), JOB, HumanOutput())
    assert "44%  Pass 2: restoring 3/9" in capsys.readouterr().err
    assert step_text(Progress(**step)) == "44%  Pass 2: restoring 3/9"
    assert step_text(Progress("write", 1, 2)) == "Writing frames 1/2" and step_text(None) == ""


def test_in_json_form_every_event_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    events = [event(1, "progress", stage="load", done=0, total=0), event(2, "done")]
    follow(Recorded(events), JOB, JsonOutput())
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["kind"], line["seq"], line["job"]) for line in lines] == [
        ("progress", 1, JOB),
        ("done", 2, JOB),
    ]


def test_a_failed_job_raises_the_workers_own_error() -> None:
    body = {
        "code": "FRAME_MISSING",
        "message": "gone",
        "frame": 1003,
        "path": "a.exr",
        "remedy": "Render it.",
    }
    with pytest.raises(ReportedError) as caught:
        follow(Recorded([event(1, "failed", error=body)]), JOB, HumanOutput())
    assert (caught.value.code, caught.value.frame) == ("FRAME_MISSING", 1003)
    assert exit_code_of(caught.value) is ExitCode.BAD_INPUT


def test_a_cancelled_job_is_told_apart_from_a_failed_one() -> None:
    with pytest.raises(JobWasCancelled) as caught:
        follow(Recorded([event(1, "cancelled")]), JOB, HumanOutput())
    assert exit_code_of(caught.value) is ExitCode.CANCELLED


def test_the_first_interrupt_cancels_and_follows_on_without_a_gap() -> None:
    service = Recorded(
        [event(1, "running"), event(2, "progress", stage="denoise"), event(3, "cancelled")], (2,)
    )
    with pytest.raises(JobWasCancelled):
        follow(service, JOB, HumanOutput())
    assert service.cancelled == [JOB]
    assert service.asked == [0, 2]


def test_the_second_interrupt_leaves_at_once() -> None:
    service = Recorded([event(1, "running"), event(2, "progress", stage="denoise"), event(3, "done")], (1, 2))
    with pytest.raises(KeyboardInterrupt):
        follow(service, JOB, HumanOutput())
    assert service.cancelled == [JOB]


def test_several_problems_are_listed_each_with_its_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        SvfrError("The frame is cut short.", frame=1002, path="p.1002.exr", remedy="Copy it again."),
        SvfrError("No such model.", remedy="Run svfr model list."),
    ]
    HumanOutput().error(SeveralProblems(problems))
    said = capsys.readouterr().err
    for part in ("2 problems", "frame: 1002", "p.1002.exr", "Copy it again.", "Run svfr model list."):
        assert part in said


def test_frames_with_the_same_problem_are_named_as_a_range(capsys: pytest.CaptureFixture[str]) -> None:
    remedy = "Render the frame."
    missing = [FrameIsMissing("The plate has no such frame.", frame=f, remedy=remedy) for f in (3, 4, 5, 9)]
    HumanOutput().error(SeveralProblems([*missing, SvfrError("No such model.")]))
    said = capsys.readouterr().err
    assert "frame: 3-5,9" in said
    assert said.count(remedy) == 1
    assert "2 problems" in said and "No such model." in said  # as many as are shown


class Queue:
    """A server whose queue is as it is set, and a clock that is put forward."""

    def __init__(self) -> None:
        self.pong: Pong | SvfrError = Pong("b", queued=3, running=1)
        self.now_s = 100.0

    def ask(self) -> Pong:
        if isinstance(self.pong, SvfrError):
            raise self.pong
        return self.pong

    def said_within(self, notice: QueueNotice, seconds: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
        capsys.readouterr()
        for _ in range(seconds):
            self.now_s += 1
            assert notice.passes()
        return capsys.readouterr().err.splitlines()


def test_a_job_that_waits_says_so_once_and_every_minute_and_when_that_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    queue = Queue()
    notice = QueueNotice(queue.ask, HumanOutput(), lambda: queue.now_s)
    notice.hears(event(1, "queued", attempt=1))
    turn = "The job waits for its turn: running 1 job, waiting 3 jobs with this one (svfr watch)."
    assert queue.said_within(notice, 2, capsys) == []
    assert queue.said_within(notice, 30, capsys) == [turn]
    assert queue.said_within(notice, 65, capsys) == [turn]
    queue.pong = Pong("b", queued=3, running=0, queue="paused")
    (paused,) = queue.said_within(notice, 30, capsys)
    assert "paused" in paused and "svfr resume" in paused
    queue.pong = Pong("b", queued=1, running=1, queue="draining")
    (draining,) = queue.said_within(notice, 30, capsys)
    assert "next start" in draining
    queue.pong = ReportedError("NO_ANSWER", "gone")
    assert queue.said_within(notice, 100, capsys) == [], "the one who follows hears of that elsewhere"
    queue.pong = Pong("b", queued=1, running=0)
    notice.hears(event(2, "running", attempt=1))
    notice.hears(event(3, "warning", message="m"))
    assert queue.said_within(notice, 100, capsys) == []
    notice.hears(event(4, "retry", attempt=2))
    assert queue.said_within(notice, 10, capsys) == ["The job waits for a worker of the server."]


def test_a_job_of_a_paused_server_says_so_while_it_is_followed(
    service: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    service.pause()
    plate = str(tmp_path / "p.%d.exr")
    job = service.submit(JobSpec(plate, "1", ("bfr",), str(tmp_path / "o.%d.exr"))).job
    said: list[str] = []

    class Heard(HumanOutput):
        def note(self, text: str) -> None:
            said.append(text)
            service.cancel(job)

    with pytest.raises(JobWasCancelled):
        follow(service, job, Heard())
    assert len(said) == 1 and "the job waits until svfr resume is run there" in said[0]


def test_a_program_hears_of_the_queue_as_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    queue = Queue()
    notice = QueueNotice(queue.ask, JsonOutput(), lambda: queue.now_s)
    queue.now_s += 10
    notice.passes()
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"kind": "waiting", "queue": "open", "queued": 3, "running": 1}
