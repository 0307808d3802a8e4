"""What a hostile or careless client, key folder or file may do to the service: nothing that others feel."""

import hashlib
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import zmq
from server_samples import PATIENCE_MS, PATIENCE_S, Service, StartService, job, wait_until, workers_of
from test_service_refusals import ask, header, raw_socket

from svfr_client.awake_clock import AwakeClock
from svfr_client.client import Client
from svfr_client.connection import Connection, KeyPair, find_connection
from svfr_client.errors import ReportedError, SeveralProblems, SvfrError
from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline, SplineMask
from svfr_client.protocol.bulk import split_bulk
from svfr_client.protocol.wire import MAGIC, MIB, Buffer, Message, new_id, pack, unpack
from svfr_client.records import canonical_json
from svfr_server.checking.bounds import MOST_CONTAINERS, bounded_error, check_counts
from svfr_server.checking.main import Checker
from svfr_server.checking.requests import REQUESTS
from svfr_server.errors import AnotherServerRuns
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.steps import finish
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.settings import Limits, ServerSettings
from svfr_server.supervisor.check_queue import PendingCheck
from svfr_server.supervisor.child_process import package_environment
from svfr_server.supervisor.client_endpoint import ClientEndpoint
from svfr_server.supervisor.credit import Accounts
from svfr_server.supervisor.lock import InstanceLock
from svfr_server.supervisor.request_handler import RequestHandler
from svfr_server.supervisor.retention import RetentionClock
from svfr_server.supervisor.zap_keys import KeyRing

OPERATIONS = {
    "hello": {"min_minor": 0, "max_minor": 1, "client": "x"},
    "status": {"job": "0" * 32},
    "cancel": {"job": "0" * 32},
    "follow": {"job": "0" * 32},
    "list": {},
    "ping": {},
    "models": {},
    "pause": {},
    "resume": {},
    "drain": {},
    "shutdown": {},
    "redo": {"job": "0" * 32, "of": "1" * 32, "frames": "1"},
    "result": {"job": "0" * 32, "frame": 1},
    "submit": {"job": "0" * 32, "spec": {}},
    "missing": {"pieces": ["0" * 64]},
    "room": {"set": "0" * 32, "pieces_bytes": 1, "files_bytes": 1},
    "put": {"piece": hashlib.sha256(b"x").hexdigest()},
    "put_local": {
        "file": "0" * 32 + ".local",
        "pieces": [{"piece": hashlib.sha256(b"x").hexdigest(), "offset": 0, "bytes": 1}],
    },
    "assemble": {"set": "0" * 32, "name": "plate.exr", "pieces": ["0" * 64]},
    "compare": {"files": [{"path": "/p/a.exr", "bytes": 1, "sha256": "0" * 64}]},
    "ack": {"job": "0" * 32, "seq": 1},
    "credit": {"bytes": 1},
    "unfollow": {"job": "0" * 32},
}


class Broken:
    """Stands where any part stands; whatever is asked of it fails as nobody foresaw."""

    def __getattr__(self, name: str) -> Any:
        raise ZeroDivisionError(name)


def request(op: str) -> Message:
    """A sound request; that of a job, and that of a piece, have what they need beside the header."""
    if op == "submit":
        plain, buffers = split_bulk(job("quick"))
        return Message(op, {"job": "0" * 32, "spec": plain}, buffers=buffers)
    buffers = {"data": Buffer(b"x", "raw", "|u1", (1,))} if op == "put" else {}
    return Message(op, OPERATIONS[op], buffers=buffers)


def broken_handler(folder: Path) -> tuple[RequestHandler, KeyRing, list[Message]]:
    """A handler whose every part is broken, and what it sends."""
    ring = KeyRing(folder)
    sent: list[Message] = []
    broken: Any = Broken()
    handler = RequestHandler(
        **dict.fromkeys(("store", "scheduler", "streams", "settings"), broken),
        ring=ring,
        accounts=Accounts(10**6),
        boot="b",
        send=lambda route, message: sent.append(message) or True,  # type: ignore[func-returns-value]
        stop=lambda: broken.stop,
    )
    return handler, ring, sent


