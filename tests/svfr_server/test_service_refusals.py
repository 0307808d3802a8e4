"""Who and what the service refuses; it lives on, and whoever is refused learns it within seconds."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from server_samples import PATIENCE_MS, PATIENCE_S, Service, StartService, job, wait_until
from zmq.utils.monitor import recv_monitor_message

from svfr_client.client import Client
from svfr_client.connection import Connection, KeyPair, find_connection
from svfr_client.errors import NoServer, NotAuthorised, ReportedError, SeveralProblems
from svfr_client.job import JobSpec
from svfr_client.link import process_context
from svfr_client.protocol.bulk import split_bulk
from svfr_client.protocol.wire import MAGIC, MINOR, Message, new_id, pack, unpack
from svfr_server.supervisor.zap_keys import KeyRing


@contextmanager
def raw_socket(connection: Connection) -> Iterator["zmq.Socket[bytes]"]:
    """An authorised socket that sends whatever it likes."""
    with process_context().socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.curve_serverkey = connection.server_key.encode()
        dealer.curve_publickey = connection.keys.public.encode()
        dealer.curve_secretkey = connection.keys.secret.encode()
        dealer.connect(connection.endpoint)
        yield dealer


def ask(dealer: "zmq.Socket[bytes]", frames: list[bytes]) -> Message:
    dealer.send_multipart(frames)
    assert dealer.poll(PATIENCE_MS), "the service did not answer"
    return unpack(dealer.recv_multipart())


def header(**changes: Any) -> bytes:
    plain = {"v": [1, 0], "id": new_id(), "re": None, "op": "ping", "body": {}, "bufs": [], **changes}
    return json.dumps(plain).encode()


JOB_ID = "0" * 32
MALFORMED: list[tuple[list[bytes], str]] = [
    ([b""], "BAD_REQUEST"),
    ([b"GET / HTTP/1.1"], "BAD_REQUEST"),
    ([b"SVFR/9", header()], "VERSION"),
    ([MAGIC], "BAD_REQUEST"),
    ([MAGIC, b"{"], "BAD_REQUEST"),
    ([MAGIC, b"[" * 60000], "BAD_REQUEST"),
    ([MAGIC, b"9" * 5000], "BAD_REQUEST"),
    ([MAGIC, b"{" + b" " * 70000 + b"}"], "TOO_LARGE"),
    ([MAGIC, header(), *[b"x"] * 60], "TOO_LARGE"),
    ([MAGIC, header(), b"x"], "BAD_REQUEST"),
    ([MAGIC, header(v=[2, 0])], "VERSION"),
    ([MAGIC, header(op="open_sesame")], "BAD_REQUEST"),
    ([MAGIC, header(body={"verbose": True})], "BAD_REQUEST"),
    ([MAGIC, header().replace(b"{}", b'{"a":NaN}')], "BAD_REQUEST"),
    ([MAGIC, header().replace(b"{}", b'{"a":1,"a":2}')], "BAD_REQUEST"),
    ([MAGIC, header(bufs=[{"name": "a", "kind": "json", "bytes": 5}]), b"{}"], "BAD_REQUEST"),
    ([MAGIC, header(bufs=[{"name": "a", "kind": "json", "bytes": 2}]), b"{}"], "BAD_REQUEST"),
    ([MAGIC, header(op="status", body={"job": "../../etc/passwd"})], "BAD_REQUEST"),
    ([MAGIC, header(op="status", body={"job": JOB_ID})], "NOT_FOUND"),
    ([MAGIC, header(op="cancel", body={"job": JOB_ID})], "NOT_FOUND"),
    ([MAGIC, header(op="follow", body={"job": JOB_ID, "after_seq": 0})], "NOT_FOUND"),
    ([MAGIC, header(op="follow", body={"job": JOB_ID, "after_seq": -1})], "BAD_REQUEST"),
    ([MAGIC, header(op="list", body={"limit": 10**9, "active_only": False})], "BAD_REQUEST"),
    ([MAGIC, header(op="list", body={"limit": "5"})], "BAD_REQUEST"),
    ([MAGIC, header(op="submit", body={})], "PROBLEMS"),
    ([MAGIC, header(op="submit", body={"job": JOB_ID, "spec": None})], "BAD_REQUEST"),
    (
        [MAGIC, header(op="hello", body={"min_minor": MINOR + 1, "max_minor": 99, "client": "tomorrow"})],
        "VERSION",
    ),
    ([MAGIC, header(op="ack", body={"job": 5, "seq": 1})], "BAD_REQUEST"),
]


@pytest.mark.parametrize(("frames", "code"), MALFORMED)
def test_a_malformed_message_gets_a_typed_error_and_the_service_lives(
    service: Service, frames: list[bytes], code: str
) -> None:
    with raw_socket(find_connection(service.home)) as dealer:
        answer = ask(dealer, frames)
        assert (answer.op, answer.body["code"]) == ("error", code)
        assert ask(dealer, pack(Message("ping"))).op == "ok"


def mutations(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every field inside ``value``."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield (*path, key)
            yield from mutations(value[key], (*path, key))


PLAIN = split_bulk(replace(job("quick", "1"), model="mini"))[0]
FIELDS = sorted(mutations(PLAIN), key=str)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        [[], {}, [{}], "/etc/passwd", "..\\x.exr", "\\\\srv\\x.exr", "/dev/zero", "//?/x.exr", "\0"]
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FIELDS), VALUES)
def test_a_job_with_one_field_changed_is_accepted_or_refused_with_a_code(
    service: Service, field: tuple[Any, ...], value: Any
) -> None:
    spec = json.loads(json.dumps(PLAIN))
    holder = spec
    for key in field[:-1]:
        holder = holder[key]
    holder[field[-1]] = value
    with raw_socket(find_connection(service.home)) as dealer:
        one = new_id()
        answer = ask(dealer, pack(Message("submit", {"job": one, "spec": spec})))
        assert answer.op == "ok" or answer.body["code"] not in ("", "INTERNAL"), answer.body
        if answer.op == "ok":
            assert ask(dealer, pack(Message("cancel", {"job": one}))).op == "ok"


def test_every_mistake_of_a_job_is_named_at_once(service: Service) -> None:
    spec = {**PLAIN, "seed": "77", "tasks": [1], "frame": "1001", "faces": {"mode": "box", "size": 1}}
    with raw_socket(find_connection(service.home)) as dealer:
        answer = ask(dealer, pack(Message("submit", {"job": new_id(), "spec": spec})))
    words = [problem["message"].rstrip(".").split() for problem in answer.body["problems"]]
    named = [next(word for word in message if word.startswith("spec.")) for message in words]
    assert sorted(named) == ["spec.faces.size", "spec.frame", "spec.seed", "spec.tasks.0"]


@pytest.mark.parametrize("wrong", ["\udce9", 10**30])
def test_an_answer_that_names_no_request_ends_the_wait_for_one(client: Client, wrong: object) -> None:
    with pytest.raises(ReportedError) as caught:
        client.ask("status", {"job": wrong})
    assert caught.value.code == "BAD_REQUEST"
    client.ping()


def test_the_client_refuses_a_bad_job_before_it_is_sent(client: Client) -> None:
    with pytest.raises(SeveralProblems) as caught:
        client.submit(replace(job("quick"), tasks=(), seed=-1))
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"plate": "a.%04d.exr"}, "not absolute"),
        ({"plate": "/dev/sda"}, "system folder"),
        ({"plate": "/p/../proc/self/environ"}, "system folder"),
        ({"output": "/p/out/a.%04d.png"}, "only .exr"),
        ({"output": "\\\\server\\share\\a.exr"}, "not absolute"),
        ({"mask_path": "../m.%04d.exr"}, "not absolute"),
        ({"model": "../models/mine"}, "not absolute"),
    ],
)
def test_a_forbidden_path_is_named(client: Client, change: dict[str, str], text: str) -> None:
    with pytest.raises(ReportedError, match=text) as caught:
        client.submit(replace(job("quick"), **change))  # type: ignore[arg-type]
    assert caught.value.code == "FORBIDDEN_PATH"


def test_a_job_may_not_write_into_the_services_folder(service: Service, client: Client) -> None:
    with pytest.raises(ReportedError, match="its own files"):
        client.submit(replace(job("quick"), output=str(service.home / "authorised" / "me.exr")))


def test_roots_hold_against_links(start_service: StartService, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "way_out").symlink_to(outside)
    roots = ["--read-root", str(inside), "--write-root", str(inside)]
    with start_service(*roots).client() as client:
        assert client.hello().read_roots == (str(inside),)
        good = replace(job("quick"), plate=f"{inside}/a.%04d.exr", output=f"{inside}/o.%04d.exr")
        assert list(client.follow(client.submit(good).job))[-1].kind == "done"
        for change in (
            {"plate": f"{inside}/way_out/a.%04d.exr"},
            {"plate": f"{inside}/../outside/a.%04d.exr"},
            {"output": f"{inside}/way_out/o.%04d.exr"},
            {"output": f"{outside}/o.%04d.exr"},
        ):
            with pytest.raises(ReportedError, match="may not") as caught:
                client.submit(replace(good, **change))
            assert caught.value.code == "FORBIDDEN_PATH"


def test_a_link_swapped_in_after_submitting_is_noticed_by_the_worker(
    start_service: StartService, tmp_path: Path
) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    (inside / "shot").mkdir()
    with start_service("--read-root", str(inside)).client() as client:
        first = client.submit(replace(job("until_cancelled"), plate=f"{inside}/a.exr")).job
        next(event for event in client.follow(first) if event.kind == "progress")
        second = client.submit(replace(job("quick"), plate=f"{inside}/shot/a.exr")).job
        (inside / "shot").rmdir()
        (inside / "shot").symlink_to(outside)
        client.cancel(first)
        last = list(client.follow(second))[-1]
        assert (last.kind, last.body["error"]["code"]) == ("failed", "FORBIDDEN_PATH")


def test_an_unknown_client_key_is_told_within_seconds(service: Service) -> None:
    connection = replace(find_connection(service.home), keys=KeyPair.new())
    with Client(connection) as client, pytest.raises(NotAuthorised, match="does not know this client's key"):
        client.ping()


def test_a_wrong_server_key_is_told_within_seconds(service: Service) -> None:
    other = replace(find_connection(service.home), server_key=KeyPair.new().public)
    with Client(other) as client, pytest.raises(NotAuthorised, match="another key than expected"):
        client.ping()


def test_a_peer_without_encryption_is_told_within_seconds(service: Service) -> None:
    connection = find_connection(service.home)
    with process_context().socket(zmq.ROUTER) as plain:
        port = plain.bind_to_random_port("tcp://127.0.0.1")
        here = replace(connection, endpoint=f"tcp://127.0.0.1:{port}")
        with Client(here) as client, pytest.raises(NotAuthorised, match=r"does not speak|or none"):
            client.ping()


# Which of the two a peer sees depends on who hangs up first.
REFUSALS = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL


def test_a_client_without_encryption_gets_no_answer(service: Service) -> None:
    with process_context().socket(zmq.DEALER) as plain:
        plain.linger = 0
        monitor = plain.get_monitor_socket(REFUSALS | zmq.EVENT_HANDSHAKE_SUCCEEDED)
        plain.connect(find_connection(service.home).endpoint)
        plain.send_multipart(pack(Message("ping")))
        assert monitor.poll(PATIENCE_MS)
        assert recv_monitor_message(monitor)["event"] & REFUSALS
        assert not plain.poll(100)
        plain.disable_monitor()


def test_nothing_listening_is_told_within_seconds(service: Service) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    nowhere = replace(find_connection(service.home), endpoint=f"tcp://127.0.0.1:{port}")
    with Client(nowhere) as client, pytest.raises(NoServer, match="Nothing listens"):
        client.ping()


def test_a_worker_key_does_not_open_the_clients_door_nor_a_client_key_the_workers(service: Service) -> None:
    log = (service.home / "logs" / "server.log").read_text(encoding="utf-8")
    assert "listening at" in log
    connection = find_connection(service.home)
    inner = [port for port in listening_ports(connection.pid) if not connection.endpoint.endswith(str(port))]
    assert len(inner) == 1
    here = replace(connection, endpoint=f"tcp://127.0.0.1:{inner[0]}")
    with Client(here) as client, pytest.raises(NotAuthorised):
        client.ping()


def listening_ports(pid: int) -> list[int]:
    import psutil

    return [
        c.laddr.port for c in psutil.Process(pid).net_connections("tcp") if c.status == psutil.CONN_LISTEN
    ]


def test_a_key_is_authorised_and_revoked_while_the_service_runs(service: Service) -> None:
    guest = replace(find_connection(service.home), keys=KeyPair.new())
    ring = KeyRing(service.home)
    ring.authorise("guest", guest.keys.public)
    with Client(guest) as client:
        assert client.ping().running == 0
    ring.revoke("guest")
    with Client(guest) as client, pytest.raises(NotAuthorised):
        client.ping()


def test_raw_rubbish_on_the_port_harms_nobody(service: Service, client: Client) -> None:
    host, port = find_connection(service.home).endpoint.removeprefix("tcp://").split(":")
    for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 200, bytes(64), b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL"):
        for _ in range(5):
            with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
                connection.sendall(rubbish)
    assert client.ping().boot


def test_half_open_connections_hold_up_nobody(service: Service, client: Client) -> None:
    host, port = find_connection(service.home).endpoint.removeprefix("tcp://").split(":")
    half_open = [socket.create_connection((host, int(port)), timeout=PATIENCE_S) for _ in range(50)]
    try:
        assert client.ping().boot
    finally:
        for connection in half_open:
            connection.close()


def test_a_reader_that_never_reads_holds_up_nobody(service: Service, client: Client) -> None:
    finished = client.submit(job("quick", "1-600")).job
    events = list(client.follow(finished))
    with raw_socket(find_connection(service.home)) as non_reader:
        for _ in range(20):
            non_reader.send_multipart(pack(Message("follow", {"job": finished, "after_seq": 0})))
        assert list(client.follow(finished)) == events
        assert non_reader.poll(PATIENCE_MS)


def test_no_more_than_a_window_of_events_is_sent_ahead(service: Service, client: Client) -> None:
    finished = client.submit(job("quick", "1-200")).job
    list(client.follow(finished))
    with raw_socket(find_connection(service.home)) as dealer:
        ask(dealer, pack(Message("follow", {"job": finished})))
        for _ in range(2):
            for _ in range(64):
                assert dealer.poll(PATIENCE_MS)
                event = unpack(dealer.recv_multipart())
            for _ in range(3):  # whatever else was sent would come before the answers
                assert ask(dealer, pack(Message("ping"))).op == "ok"
            dealer.send_multipart(pack(Message("ack", {"job": finished, "seq": event.body["seq"]})))
        assert dealer.poll(PATIENCE_MS)


def test_too_many_streams_of_one_client_are_refused(service: Service, client: Client) -> None:
    jobs = [client.submit(job("quick", "1")).job for _ in range(33)]
    with raw_socket(find_connection(service.home)) as dealer:
        running = client.submit(job("until_cancelled")).job
        answers = []
        for one in jobs:
            dealer.send_multipart(pack(Message("follow", {"job": one, "after_seq": 100})))
        while len(answers) < 33:
            assert dealer.poll(PATIENCE_MS)
            message = unpack(dealer.recv_multipart())
            answers += [message] if message.op in ("ok", "error") else []
        assert [answer.op for answer in answers] == ["ok"] * 32 + ["error"]
        assert answers[-1].body["code"] == "QUEUE_FULL"
    client.cancel(running)


def test_queue_full_is_answered_when_too_many_jobs_wait(tmp_path: Path) -> None:
    from svfr_server.errors import QueueFull
    from svfr_server.job_store.entry import JobEntry
    from svfr_server.job_store.store import JobStore, Sender
    from svfr_server.settings import Limits

    store = JobStore(tmp_path / "jobs.sqlite")
    for _ in range(3):
        store.add(new_id(), JobEntry.of(job("quick")), Sender("me", "me"), Limits(queued_jobs=3))
    with pytest.raises(QueueFull):
        store.add(new_id(), JobEntry.of(job("quick")), Sender("me", "me"), Limits(queued_jobs=3))
    store.close()


def test_plain_jobs_of_the_mutation_test_are_valid(client: Client) -> None:
    accepted = client.submit(JobSpec.from_json(PLAIN))
    client.cancel(accepted.job)
    wait_until(lambda: client.status(accepted.job).state.is_final)
