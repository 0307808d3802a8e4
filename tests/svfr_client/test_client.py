"""The client against services that stumble: lost answers, gaps in the events, foreign messages."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stumbling_service import JOB, Answer, Stumbling
from tunnel import Tunnel

from svfr_client.client import Client
from svfr_client.errors import (
    BadJobId,
    NotTheServer,
    ReportedError,
    ServerDoesNotAnswer,
    SvfrError,
    UsedInAnotherThread,
)
from svfr_client.job import JobSpec
from svfr_client.link import process_context
from svfr_client.protocol.wire import Message, new_id
from svfr_client.send_window import SendWindow
from svfr_client.silence import CHECKING_WORDS


@contextmanager
def stumbling(answer: Answer, **settings: Any) -> Iterator[tuple[Stumbling, Client]]:
    service = Stumbling(answer)
    try:
        with Client(service.connection, **{"reply_seconds": 0.3, **settings}) as client:
            yield service, client
    finally:
        service.close()


def pong(service: Stumbling, message: Message) -> None:
    service.reply(Message("ok", {"boot": "b", "queued": 0, "running": 0}, re=message.id))


def by_op(**answers: Answer) -> Answer:
    """Answer each operation in its own way, and no other."""

    def answer(service: Stumbling, message: Message) -> None:
        if message.op in answers:
            answers[message.op](service, message)

    return answer


def following(last_seq: int, *, is_final: bool = True, seqs: Iterable[int] = ()) -> Answer:
    """Answer to follow: what there is, and these events; the last is "done"."""

    def answer(service: Stumbling, message: Message) -> None:
        service.reply(Message("ok", {"last_seq": last_seq, "is_final": is_final}, re=message.id))
        for seq in seqs:
            service.event(message, seq, "done" if seq == last_seq else "warning")

    return answer


def test_a_lost_answer_is_asked_for_again_under_the_same_id() -> None:
    def answer(service: Stumbling, message: Message) -> None:
        if sum(asked.op == "ping" for asked in service.asked) == 2:
            pong(service, message)

    with stumbling(answer) as (service, client):
        assert client.ping().boot == "b"
        pings = [message.id for message in service.asked if message.op == "ping"]
        assert len(pings) == 2 and pings[0] == pings[1]


def test_a_silent_service_is_given_up_after_the_last_deadline() -> None:
    with stumbling(lambda service, message: None, attempts=2) as (service, client):
        with pytest.raises(ServerDoesNotAnswer, match=r"did not answer for 0\.6 s"):
            client.ping()
        assert sum(asked.op == "ping" for asked in service.asked) == 2


def test_a_tunnel_that_hangs_up_is_waited_for_once_the_server_was_reached_through_it() -> None:
    service = Stumbling(pong)
    with Tunnel(service.connection.endpoint) as tunnel:
        try:
            with Client(replace(service.connection, endpoint=tunnel.endpoint)) as client:
                client.ping()
                tunnel.shut(hang_ups=4)
                assert client.ping().boot == "b"
        finally:
            service.close()


def test_a_tunnel_to_nobody_is_named_at_once_where_no_server_was_reached_yet() -> None:
    service = Stumbling(pong)
    with Tunnel(service.connection.endpoint) as tunnel:
        tunnel.shut(hang_ups=1000)
        try:
            with (
                Client(replace(service.connection, endpoint=tunnel.endpoint)) as client,
                pytest.raises(NotTheServer, match="another key than expected, or none") as caught,
            ):
                client.ping()
            assert "of a tunnel" in str(caught.value.remedy)
        finally:
            service.close()


@pytest.mark.parametrize("pid", [0, 1])
def test_who_follows_a_job_elsewhere_waits_for_its_server_as_long_as_a_transfer_does(pid: int) -> None:
    service = Stumbling(by_op(follow=following(5, is_final=False, seqs=[1]), ping=pong))
    with Tunnel(service.connection.endpoint) as tunnel:
        here = replace(service.connection, endpoint=tunnel.endpoint, pid=pid)
        try:
            with Client(here, reply_seconds=0.1) as client:
                events = client.follow(JOB)
                assert next(events).seq == 1
                service.answer = by_op(follow=following(2, seqs=[2]))
                tunnel.shut(hang_ups=30 if here.is_elsewhere else 1000)
                if here.is_elsewhere:
                    assert [event.seq for event in events] == [2]
                else:
                    with pytest.raises(ServerDoesNotAnswer, match=r"for 0\.3 s"):
                        next(events)
        finally:
            service.close()


def test_a_silence_is_said_some_seconds_after_it_began_and_its_end_too() -> None:
    said: list[str] = []
    waiting: list[Message] = []

    def answer(service: Stumbling, message: Message) -> None:
        if message.op == "list":
            waiting.append(message)
            if len(waiting) == 2:
                service.reply(Message("ok", {}, re=message.id))

    with stumbling(answer, reply_seconds=6.0, attempts=2) as (_, client):
        client.report_silence(said.append)
        client.hello()
        client.ask("list", {})
    first, last = said
    assert re.fullmatch(r"The server does not answer; waiting until \d\d:\d\d:\d\d\.", first) and last == ""


def test_a_service_that_lives_while_it_works_is_not_called_silent() -> None:
    said: list[str] = []
    begun_at = time.monotonic()

    def answer(service: Stumbling, message: Message) -> None:
        if message.op == "ping":
            pong(service, message)
        if time.monotonic() > begun_at + 6 and message.op == "ping":
            (asked,) = [one for one in service.asked if one.op == "assemble"]
            service.reply(Message("ok", {}, re=asked.id))

    with stumbling(answer, reply_seconds=10.0) as (_, client):
        client.report_silence(said.append)
        client.ask("assemble", {})
    assert said == []


def test_a_request_that_is_checked_for_long_is_waited_for_and_sent_once() -> None:
    waiting: list[Message] = []

    def answer(service: Stumbling, message: Message) -> None:
        if message.op == "ping":
            pong(service, message)
            if sum(asked.op == "ping" for asked in service.asked) == 4:
                service.reply(Message("ok", {"done": True}, re=waiting[0].id))
        else:
            waiting.append(message)

    said: list[str] = []
    with stumbling(answer, reply_seconds=0.1, attempts=1) as (_, client):
        client.report_silence(said.append)
        assert client.ask("submit", {}).body == {"done": True}
    assert len(waiting) == 1
    assert said == [CHECKING_WORDS]


def test_several_requests_are_under_way_and_answers_may_come_in_any_order() -> None:
    held: list[Message] = []
    most = 0

    def answer(service: Stumbling, message: Message) -> None:
        nonlocal most
        held.append(message)
        most = max(most, len(held))
        # The first is alone; from then on the newest is answered while the one before it still waits.
        if len(service.asked) == 1 or len(held) == 2 or message.body["number"] == 5:
            for one in reversed(held):
                service.reply(Message("ok", {}, re=one.id))
            held.clear()

    requests = (Message("put", {"number": number}) for number in range(6))
    with stumbling(answer) as (_, client):
        assert sorted(client.ask_ahead(requests, SendWindow(2))) == [0, 1, 2, 3, 4, 5]
    assert most == 2


def test_requests_ahead_end_without_an_error_when_nothing_is_answered_any_more() -> None:
    def answer(service: Stumbling, message: Message) -> None:
        if message.body["number"] < 2:
            service.reply(Message("ok", {}, re=message.id))

    requests = (Message("put", {"number": number}) for number in range(9))
    with stumbling(answer, reply_seconds=0.2) as (_, client):
        assert list(client.ask_ahead(requests, SendWindow())) == [0, 1]


def test_an_error_that_answers_a_request_ahead_is_raised() -> None:
    def answer(service: Stumbling, message: Message) -> None:
        body = {"code": "TRANSFERS_FULL", "message": "Full.", "remedy": ""}
        service.reply(Message("error", body, re=message.id))

    with stumbling(answer) as (_, client), pytest.raises(ReportedError) as raised:
        list(client.ask_ahead([Message("put", {}), Message("put", {})], SendWindow()))
    assert raised.value.code == "TRANSFERS_FULL"


def test_a_window_grows_while_answers_come_soon_and_shrinks_when_they_come_late() -> None:
    window = SendWindow(4)
    counts = []
    for seconds in (0.1, 0.1, 0.1, 0.1, 1.0, 2.0, 2.0, 2.0):
        window.answered(seconds)
        counts.append(window.count)
    assert counts == [2, 3, 4, 4, 4, 2, 1, 1]
    window.answered(0.1)
    window.broke()
    assert window.count == 1


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process can be stopped here")
def test_what_came_while_the_client_stood_still_is_heard_before_it_judges_silence(tmp_path: Path) -> None:
    asked = threading.Event()
    held: list[Message] = []

    def answer(service: Stumbling, message: Message) -> None:
        held.append(message)
        asked.set()

    with stumbling(answer) as (service, _):
        service.connection.save(tmp_path / "connection.json")
        code = (
            "import sys; from pathlib import Path; from svfr_client.client import Client\n"
            "from svfr_client.connection import find_connection\n"
            "with Client(find_connection(Path(sys.argv[1])), reply_seconds=1.5, attempts=1) as client:\n"
            "    print(client.ping().boot)\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert asked.wait(30)
        child.send_signal(signal.SIGSTOP)
        time.sleep(2.5)
        pong(service, held[0])
        child.send_signal(signal.SIGCONT)
        assert child.communicate(timeout=30)[0] == "b\n"


def test_damaged_and_foreign_messages_are_passed_over() -> None:
    def answer(service: Stumbling, message: Message) -> None:
        service.send_raw([b"noise"])
        service.send_raw([b"SVFR/9", b"{}"])
        service.reply(Message("ok", {"boot": "other"}, re=new_id()))
        pong(service, message)

    with stumbling(answer) as (_, client):
        assert client.ping().boot == "b"


def test_fields_of_a_newer_service_are_passed_over() -> None:
    def answer(service: Stumbling, message: Message) -> None:
        body = {"boot": "b", "queued": 0, "running": 0, "weather": "fine"}
        service.reply(Message("ok", body, re=message.id, minor=7))

    with stumbling(answer) as (_, client):
        assert client.ping().running == 0


def test_a_reply_that_lacks_a_field_is_a_typed_error() -> None:
    def answer(service: Stumbling, message: Message) -> None:
        service.reply(Message("ok", {}, re=message.id))

    with stumbling(answer) as (_, client), pytest.raises(SvfrError, match=r"reply\.boot is missing"):
        client.ping()


def test_an_error_keeps_its_code_and_its_remedy() -> None:
    body = {"code": "FROM_TOMORROW", "message": "No.", "frame": 7, "path": "/p", "remedy": "Wait."}

    with stumbling(lambda service, message: service.reply(Message("error", body, re=message.id))) as (
        _,
        client,
    ):
        with pytest.raises(ReportedError) as caught:
            client.ping()
        assert caught.value.to_dict() == body


def test_a_gap_in_the_events_is_filled_by_asking_again() -> None:
    def answer(service: Stumbling, message: Message) -> None:
        if message.op != "follow":
            return
        service.reply(Message("ok", {"last_seq": 6, "is_final": False}, re=message.id))
        after = message.body["after_seq"]
        numbers = (1, 2, 4, 5) if after == 0 else range(after + 1, 7)
        for seq in numbers:
            service.event(message, seq, "done" if seq == 6 else "warning")

    with stumbling(answer) as (service, client):
        assert [event.seq for event in client.follow(JOB)] == [1, 2, 3, 4, 5, 6]
        follows = [message.body["after_seq"] for message in service.asked if message.op == "follow"]
        assert follows == [0, 2]


def test_an_event_that_comes_twice_is_handed_out_once() -> None:
    with stumbling(by_op(follow=following(3, seqs=(1, 1, 2, 1, 2, 3)))) as (_, client):
        assert [event.seq for event in client.follow(JOB)] == [1, 2, 3]


def test_events_are_acknowledged_as_they_are_taken() -> None:
    with stumbling(by_op(follow=following(40, seqs=range(1, 41)), ping=pong)) as (service, client):
        assert len(list(client.follow(JOB))) == 40
        client.ping()  # acknowledgements travel before it on the same connection
        client_acks = [message.body["seq"] for message in service.asked if message.op == "ack"]
        assert client_acks and client_acks == sorted(client_acks)
        assert all(
            later - sooner <= 16 for sooner, later in zip([0, *client_acks], client_acks, strict=False)
        )


def test_other_requests_can_be_made_while_a_job_is_followed() -> None:
    def ping(service: Stumbling, message: Message) -> None:
        follow = next(asked for asked in service.asked if asked.op == "follow")
        service.event(follow, 2)
        pong(service, message)
        service.event(follow, 3, "done")

    with stumbling(by_op(follow=following(3, seqs=(1,)), ping=ping)) as (_, client):
        events = client.follow(JOB)
        assert next(events).seq == 1
        assert client.ping().boot == "b"
        assert [event.seq for event in events] == [2, 3]


def test_a_job_that_has_ended_yields_what_is_left_and_stops() -> None:
    with stumbling(by_op(follow=following(9))) as (_, client):
        assert list(client.follow(JOB, after_seq=9)) == []


def test_leaving_a_stream_early_tells_the_service() -> None:
    with stumbling(by_op(follow=following(3, is_final=False, seqs=(1,)), ping=pong)) as (service, client):
        events = client.follow(JOB)
        next(events)
        events.close()  # type: ignore[attr-defined]
        client.ping()
        assert "unfollow" in [message.op for message in service.asked]


def test_a_client_refuses_another_thread() -> None:
    caught: list[BaseException] = []

    def misuse(client: Client) -> None:
        try:
            client.ping()
        except SvfrError as problem:
            caught.append(problem)

    with stumbling(pong) as (_, client):
        client.ping()
        thread = threading.Thread(target=misuse, args=(client,))
        thread.start()
        thread.join()
    assert [type(problem) for problem in caught] == [UsedInAnotherThread]


@pytest.mark.parametrize("job", ["", "latest", JOB.upper(), JOB + "0"])
def test_what_is_no_job_id_is_refused_before_it_is_sent(job: str) -> None:
    with stumbling(pong) as (service, client):
        for refused in (client.status, client.cancel, lambda one: next(client.follow(one))):
            with pytest.raises(BadJobId):
                refused(job)
        with pytest.raises(BadJobId):
            client.submit(JobSpec("/a.exr", "1", ("bfr",), "/o.exr"), job)
        assert {message.op for message in service.asked} <= {"hello"}


def test_closing_does_not_wait_for_an_unreachable_service() -> None:
    with stumbling(pong) as (service, _):
        nowhere = replace(service.connection, endpoint="tcp://127.0.0.1:9")
    client = Client(nowhere)
    began = time.monotonic()
    client.close()
    assert time.monotonic() - began < 60  # what is not sent would be waited for without end


def test_many_clients_in_one_process_share_one_context() -> None:
    with stumbling(pong) as (service, _):
        for _ in range(20):
            with Client(service.connection) as one:
                one.ping()
    assert process_context() is process_context()
