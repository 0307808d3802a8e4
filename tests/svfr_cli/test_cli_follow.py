"""A followed job ends as its last event says, and Ctrl-C cancels it before it leaves."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from svfr_cli.exit_codes import ExitCode, exit_code_of
from svfr_cli.follow import Followed, follow, step_text
from svfr_cli.output import HumanOutput, JsonOutput
from svfr_client.errors import JobWasCancelled, ReportedError, SeveralProblems, SvfrError
from svfr_client.protocol.messages import Event, Progress
from svfr_restore.errors import FrameIsMissing

JOB = "0" * 32


def event(seq: int, kind: str, **body: Any) -> Event:
    return Event(job=JOB, seq=seq, kind=kind, body=body)


class Recorded:
    """A service whose events are written down; ``interrupt_after`` says where the user presses Ctrl-C."""

    def __init__(self, events: list[Event], interrupt_after: tuple[int, ...] = ()) -> None:
        self.events, self.interrupts = events, list(interrupt_after)
        self.cancelled: list[str] = []
        self.asked: list[int] = []

    def follow(self, job: str, after_seq: int = 0) -> Iterator[Event]:
        self.asked.append(after_seq)
        for one in self.events[after_seq:]:
            yield one
            if self.interrupts and self.interrupts[0] == one.seq:
                self.interrupts.pop(0)
                raise KeyboardInterrupt

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)


def test_a_done_job_returns_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    events = [
        event(1, "running"),
        event(2, "progress", stage="denoise", track=1, done=3, total=9, eta_s=75.0),
        event(3, "warning", message="face lost in 3 frames"),
        event(4, "frame", frame=1001, path="out.1001.exr"),
        event(5, "frame", frame=1002, path="out.1002.exr"),
        event(6, "done"),
    ]
    assert follow(Recorded(events), JOB, HumanOutput()) == Followed(2, "out.1002.exr")
    said = capsys.readouterr()
    assert said.out == ""
    assert "Pass 2: restoring, face 1 3/9  1 min 15 s left" in said.err
    assert "Warning: face lost in 3 frames" in said.err


def test_the_share_of_the_whole_job_stands_before_its_stage(capsys: pytest.CaptureFixture[str]) -> None:
    step = {"stage": "denoise", "done": 3, "total": 9, "overall": 0.4375}
    follow(Recorded([event(1, "progress", **step), event(2, "done")]), JOB, HumanOutput())
    assert "44%  Pass 2: restoring 3/9" in capsys.readouterr().err
    assert step_text(Progress(**step)) == "44%  denoise 3/9"
    assert step_text(Progress("write", 1, 2)) == "write 1/2" and step_text(None) == ""


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
    assert "5 problems" in said and "No such model." in said