@pytest.mark.parametrize("op", list(OPERATIONS))
def test_what_nobody_foresaw_ends_one_request_alone(
    op: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handler, ring, sent = broken_handler(tmp_path)
    message = request(op)
    handler.receive(b"r", ring.local_keys().public, pack(message))
    while handler.render_some():
        pass
    (answer,) = sent
    assert (answer.op, answer.re, answer.body["code"]) == ("error", message.id, "INTERNAL")
    assert caplog.records[-1].exc_info is not None


@pytest.mark.parametrize(
    "op", ["submit", "missing", "room", "put", "put_local", "assemble", "compare", "redo"]
)
def test_what_nobody_foresaw_while_checking_ends_one_request_alone(
    op: str, caplog: pytest.LogCaptureFixture
) -> None:
    broken: Any = Broken()
    checker = Checker(broken, broken, broken)
    if op == "redo":
        body = canonical_json({**OPERATIONS["redo"], "output": None, "seed": None}).encode()
        found = finish(checker.check(b"redo", "x", [body, canonical_json(job("quick").to_json()).encode()]))
    else:
        message = request(op)
        found = finish(checker.check(b"message", "x", pack(message)))
        assert found["id"] == message.id
    assert found["error"]["code"] == "INTERNAL"
    assert caplog.records[-1].exc_info is not None


@pytest.mark.parametrize(
    "found", [{"entry": {}, "job": "0" * 32}, {"op": "list", "body": {"limit": "x"}}, {}]
)
def test_a_finding_nobody_foresaw_ends_one_request_alone(
    found: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    handler, ring, sent = broken_handler(tmp_path)
    pending = PendingCheck(
        route=b"r", client=ring.local_keys().public, kind=b"message", frames=[], request="1"
    )
    handler.checked(pending, found)
    (answer,) = sent
    assert (answer.op, answer.re, answer.body["code"][:1] != "") == ("error", "1", True)


def test_every_operation_has_its_turn() -> None:
    assert set(OPERATIONS) == set(REQUESTS)


SHAPE = {"frame": 1, "width": 64, "height": 64, "invert": False}


def submit_with(spec: dict[str, Any], **buffers: Buffer) -> list[bytes]:
    return pack(Message("submit", {"job": new_id(), "spec": spec}, buffers=dict(buffers)))


def hostile_messages() -> dict[str, list[bytes]]:
    """Each ended the service once, or made everybody wait for seconds."""
    plain = {**split_bulk(job("quick"))[0], "frames": ""}
    layers = [{"splines": [], "blend": "add"} for _ in range(30_000)]
    mask = {"format": 1, "space": "exr_px", "frames": [{**SHAPE, "layers": layers}]}
    return {
        "a frame list of delete characters": submit_with(
            plain, **{"plate.frames": Buffer.of_json("\x7f" * MIB)}
        ),
        "a million frames": submit_with({**plain, "frames": "1-1000000"}),
        "a long list of ranges": submit_with(plain, **{"plate.frames": Buffer.of_json("1-9x2," * MIB)}),
        "empty layers": submit_with({**plain, "frames": "1"}, **{"mask.splines": Buffer.of_json(mask)}),
        "half a million points": submit_with(
            {**plain, "frames": "1"},
            **{
                "mask.splines": Buffer(
                    b'{"frames":[{"frame":1,"layers":[{"splines":[{"points":[' + b"[0]," * 500_000
                )
            },
        ),
        "deep nesting": submit_with(plain, **{"plate.frames": Buffer(b"[" * MIB)}),
        "too many lists": submit_with(plain, **{"plate.frames": Buffer(b"[" + b"[]," * 1_100_000 + b"[]]")}),
        "an output of a billion digits": submit_with(
            {**plain, "frames": "1", "output": "/p/x.%0999999999d.exr"}
        ),
        "a long name": pack(Message("hello", {"min_minor": 0, "max_minor": 1, "client": "x" * MIB})),
    }


@pytest.mark.parametrize("name", list(hostile_messages()))
def test_a_hostile_message_is_answered_and_others_do_not_wait(service: Service, name: str) -> None:
    boot = find_connection(service.home).boot
    with service.client() as other, raw_socket(find_connection(service.home)) as dealer:
        other.ping()
        for _ in range(3):
            dealer.send_multipart(hostile_messages()[name])
        answers = 0
        until = time.monotonic() + 120
        while answers < 3 and time.monotonic() < until:
            assert other.ping().boot == boot  # how soon is what the stress benchmark measures
            while dealer.poll(5):
                answer = unpack(dealer.recv_multipart())
                assert answer.op == "ok" or answer.body["code"] not in ("", "INTERNAL")
                answers += 1
    assert answers == 3


def test_a_message_of_very_many_frames_costs_its_sender_the_connection(service: Service) -> None:
    with service.client() as other, raw_socket(find_connection(service.home)) as dealer:
        assert ask(dealer, [MAGIC, header()]).op == "ok"
        monitor = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        dealer.send_multipart([b""] * 5000)
        assert monitor.poll(PATIENCE_MS)
        dealer.disable_monitor()
        assert other.ping().queue == "open"
        assert ask(dealer, [MAGIC, header()]).op == "ok"  # it has connected again


def test_frames_without_end_are_cut_before_their_message_is_complete(service: Service) -> None:
    log = service.home / "logs" / "server.log"
    with service.client() as other, raw_socket(find_connection(service.home)) as dealer:
        other.ping()
        before = len(log.read_text())
        monitor = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        for _ in range(1_500_000):
            dealer.send(b"", zmq.SNDMORE)
        dealer.send(b"")
        assert monitor.poll(PATIENCE_MS)
        dealer.disable_monitor()
        assert other.ping().queue == "open"
    assert "they send frames without end" in log.read_text()[before:]


def test_what_fails_at_a_messages_first_frame_does_not_put_the_next_out_of_step(tmp_path: Path) -> None:
    """Without a key check ZeroMQ lets a client in and has no name for it, so that reading the name fails."""
    context: zmq.Context[Any] = zmq.Context()
    ring = KeyRing(tmp_path)
    settings = ServerSettings(tmp_path, devices=("cpu",))
    endpoint = ClientEndpoint(context=context, settings=settings, ring=ring, keys=ring.server_keys())
    keys = ring.local_keys()
    connection = Connection(
        endpoint=endpoint.endpoint, server_key=ring.server_keys().public, keys=keys, boot="", pid=1, host=""
    )
    sent = [[b"first", b"1", b"2"], [b"second", b"3"]]
    received: list[list[bytes]] = []
    with raw_socket(connection) as dealer:
        for message in sent:
            dealer.send_multipart(message)
        failed = 0
        while len(received) < 2 and endpoint.socket.poll(PATIENCE_MS):
            try:
                for _, _, frames in endpoint.receive():
                    received.append([frame.bytes for frame in frames])
            except zmq.ZMQError:
                failed += 1
    endpoint.connections.close()
    endpoint.socket.close(linger=0)
    context.term()
    assert (received, failed) == (sent, 2)


def test_a_client_that_asks_much_at_once_is_not_taken_for_one_that_pours_frames(service: Service) -> None:
    log = service.home / "logs" / "server.log"
    before = len(log.read_text())
    with raw_socket(find_connection(service.home)) as dealer:
        for _ in range(20_000):
            dealer.send_multipart([MAGIC, header()])
        last = pack(Message("ping"))
        dealer.send_multipart(last)
        while dealer.poll(1000):
            if unpack(dealer.recv_multipart()).re == unpack(last).id:
                break
    assert "frames without end" not in log.read_text()[before:]


def test_an_answered_error_is_short_whatever_it_quotes() -> None:
    problems = SeveralProblems([SvfrError("ä" * 10**5, path="p" * 10**5) for _ in range(100)])
    assert len(pack(Message("error", bounded_error(problems)))[-1]) < MIB


def test_more_lists_than_any_job_has_are_refused_before_they_are_parsed() -> None:
    with pytest.raises(SvfrError, match="lists and objects"):
        check_counts([b"[" * (MOST_CONTAINERS + 1)])
    check_counts([b"[1,2]"])


def test_a_message_of_a_revoked_client_is_not_even_parsed(service: Service) -> None:
    keys = KeyPair.new()
    ring = KeyRing(service.home)
    ring.authorise("leaving", keys.public)
    connection = replace(find_connection(service.home), keys=keys)
    with raw_socket(connection) as dealer:
        assert ask(dealer, pack(Message("ping"))).op == "ok"
        ring.revoke("leaving")
        dealer.send_multipart([MAGIC, b"{not json"])
        if dealer.poll(2000):  # unless its connection was cut first
            assert unpack(dealer.recv_multipart()).body["code"] == "AUTH"


def test_what_lies_among_the_keys_lets_nobody_in_and_harms_nobody(service: Service, tmp_path: Path) -> None:
    ring = KeyRing(service.home)
    (ring.folder / "old.pub").mkdir()
    (ring.folder / "link.pub").symlink_to(tmp_path / "nowhere")
    os.mkfifo(ring.folder / "pipe.pub")
    (ring.folder / "text.pub").write_text("no key")
    try:
        assert set(ring.authorised().values()) == {"local"}
        with service.client() as client:
            assert client.ping().boot
    finally:
        (ring.folder / "old.pub").rmdir()
        for name in ("link.pub", "pipe.pub", "text.pub"):
            (ring.folder / name).unlink()


def test_keys_that_come_and_go_while_clients_connect_end_nothing(service: Service) -> None:
    ring, connection = KeyRing(service.home), find_connection(service.home)
    for number in range(30):
        ring.authorise(f"k{number}", KeyPair.new().public)
        with Client(connection) as client:
            assert client.ping().boot == connection.boot
        ring.revoke(f"k{number}")


def test_strangers_take_no_descriptor_from_the_service(tmp_path: Path) -> None:
    """Under a hard limit of 330 descriptors, 400 connections say nothing; a client is served all the same."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environment = dict(package_environment(), SVFR_HOME=str(home))
    command = [sys.executable, "-m", "svfr_server", "--device", "cpu", "--idle-exit", "60"]
    limit = (330, 330)
    running = subprocess.Popen(
        command, env=environment, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    )
    silent: list[socket.socket] = []
    try:
        wait_until((home / "connection.json").exists)
        host, port = find_connection(home).endpoint.removeprefix("tcp://").split(":")
        for _ in range(400):
            silent.append(socket.create_connection((host, int(port)), timeout=PATIENCE_S))
        with Client(folder=home, attempts=6) as client:
            assert client.ping().boot
            assert client.submit(job("quick")).is_new
            client.shutdown()
    finally:
        for one in silent:
            one.close()
        running.terminate()
        running.wait(PATIENCE_S)


def test_a_lock_file_that_is_removed_lets_no_second_service_in(tmp_path: Path) -> None:
    with InstanceLock(tmp_path / "server.lock"):
        (tmp_path / "server.lock").unlink()
        with pytest.raises(AnotherServerRuns):
            InstanceLock(tmp_path / "server.lock")


def test_a_pause_outlives_a_drain(own_service: Service) -> None:
    with own_service.client() as client:
        client.pause()
        first = client.submit(job("quick")).job
        client.drain()
    own_service.wait_until_gone()
    own_service.start()
    with own_service.client() as client:
        assert (client.ping().queue, client.status(first).state.value) == ("paused", "queued")


def test_a_known_job_is_accepted_again_while_the_queue_drains(own_service: Service) -> None:
    with own_service.client() as client:
        known = client.submit(job("until_cancelled")).job
        client.drain()
        assert not client.submit(job("until_cancelled"), known).is_new
        with pytest.raises(ReportedError, match="no new jobs"):
            client.submit(job("quick"))


def test_a_job_of_another_client_is_not_done_again(service: Service, client: Client) -> None:
    of = client.submit(job("quick")).job
    keys = KeyPair.new()
    KeyRing(service.home).authorise("other", keys.public)
    connection = replace(find_connection(service.home), keys=keys)
    with Client(connection) as other, pytest.raises(ReportedError) as caught:
        other.redo(of, "1001")
    assert caught.value.code == "FORBIDDEN"
    KeyRing(service.home).revoke("other")


def test_a_job_that_a_newer_version_wrote_waits_with_words(own_service: Service) -> None:
    with own_service.client() as client:
        client.pause()
        newer = client.submit(job("quick")).job
        client.shutdown()
    with sqlite3.connect(own_service.home / "jobs.sqlite") as database:
        database.execute("UPDATE jobs SET spec = json_set(spec, '$.of_tomorrow', 1)")
    database.close()
    own_service.start()
    with own_service.client() as client:
        client.resume()
        other = client.submit(job("quick")).job
        assert list(client.follow(other))[-1].kind == "done"
        assert client.status(newer).state.value == "queued"
        warning = next(event for event in client.follow(newer) if event.kind == "warning")
    assert "This version cannot read the job" in warning.body["message"]


def test_jobs_survive_a_log_that_is_cut(own_service: Service) -> None:
    with own_service.client() as client:
        client.pause()
        jobs = {client.submit(job("quick")).job for _ in range(5)}
    own_service.kill()
    (own_service.home / "jobs.sqlite-wal").write_bytes(b"")
    own_service.start()
    with own_service.client() as client:
        assert {status.job for status in client.jobs()} == jobs


def test_a_clock_that_runs_ahead_forgets_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    now = time.time()
    clock = RetentionClock(store)
    monkeypatch.setattr(time, "time", lambda: now + 40 * 86400)
    assert clock.now() < now + 60
    assert RetentionClock(store).now() < now + 2 * 86400
    monkeypatch.undo()
    assert abs(RetentionClock(store).now() - now) < 60
    store.close()


def test_time_during_which_the_service_stood_still_does_not_count() -> None:
    now = [0.0]
    clock = AwakeClock(lambda: now[0])
    for step in (0.5, 60.0, 0.5):
        now[0] += step
        clock.tick()
    assert clock.now() == 1.5


def test_a_worker_that_finished_while_the_service_stood_still_is_heard(start_service: StartService) -> None:
    one = start_service("--first-window", "2", "--stuck-after", "3")
    with one.client() as client:
        submitted = client.submit(job("until_cancelled")).job
        next(event for event in client.follow(submitted) if event.kind == "progress")
        (worker,) = workers_of(one)
        pid = find_connection(one.home).pid
        for stopped in ((pid,), (pid, worker.pid)):
            for each in stopped:
                os.kill(each, signal.SIGSTOP)
            time.sleep(5)  # longer than a worker may be silent, which a busy machine must not make it
            for each in stopped:
                os.kill(each, signal.SIGCONT)
            time.sleep(0.7)
        client.cancel(submitted)
        kinds = [event.kind for event in client.follow(submitted)]
    assert "retry" not in kinds and kinds[-1] == "cancelled"


def test_a_pipe_in_a_plates_place_is_refused_at_once(client: Client, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.1001.exr")
    spec = replace(job("opens_its_plate", "1001"), plate=str(tmp_path / "a.%04d.exr"))
    last = list(client.follow(client.submit(spec).job))[-1]
    assert (last.kind, last.body["error"]["code"]) == ("failed", "FORBIDDEN_PATH")


def test_a_file_of_a_sequence_that_is_a_link_out_of_the_roots_is_refused(
    start_service: StartService, tmp_path: Path
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "a.1001.exr").symlink_to("/etc/hostname")
    spec = replace(job("opens_its_plate", "1001"), plate=str(inside / "a.%04d.exr"))
    with start_service("--read-root", str(inside)).client() as client:
        last = list(client.follow(client.submit(spec).job))[-1]
    assert (last.kind, last.body["error"]["code"]) == ("failed", "FORBIDDEN_PATH")


def test_a_job_too_long_for_a_worker_is_refused_before_it_is_kept(tmp_path: Path) -> None:
    with pytest.raises(SvfrError, match="canonical JSON"):
        JobEntry.of(replace(job("quick"), plate="/p/" + "x" * (49 * MIB)))


def test_a_roto_longer_than_a_frame_of_the_wire_arrives(client: Client) -> None:
    def point(index: int) -> MaskPoint:
        at = (index / 7 + 0.123456789, index / 3 + 0.987654321)
        return MaskPoint(at, at, at, 1 / 3)

    points = tuple(point(index) for index in range(75_000))
    mask = SplineMask({1001: MaskShape((MaskLayer((MaskSpline(points),)),), 64, 48)})
    assert len(split_bulk(spec := replace(job("quick"), mask_splines=mask))[1]["mask.splines"].data) > 8 * MIB
    assert client.submit(spec).is_new


def test_the_store_takes_what_was_checked(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    entry = JobEntry.of(job("quick"))
    name = new_id()
    assert store.accepted(name, entry, None) is None
    assert store.add(name, entry, Sender("me", "me"), Limits()).is_new
    known = store.accepted(name, entry, None)
    assert known is not None and not known.is_new
    store.close()


def test_a_worker_that_takes_too_much_memory_fails_its_job(start_service: StartService) -> None:
    with start_service("--worker-memory-mib", "10").client() as client:
        last = list(client.follow(client.submit(job("until_cancelled")).job))[-1]
    assert (last.kind, last.body["error"]["code"]) == ("failed", "OOM")


def test_the_limits_of_a_worker_are_settings(tmp_path: Path) -> None:
    assert 2**28 < ServerSettings(tmp_path, devices=("cpu",)).worker_memory_bytes < 2**44
    assert b"ping" in header()
