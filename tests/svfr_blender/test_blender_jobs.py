"""The state machine and the server link without Blender: a recording host, a real server."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plates import write_exrs
from staged_extension.errors import SourceIsGone
from staged_extension.jobs import Controller, JobRecord, records_from_text, records_to_text
from staged_extension.link import (
    Address,
    AskModels,
    Cancel,
    Command,
    JobReport,
    ModelsReport,
    MovieReport,
    Report,
    ServerLink,
    ServerReport,
    Submit,
    Watch,
)
from staged_extension.svfr_client.errors import NoServer, ReportedError, SvfrError
from staged_extension.svfr_client.hosting.conversation import Failed, Lost, Message, NotCancelled, Reached
from staged_extension.svfr_client.hosting.program import MadeMovie, MovieWish
from staged_extension.svfr_client.job import ColourClaim, FaceChoice, JobSpec
from staged_extension.svfr_client.protocol.messages import Event, ModelOffer
from staged_extension.svfr_client.protocol.wire import new_id

from svfr_client.client import Client


class RecordingHost:
    def __init__(self) -> None:
        self.inserted: list[str] = []
        self.busy = False
        self.complaint: Exception | None = None
        self.no_movie: Exception | None = None
        self.movies: list[tuple[str, str]] = []

    def can_insert(self) -> bool:
        return not self.busy

    def insert(self, record: JobRecord) -> str:
        if self.complaint is not None:
            raise self.complaint
        self.inserted.append(record.job)
        return "told"

    def movie_wish(self, record: JobRecord) -> MovieWish:
        if self.no_movie is not None:
            raise self.no_movie
        return MovieWish("/o/%d.exr", record.movie)

    def note_movie(self, record: JobRecord, movie: MadeMovie) -> None:
        self.movies.append((record.job, movie.path.name))

    def changed(self) -> None:
        pass


class ScriptedLink:
    """Hands out the reports that a test puts in."""

    def __init__(self) -> None:
        self.sent: list[Command] = []
        self.waiting: list[Report] = []

    def send(self, command: Command) -> None:
        self.sent.append(command)

    def reports(self) -> list[Report]:
        taken, self.waiting = self.waiting, []
        return taken


def record(job: str = "j", **more: object) -> JobRecord:
    return JobRecord(job, "tag", "Scene", "strip", "strip 1-2", **more)


def heard(kind: str, job: str = "j", **body: object) -> JobReport:
    return JobReport(job, Event(job, 1, kind, body))


def done() -> list[Report]:
    return [heard("frame", frame=1, path="/o/1.exr"), heard("done")]


def spec(plate: Path, **more: object) -> JobSpec:
    return JobSpec(
        plate=str(plate / "plate.%04d.exr"),
        frames="1001-1003",
        tasks=("bfr",),
        output=str(plate / "out_v001" / "plate.%04d.exr"),
        faces=FaceChoice("frame"),
        colour=ColourClaim(interop_id="lin_rec709_scene"),
        model="identity",
        layers=(),
        **more,
    )


def test_a_finished_job_is_inserted_once() -> None:
    link, host = ScriptedLink(), RecordingHost()
    controller = Controller(link, host)
    controller.submit(record(), spec(Path("/p")))
    link.waiting = [heard("warning", message="odd"), *done()]
    controller.pump()
    controller.pump()
    assert host.inserted == ["j"]
    assert (controller.records[0].message, controller.records[0].warnings) == ("told", ("odd",))


def test_cancelling_a_job_ends_the_one_that_writes_its_layers_too_and_not_the_other_way() -> None:
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    for one in (record(), record("l", layers_of="j"), record("other", layers_of="o")):
        controller.submit(one, spec(Path("/p")))
    controller.cancel("other")
    controller.cancel("j")
    assert [one for one in link.sent if isinstance(one, Cancel)] == [
        Cancel("other"),
        Cancel("l"),
        Cancel("j"),
    ]


def test_the_servers_models_are_asked_for_once_and_kept_while_it_is_away() -> None:
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    link.waiting = [JobReport("j", Reached("svfr"))]
    controller.pump()
    assert link.sent == [AskModels()]
    mini = ModelOffer("mini", "diffusion", True, 192, ("bfr",), ("draft",), None, False, True)
    link.waiting = [ModelsReport((mini,)), JobReport("j", Reached("svfr")), ServerReport(False, "gone")]
    controller.pump()
    assert link.sent == [AskModels()]
    assert controller.model(" mini ") == mini and controller.model("other") is None


def test_the_number_that_a_job_shows_is_that_of_the_whole_job_where_the_server_tells_it() -> None:
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    controller.records.append(record(state="running"))
    link.waiting = [heard("progress", stage="denoise", done=1, total=4, overall=0.6)]
    controller.pump()
    assert controller.records[0].fraction == 0.6


def test_a_warning_shows_while_the_job_runs() -> None:
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    controller.records.append(record(state="running"))
    text = "The mask marks nothing."
    link.waiting = [heard("warning", message=text), heard("progress", stage="shot", done=1, total=4)]
    controller.pump()
    shown = controller.records[0]
    assert (shown.state, shown.warnings, shown.stage, shown.fraction) == ("running", (text,), "shot", 0.25)


def test_a_script_that_waits_ends_when_the_server_stays_away() -> None:
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    controller.records.append(record(state="running"))
    link.waiting = [ServerReport(False, "gone")]
    with pytest.raises(SvfrError, match=r"has been away for 0\.2 s: gone"):
        controller.wait(without_server_s=0.2)
    link.waiting = [JobReport("j", Reached("svfr")), *done()]
    controller.wait(without_server_s=0.2)
    assert controller.records[0].is_inserted


def test_a_movie_is_made_once_the_frames_are_in_and_noted_when_strips_may_be_changed() -> None:
    link, host = ScriptedLink(), RecordingHost()
    controller = Controller(link, host)
    frames = ((1, "/o/1.exr"),)
    controller.records += [
        record("a", state="done", movie="mov", paths=frames),
        record("b", state="done", movie="mp4", paths=frames),
        record("d", state="done", movie="mp4"),  # of no frame no movie is made
    ]
    controller.pump()
    assert [command.job for command in link.sent] == ["a", "b"] and not controller.is_idle
    assert controller.records[0].movie_text == "Making the movie"
    made = MadeMovie(Path("/o/x.mov"), False, ("It has no alpha.",))
    gone = SourceIsGone("The disk is full.")
    link.waiting = [MovieReport("a", made), MovieReport("b", error=gone), MovieReport("c", made)]
    host.busy = True
    controller.pump()
    assert host.movies == [] and not controller.is_idle
    host.busy = False
    controller.pump()
    assert host.movies == [("a", "x.mov")] and controller.is_idle
    texts = ["Movie: x.mov. It has no alpha.", "There is no movie: The disk is full.", ""]
    assert [one.movie_text for one in controller.records] == texts
    host.no_movie = SourceIsGone("The strip is gone.")
    controller.insert_again("a")
    controller.pump()
    assert controller.records[0].movie_text == "The strip is gone." and controller.is_idle


def test_a_movie_that_another_session_did_not_finish_is_told() -> None:
    controller = Controller(ScriptedLink(), RecordingHost())
    half = record(state="done", is_inserted=True, movie="mov", movie_text="Making the movie")
    controller.adopt([half])
    assert half.movie_text == "The movie was not made: use Insert Again."


def test_nothing_is_inserted_while_blender_renders() -> None:
    link, host = ScriptedLink(), RecordingHost()
    controller = Controller(link, host)
    controller.records.append(record(state="done"))
    host.busy = True
    controller.pump()
    assert host.inserted == []
    host.busy = False
    controller.pump()
    assert host.inserted == ["j"]


def test_a_result_that_cannot_be_inserted_says_why_and_is_not_tried_for_ever() -> None:
    host = RecordingHost()
    controller = Controller(ScriptedLink(), host)
    controller.records.append(record(state="done"))
    host.complaint = SourceIsGone("The strip is no longer there.", remedy="The frames are in /o.")
    controller.pump()
    host.complaint = None
    controller.pump()
    assert host.inserted == []
    assert controller.records[0].message == "The strip is no longer there. The frames are in /o."
    controller.insert_again("j")
    controller.pump()
    assert host.inserted == ["j"]


def test_reports_of_unknown_jobs_and_refusals_are_taken_calmly() -> None:
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    controller.records.append(record())
    link.waiting = [
        JobReport("another", Failed(ReportedError("MODEL_MISSING", "x"))),
        ServerReport(False, "gone"),
        JobReport("j", Failed(ReportedError("MODEL_MISSING", "No such model."))),
    ]
    controller.pump()
    assert (controller.records[0].state, controller.records[0].message) == ("failed", "No such model.")
    assert (controller.server_is_up, controller.server_text) == (False, "gone")


def test_a_server_that_is_lost_and_comes_back_is_shown_so_and_the_job_stays_active() -> None:
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    controller.records.append(record(state="running"))
    link.waiting = [JobReport("j", Lost(NoServer("It is gone.")))]
    controller.pump()
    assert (controller.server_is_up, controller.server_text) == (False, "It is gone.")
    link.waiting = [
        JobReport("j", Reached("svfr on cpu")),
        JobReport("j", NotCancelled(NoServer("It was gone."))),
    ]
    controller.pump()
    assert (controller.server_is_up, controller.server_text) == (True, "svfr on cpu")
    assert controller.records[0].is_active
    assert controller.records[0].message == "The job could not be cancelled: It was gone."


def test_records_survive_the_file_and_unfinished_jobs_are_watched_again() -> None:
    records = [record("a", state="running"), record("b", state="done", paths=((1, "/o"),), is_inserted=True)]
    again = records_from_text(records_to_text(records))
    assert again == records
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    controller.adopt(again)
    assert link.sent == [Watch("a")]
    controller.clear_finished()
    assert [r.job for r in controller.records] == ["a"]


@pytest.mark.parametrize("text", ["", "[1]", "null", '[{"job": "a"}]', "{"])
def test_foreign_text_in_the_file_holds_no_records(text: str) -> None:
    assert records_from_text(text) == []


def test_keys_of_a_newer_version_are_left_out() -> None:
    text = json.dumps([{**json.loads(records_to_text([record()]))[0], "colour_of_the_sky": "blue"}])
    assert records_from_text(text) == [record()]


@pytest.fixture
def linked(monkeypatch: pytest.MonkeyPatch, service_home: Path) -> Iterator[ServerLink]:
    monkeypatch.setenv("SVFR_HOME", str(service_home))
    link = ServerLink(Address(starts_itself=False))
    link.start()
    yield link
    link.stop()
    assert not link.is_alive()


def wait_for(link: ServerLink, wanted: Callable[[Message], bool], seconds: float = 300.0) -> list[Message]:
    """Return what was heard of jobs up to and with the first message that is wanted."""
    deadline, seen = time.monotonic() + seconds, []
    while time.monotonic() < deadline:
        for report in link.reports():
            if isinstance(report, JobReport):
                seen.append(report.message)
                if wanted(report.message):
                    return seen
        time.sleep(0.02)
    raise AssertionError(seen)


def ended(message: Message) -> bool:
    return isinstance(message, Failed) or (isinstance(message, Event) and message.is_last)


def events(messages: list[Message]) -> list[Event]:
    return [message for message in messages if isinstance(message, Event)]


def test_a_job_runs_through_the_link_and_brings_its_files(linked: ServerLink, tmp_path: Path) -> None:
    write_exrs(tmp_path, range(1001, 1004))
    job = new_id()
    linked.send(Submit(job, spec(tmp_path)))
    first = events(wait_for(linked, ended))
    assert first[-1].kind == "done" and [event.seq for event in first] == list(range(1, len(first) + 1))
    known = record(job)
    for event in first:
        known.take(event)
    assert known.state == "done"
    assert [frame for frame, _ in known.paths] == [1001, 1002, 1003]
    assert all(Path(path).is_file() for _, path in known.paths)
    linked.send(Watch(job))
    assert events(wait_for(linked, ended)) == first


def test_a_job_handed_in_just_before_the_end_still_arrives(
    monkeypatch: pytest.MonkeyPatch, service_home: Path, tmp_path: Path
) -> None:
    monkeypatch.setenv("SVFR_HOME", str(service_home))
    write_exrs(tmp_path, range(1001, 1004))
    job, link = new_id(), ServerLink(Address(starts_itself=False))
    link.start()
    link.send(Submit(job, spec(tmp_path)))
    link.stop(wait_s=30.0)
    with Client(folder=service_home) as client:
        assert client.status(job).job == job


def test_a_job_that_fails_brings_the_servers_words(linked: ServerLink, tmp_path: Path) -> None:
    job = new_id()
    linked.send(Submit(job, spec(tmp_path)))
    known = record(job)
    for event in events(wait_for(linked, ended)):
        known.take(event)
    assert known.state == "failed" and str(tmp_path / "plate.%04d.exr") in known.message


def test_a_job_that_the_server_does_not_know_is_told(linked: ServerLink) -> None:
    linked.send(Watch("0" * 32))
    last = wait_for(linked, ended)[-1]
    assert isinstance(last, Failed) and last.error.code == "NOT_FOUND"


def test_windows_paths_of_a_remote_server_are_mapped_there_and_back(
    service_home: Path, tmp_path: Path
) -> None:
    write_exrs(tmp_path / "plates", range(1001, 1004))
    remote = tmp_path / "remote"
    remote.mkdir(mode=0o700)
    connection = remote / "connection.json"
    connection.write_bytes((service_home / "connection.json").read_bytes())
    connection.chmod(0o600)
    rules = [{"client": "P:\\show", "server": str(tmp_path / "plates")}]
    (remote / "path_map.json").write_text(json.dumps({"format": 1, "rules": rules}))
    link = ServerLink(Address(connection_file=str(connection)))
    link.start()
    try:
        windows = JobSpec(
            plate="p:\\Show\\plate.%04d.exr",
            frames="1001-1002",
            tasks=("bfr",),
            output="P:/show/out_v001/plate.%04d.exr",
            faces=FaceChoice("frame"),
            colour=ColourClaim(interop_id="lin_rec709_scene"),
            model="identity",
            layers=(),
        )
        link.send(Submit(new_id(), windows))
        frames = [e.body for e in events(wait_for(link, ended)) if e.kind == "frame"]
        paths = {body["frame"]: body["path"] for body in frames}
        assert paths[1001] == "P:\\show\\out_v001\\plate.1001.exr"
        assert (tmp_path / "plates" / "out_v001" / "plate.1002.exr").is_file()
        missing = JobSpec(**{**vars(windows), "plate": "Q:\\other\\plate.%04d.exr"})
        link.send(Submit(new_id(), missing))
        last = wait_for(link, ended)[-1]
        assert isinstance(last, Failed) and "has no name for this path" in str(last.error)
    finally:
        link.stop()
