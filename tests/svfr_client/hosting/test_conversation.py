"""A job's conversation: sent once, followed live, taken up again after a loss, ended when it is asked to."""

import queue
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from stumbling_service import JOB, Stumbling
from tunnel import Tunnel

from svfr_client.client import Client
from svfr_client.connection import CONNECTION_FILE, Connection, KeyPair, make_private_folder
from svfr_client.errors import SeveralProblems, SvfrError, error_from_dict
from svfr_client.hosting.conversation import Failed, JobConversation, Lost, Message, Note, Reached
from svfr_client.hosting.server_place import ServerPlace
from svfr_client.job import JobSpec
from svfr_client.path_map import PathMap
from svfr_client.protocol.messages import Event, JobState, JobStatus, Redo
from svfr_client.protocol.wire import Message as WireMessage
from svfr_client.records import to_plain
from svfr_client.silence import BACK_WORDS, silence_words
from svfr_client.transfer.delivery import Delivery
from svfr_client.transfer.hand_in import hand_in_again

SPEC = JobSpec(plate="/p/a.%04d.exr", frames="1", tasks=("bfr",), output="/o/a.%04d.exr")


@dataclass(frozen=True)
class Place(ServerPlace):
    reply_seconds: ClassVar[float] = 0.3


class Heard:
    """Takes what a conversation puts."""

    def __init__(self) -> None:
        self.all: list[Message] = []
        self._new: queue.Queue[Message] = queue.Queue()

    def until(self, wanted: Callable[[Message], bool]) -> Message:
        while True:
            message = self._new.get(timeout=60.0)
            self.all.append(message)
            if wanted(message):
                return message

    def put(self, message: Message) -> None:
        self._new.put(message)


def is_last(message: Message) -> bool:
    return isinstance(message, Failed) or (isinstance(message, Event) and message.is_last)


def place_of(service: Stumbling, folder: Path) -> Place:
    file = make_private_folder(folder) / CONNECTION_FILE
    service.connection.save(file)
    return Place(str(file))


def map_paths(folder: Path) -> None:
    """Have the server's place know this machine's /here as the server's /srv."""
    rules = '{"format": 1, "rules": [{"client": "/here", "server": "/srv"}]}'
    (folder / "path_map.json").write_text(rules, encoding="utf-8")


def handed_in(service: Stumbling, place: Place, request: JobSpec | Redo, heard: Heard) -> WireMessage:
    """Hold the conversation to its end; returns the message that handed the job in."""
    try:
        JobConversation(place, JOB, request, heard.put).start()
        heard.until(is_last)
    finally:
        service.close()
    return next(message for message in service.asked if message.op in ("submit", "redo"))


def status(job: str, output: str = "/srv/o/a.%04d.exr") -> JobStatus:
    return JobStatus(
        job,
        JobState.DONE,
        plate="/srv/p/a.%04d.exr",
        frames="1",
        output=output,
        priority=0,
        attempts=1,
        last_seq=9,
        created=0.0,
        updated=0.0,
    )


def accepts(service: Stumbling, message: WireMessage) -> None:
    """Accept a job, and have one warning and a frame to tell before its end."""
    if message.op in ("submit", "redo"):
        service.reply(WireMessage("ok", {"job": JOB, "content_key": "k", "is_new": True}, re=message.id))
    elif message.op == "status":
        service.reply(WireMessage("ok", to_plain(status(str(message.body["job"]))), re=message.id))
    elif message.op == "follow":
        service.reply(WireMessage("ok", {"last_seq": 1, "is_final": False}, re=message.id))
        after = int(message.body["after_seq"])
        for seq, kind, body in (
            (1, "running", {}),
            (2, "warning", {"message": "Too dark."}),
            (3, "frame", {"frame": 1, "path": "/srv/o/a.0001.exr"}),
            (4, "done", {}),
        ):
            if seq > after:
                service.event(message, seq, kind, body)


def test_a_job_is_sent_and_its_events_come_one_by_one_with_paths_of_this_machine(tmp_path: Path) -> None:
    service, heard = Stumbling(accepts), Heard()
    place = place_of(service, tmp_path / "there")
    map_paths(tmp_path / "there")
    spec = replace(SPEC, plate="/here/p/a.%04d.exr", output="/here/o/a.%04d.exr")
    sent = handed_in(service, place, spec, heard)
    assert sent.op == "submit" and sent.body["spec"]["output"] == "/srv/o/a.%04d.exr"
    assert isinstance(heard.all[0], Reached)
    events = [message for message in heard.all if isinstance(message, Event)]
    assert [event.kind for event in events] == ["running", "warning", "frame", "done"]
    assert events[2].body["path"] == "/here/o/a.0001.exr"


