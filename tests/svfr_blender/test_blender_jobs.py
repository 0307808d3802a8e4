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
    Command,
    EndReport,
    RefusalReport,
    Report,
    ServerLink,
    ServerReport,
    Submit,
    WarningReport,
    Watch,
)
from staged_extension.svfr_client.errors import SvfrError
from staged_extension.svfr_client.job import ColourClaim, FaceChoice, JobSpec
from staged_extension.svfr_client.protocol.wire import new_id

from svfr_client.client import Client


class RecordingHost:
    def __init__(self) -> None:
        self.inserted: list[str] = []
        self.busy = False
        self.complaint: Exception | None = None

    def can_insert(self) -> bool:
        return not self.busy

    def insert(self, record: JobRecord) -> str:
        if self.complaint is not None:
            raise self.complaint
        self.inserted.append(record.job)
        return "told"

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
    link.waiting = [EndReport("j", "done", ((1, "/o/1.exr"),), ("odd",), "")]
    controller.pump()
    controller.pump()
    assert host.inserted == ["j"]
    assert (controller.records[0].message, controller.records[0].warnings) == ("told", ("odd",))


def test_a_warning_shows_while_the_job_runs() -> None:
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    controller.records.append(record(state="running"))
    link.waiting = [WarningReport("j", ("The mask marks nothing.",))]
    controller.pump()
    assert (controller.records[0].state, controller.records[0].warnings) == (
        "running",
        ("The mask marks nothing.",),
    )


def test_a_script_that_waits_ends_when_the_server_stays_away() -> None:
    link = ScriptedLink()
    controller = Controller(link, RecordingHost())
    controller.records.append(record(state="running"))
    link.waiting = [ServerReport(False, "gone")]
    with pytest.raises(SvfrError, match=r"has been away for 0\.2 s: gone"):
        controller.wait(without_server_s=0.2)
    link.waiting = [EndReport("j", "done", ((1, "/o/1.exr"),), (), "")]
    controller.wait(without_server_s=0.2)
    assert controller.records[0].is_inserted


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
        RefusalReport("another", "x"),
        ServerReport(False, "gone"),
        RefusalReport("j", "No such model."),
    ]
    controller.pump()
    assert (controller.records[0].state, controller.records[0].message) == ("failed", "No such model.")
    assert (controller.server_is_up, controller.server_text) == (False, "gone")


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


def wait_for(link: ServerLink, wanted: Callable[[Report], bool], seconds: float = 60.0) -> Report:
    deadline, seen = time.monotonic() + seconds, []
    while time.monotonic() < deadline:
        for report in link.reports():
            seen.append(report)
            if wanted(report):
                return report
        time.sleep(0.02)
    raise AssertionError(seen)


def test_a_job_runs_through_the_link_and_brings_its_files(linked: ServerLink, tmp_path: Path) -> None:
    write_exrs(tmp_path, range(1001, 1004))
    job = new_id()
    linked.send(Submit(job, spec(tmp_path)))
    end = wait_for(linked, lambda r: isinstance(r, EndReport))
    assert isinstance(end, EndReport) and end.state == "done"
    assert [frame for frame, _ in end.paths] == [1001, 1002, 1003]
    assert all(Path(path).is_file() for _, path in end.paths)
    linked.send(Watch(job))
    assert wait_for(linked, lambda r: isinstance(r, EndReport)) == end


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
    linked.send(Submit(new_id(), spec(tmp_path)))
    end = wait_for(linked, lambda r: isinstance(r, EndReport))
    assert isinstance(end, EndReport) and end.state == "failed"
    assert str(tmp_path / "plate.%04d.exr") in end.error


def test_a_job_that_the_server_does_not_know_is_told(linked: ServerLink) -> None:
    linked.send(Watch("0" * 32))
    refusal = wait_for(linked, lambda r: isinstance(r, RefusalReport))
    assert isinstance(refusal, RefusalReport) and refusal.job == "0" * 32


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
        end = wait_for(link, lambda r: isinstance(r, EndReport | RefusalReport))
        assert isinstance(end, EndReport), end
        assert end.paths[0] == (1001, "P:\\show\\out_v001\\plate.1001.exr")
        assert (tmp_path / "plates" / "out_v001" / "plate.1002.exr").is_file()
        missing = JobSpec(**{**vars(windows), "plate": "Q:\\other\\plate.%04d.exr"})
        link.send(Submit(new_id(), missing))
        refusal = wait_for(link, lambda r: isinstance(r, RefusalReport))
        assert isinstance(refusal, RefusalReport) and "has no name for this path" in refusal.error
    finally:
        link.stop()
