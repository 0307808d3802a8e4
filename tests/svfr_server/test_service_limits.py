"""What one client can cost the service: bounded, and never at another client's expense."""

import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import zmq
from server_samples import PATIENCE_MS, Service, StartService, job, wait_until
from test_service_refusals import ask, raw_socket

from svfr_client import link
from svfr_client.client import Client
from svfr_client.connection import find_connection
from svfr_client.errors import MessageTooLarge
from svfr_client.protocol.wire import MAGIC, MAX_MESSAGE_BYTES, MIB, Buffer, Message, pack, unpack
from svfr_server.supervisor import sockets
from svfr_server.supervisor.credit import MAX_SENT_BYTES, MOST_ACCOUNTS, SEND_MESSAGES, Accounts
from svfr_server.supervisor.memory_watch import resident_bytes


def test_an_account_has_room_for_its_window_and_for_one_message_that_is_longer() -> None:
    accounts = Accounts(100)
    assert accounts.has_room(b"a", 1000)
    accounts.spend(b"a", 60)
    assert accounts.has_room(b"a", 40) and not accounts.has_room(b"a", 41)
    assert accounts.has_room(b"b", 100)
    accounts.grant(b"a", 10**9)
    assert accounts.of(b"a").unread_bytes == 0
    accounts.spend(b"a", 500)
    accounts.forget(b"a")
    assert accounts.of(b"a").unread_bytes == 0


def test_accounts_of_connections_that_are_long_gone_are_dropped() -> None:
    accounts = Accounts(100)
    for number in range(MOST_ACCOUNTS + 10):
        accounts.spend(str(number).encode(), 7)
    assert accounts.of(b"0").unread_bytes == 0
    assert accounts.of(str(MOST_ACCOUNTS).encode()).unread_bytes == 7


def test_what_may_be_under_way_to_a_client_that_lies_is_64_mib() -> None:
    assert SEND_MESSAGES * MAX_SENT_BYTES == 64 * MIB


def resident_mib(service: Service) -> float:
    return float(psutil.Process(find_connection(service.home).pid).memory_info().rss) / MIB


@pytest.fixture
def busy(own_service: Service) -> Service:
    """A service with enough jobs for a long answer."""
    spec = replace(job("quick", "1"), plate="/p/" + "x" * 1500 + ".exr", output="/o/" + "y" * 1500 + ".exr")
    with own_service.client() as client:
        client.pause()
        for _ in range(120):
            client.submit(spec)
    return own_service


LIST = {"limit": 1000, "active_only": False}


def test_a_client_that_reads_nothing_costs_no_more_than_its_credit(busy: Service) -> None:
    before = resident_mib(busy)
    with raw_socket(find_connection(busy.home)) as non_reader, busy.client() as client:
        for _ in range(1000):  # 400 kB each, 400 MB in all
            non_reader.send_multipart(pack(Message("list", LIST)))
            if _ % 50 == 0:
                client.ping()
        assert resident_mib(busy) - before < 64


def test_clients_that_leave_while_the_service_is_behind_harm_nobody(busy: Service) -> None:
    """libzmq ends the process when a connection breaks whose input it had stopped at a high-water mark."""
    boot = find_connection(busy.home).boot
    with busy.client() as client:
        with raw_socket(find_connection(busy.home)) as leaver:
            for number in range(2000):
                leaver.send_multipart(pack(Message("list", LIST)))
                if number % 20 == 0:
                    client.ping()
            time.sleep(0.5)
        for _ in range(20):
            assert client.ping().boot == boot


def test_neither_side_stops_reading_at_a_high_water_mark() -> None:
    """The abort needs a flood to show, as benchmarks.service_stress sends one; this keeps the setting."""
    assert sockets.RECEIVE_MESSAGES == link.RECEIVE_MESSAGES == 0


def test_a_client_that_reads_and_does_not_say_so_is_told(busy: Service) -> None:
    with raw_socket(find_connection(busy.home)) as dealer:
        answers = [ask(dealer, pack(Message("list", LIST))) for _ in range(60)]
        codes = [answer.body.get("code") for answer in answers]
        refused = codes.index("NO_CREDIT")
        assert codes == [None] * refused + ["NO_CREDIT"] * (60 - refused)
        dealer.send_multipart(pack(Message("credit", {"bytes": 4 * MIB})))
        assert ask(dealer, pack(Message("list", LIST))).op == "ok"