def test_some_frames_of_a_former_job_are_sent_again_under_an_id_of_their_own(tmp_path: Path) -> None:
    service, heard = Stumbling(accepts), Heard()
    place = place_of(service, tmp_path / "there")
    map_paths(tmp_path / "there")
    redo = Redo(job=JOB, of="0" * 32, frames="1", output="/here/o/a.%04d.exr", seed=5)
    sent = handed_in(service, place, redo, heard)
    assert sent.op == "redo" and sent.body["output"] == "/srv/o/a.%04d.exr"
    assert (sent.body["job"], sent.body["of"], sent.body["seed"]) == (JOB, "0" * 32, 5)
    assert "submit" not in [message.op for message in service.asked]


def test_frames_that_were_fetched_are_done_again_beside_them_and_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "own"))
    former = "0" * 32

    def fetched(service: Stumbling, message: WireMessage) -> None:
        if message.op == "status":
            plain = to_plain(status(former, f"/srv/results/{former}/frame.%04d.exr"))
            service.reply(WireMessage("ok", plain, re=message.id))
        else:
            accepts(service, message)

    service = Stumbling(fetched)
    try:
        with Client(service.connection) as client:
            redo = Redo(job=JOB, of=former, frames="1", output="/here/o/a.%04d.exr")
            delivery = hand_in_again(client, redo)
    finally:
        service.close()
    sent = next(message for message in service.asked if message.op == "redo")
    assert sent.body["output"] == f"/srv/results/{JOB}/frame.%04d.exr"
    assert delivery.output == Delivery.noted(JOB, PathMap()).output == "/here/o/a.%04d.exr"


def test_a_job_that_is_cancelled_before_it_is_sent_is_not_sent(tmp_path: Path) -> None:
    service, heard = Stumbling(accepts), Heard()
    conversation = JobConversation(place_of(service, tmp_path / "there"), JOB, SPEC, heard.put)
    try:
        conversation.cancel()
        conversation.start()
        last = heard.until(is_last)
    finally:
        service.close()
    assert isinstance(last, Failed) and last.error.code == "CANCELLED"
    assert "submit" not in [message.op for message in service.asked]


def silent_after_two(service: Stumbling, message: WireMessage) -> None:
    """Follow: two events, then nothing ever again, and no answer to a second request."""
    if message.op == "follow" and message.body["after_seq"] == 0:
        service.reply(WireMessage("ok", {"last_seq": 1, "is_final": False}, re=message.id))
        service.event(message, 1, "running")
        service.event(message, 2, "warning", {"message": "Too dark."})


def test_a_server_that_is_lost_is_come_back_to_after_the_last_event_heard(tmp_path: Path) -> None:
    first, second, heard = Stumbling(silent_after_two), Stumbling(accepts), Heard()
    place = place_of(first, tmp_path / "there")
    try:
        JobConversation(place, JOB, None, heard.put, retry_s=0.1).start()
        heard.until(lambda message: isinstance(message, Event) and message.kind == "warning")
        first.close()
        heard.until(lambda message: isinstance(message, Lost))
        place_of(second, tmp_path / "there")
        heard.until(is_last)
    finally:
        second.close()
    events = [message for message in heard.all if isinstance(message, Event)]
    assert [event.seq for event in events] == [1, 2, 3, 4]


@dataclass(frozen=True)
class PatientPlace(Place):
    reply_seconds: ClassVar[float] = 5.0


def test_a_server_that_is_silent_is_said_to_be_before_it_is_given_up(tmp_path: Path) -> None:
    def answer(service: Stumbling, message: WireMessage) -> None:
        if message.op != "follow" or sum(asked.op == "follow" for asked in service.asked) == 2:
            accepts(service, message)

    service, heard = Stumbling(answer), Heard()
    place = PatientPlace(place_of(service, tmp_path / "there").connection_file)
    try:
        JobConversation(place, JOB, None, heard.put).start()
        heard.until(is_last)
    finally:
        service.close()
    before = [message for message in heard.all if not isinstance(message, Event)]
    assert [type(message) for message in before] == [Reached, Note, Note, Reached]
    words = [message.text for message in before if isinstance(message, Note)]
    assert words[0][:-9] == silence_words(0)[:-9] and words[1] == BACK_WORDS


def test_without_a_server_the_conversation_ends_with_what_is_wrong_and_one_to_be_watched_waits(
    tmp_path: Path,
) -> None:
    nobody = make_private_folder(tmp_path / "there") / CONNECTION_FILE
    heard = Heard()
    JobConversation(Place(str(nobody)), JOB, SPEC, heard.put, retry_s=0.1).start()
    last = heard.until(is_last)
    assert isinstance(last, Failed) and last.error.code == "NO_SERVER"
    assert not any(isinstance(message, Note) for message in heard.all)
    watching = JobConversation(Place(str(nobody)), JOB, None, heard.put, retry_s=0.1)
    watching.start()
    heard.until(lambda message: isinstance(message, Lost))
    watching.stop()
    watching.join(60.0)
    assert not watching.is_alive()


def test_a_conversation_that_is_stopped_ends_soon_though_its_job_goes_on(tmp_path: Path) -> None:
    service, heard = Stumbling(silent_after_two), Heard()
    conversation = JobConversation(place_of(service, tmp_path / "there"), JOB, None, heard.put)
    try:
        conversation.start()
        heard.until(lambda message: isinstance(message, Event) and message.kind == "warning")
        conversation.stop()
        conversation.join(60.0)
        assert not conversation.is_alive()
    finally:
        service.close()


def test_a_conversation_through_a_tunnel_is_taken_up_again_once_the_tunnel_leads_somewhere(
    tmp_path: Path,
) -> None:
    service, heard = Stumbling(silent_after_two), Heard()
    file = make_private_folder(tmp_path / "there") / CONNECTION_FILE
    with Tunnel(service.connection.endpoint) as tunnel:
        replace(service.connection, endpoint=tunnel.endpoint).save(file)
        try:
            JobConversation(Place(str(file)), JOB, None, heard.put, retry_s=0.1).start()
            heard.until(lambda message: isinstance(message, Event) and message.kind == "warning")
            service.answer = accepts
            tunnel.shut(hang_ups=60)
            last = heard.until(is_last)
        finally:
            service.close()
    assert isinstance(last, Event) and last.kind == "done"


def test_a_key_that_the_server_does_not_know_is_not_tried_for_ever(tmp_path: Path) -> None:
    service, heard = Stumbling(accepts), Heard()
    own = service.connection
    other = Connection(own.endpoint, KeyPair.new().public, own.keys, own.boot, own.pid, own.host)
    file = make_private_folder(tmp_path / "there") / CONNECTION_FILE
    other.save(file)
    try:
        JobConversation(Place(str(file)), JOB, None, heard.put, retry_s=0.1).start()
        last = heard.until(is_last)
    finally:
        service.close()
    assert isinstance(last, Failed) and last.error.code == "AUTH"


REMEDY = SvfrError("No place.", remedy=f"`svfr fetch {JOB} --out PATTERN`.")


def fails(service: Stumbling, message: WireMessage) -> None:
    """Let the job that is followed fail, and refuse a new one for two reasons."""
    if message.op == "follow":
        service.reply(WireMessage("ok", {"last_seq": 1, "is_final": False}, re=message.id))
        service.event(message, 1, "failed", {"error": REMEDY.to_dict()})
    elif message.op in ("redo", "status"):
        service.reply(WireMessage("error", SeveralProblems([REMEDY, REMEDY]).to_dict(), re=message.id))


@pytest.mark.parametrize("request_", [None, Redo(job=JOB, of="0" * 32, frames="1")])
def test_commands_that_an_error_leads_on_to_are_for_the_hosts_server(
    tmp_path: Path, request_: Redo | None
) -> None:
    service, heard = Stumbling(fails), Heard()
    place = place_of(service, tmp_path / "there")
    try:
        JobConversation(place, JOB, request_, heard.put).start()
        last = heard.until(is_last)
    finally:
        service.close()
    error = last.error if isinstance(last, Failed) else error_from_dict(last.body["error"])  # type: ignore[union-attr]
    named = f"`svfr fetch {JOB} --server {place.connection_file} --out PATTERN`"
    assert str(error).count(named) == (1 if request_ is None else 2)