def test_events_wait_in_the_store_until_there_is_credit(busy: Service) -> None:
    with raw_socket(find_connection(busy.home)) as dealer, busy.client() as client:
        for question in (Message("list", LIST), Message("list", {**LIST, "limit": 5}), Message("ping")):
            while ask(dealer, pack(question)).op == "ok":
                pass
        waiting = client.jobs(limit=1)[0].job
        follow = pack(Message("follow", {"job": waiting, "after_seq": 0}))
        assert ask(dealer, follow).body["code"] == "NO_CREDIT"
        assert not dealer.poll(800)
        dealer.send_multipart(pack(Message("credit", {"bytes": 2**40})))
        first, second = unpack(recv(dealer)), ask(dealer, follow)
        assert (first.op, first.body["kind"], second.op) == ("event", "queued", "ok")


def recv(dealer: "zmq.Socket[bytes]") -> list[bytes]:
    assert dealer.poll(PATIENCE_MS)
    return dealer.recv_multipart()


def test_the_client_gives_credit_by_itself(busy: Service) -> None:
    with busy.client() as client:
        for _ in range(60):
            assert len(client.jobs(limit=100)) == 100


def test_an_answer_that_would_be_too_long_says_that_there_is_more(busy: Service) -> None:
    with raw_socket(find_connection(busy.home)) as dealer, busy.client() as client:
        client.jobs()
        spec = replace(job("quick", "1"), plate="/p/" + "ä" * 4000 + ".exr")
        for _ in range(60):
            client.submit(spec)
        answer = ask(dealer, pack(Message("list", LIST)))
        assert answer.body["has_more"] and 20 < len(answer.body["jobs"]) < 180
    assert not ask_few(busy).body["has_more"]


def ask_few(service: Service) -> Message:
    with raw_socket(find_connection(service.home)) as dealer:
        return ask(dealer, pack(Message("list", {"limit": 5, "active_only": False})))


def test_a_message_that_never_ends_costs_its_sender_the_connection(start_service: StartService) -> None:
    one = start_service("--memory-limit-mib", "120")
    with raw_socket(find_connection(one.home)) as endless, one.client() as client:
        client.ping()
        endless.send_multipart([MAGIC, *[bytes(4 * MIB)] * 150], copy=False)
        log = one.home / "logs" / "server.log"
        wait_until(lambda: "all connections are dropped" in log.read_text(encoding="utf-8"))
        assert client.ping().boot
        assert client.submit(job("quick")).is_new
        assert resident_mib(one) < 300


def test_the_client_refuses_what_is_too_long_before_it_is_sent() -> None:
    half = Buffer(bytes(MAX_MESSAGE_BYTES // 2 + 1))
    with pytest.raises(MessageTooLarge):
        pack(Message("submit", {}, buffers={"a": half, "b": half}))


def test_two_hundred_clients_at_once_are_all_answered(service: Service) -> None:
    connection = find_connection(service.home)
    context = zmq.Context()
    sockets = []
    for _ in range(200):
        dealer = context.socket(zmq.DEALER)
        dealer.linger = 0
        dealer.curve_serverkey = connection.server_key.encode()
        dealer.curve_publickey = connection.keys.public.encode()
        dealer.curve_secretkey = connection.keys.secret.encode()
        dealer.connect(connection.endpoint)
        dealer.send_multipart(pack(Message("ping")))
        sockets.append(dealer)
    try:
        for dealer in sockets:
            assert dealer.poll(PATIENCE_MS)
            assert unpack(dealer.recv_multipart()).op == "ok"
    finally:
        for dealer in sockets:
            dealer.close()
        context.term()


def test_a_process_knows_its_own_memory() -> None:
    held = psutil.Process().memory_info().rss
    assert held / 2 < resident_bytes() < held * 2


def test_logs_name_the_job_of_whoever_speaks_and_rotate(
    client: Client, service: Service, tmp_path: Path
) -> None:
    submitted = client.submit(job("breaks")).job
    list(client.follow(submitted))
    log = (service.home / "logs" / "worker-cpu.log").read_text(encoding="utf-8")
    line = next(line for line in log.splitlines() if submitted in line and "ZeroDivisionError" in line)
    assert '"traceback"' in line
