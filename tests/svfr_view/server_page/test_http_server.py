"""Who gets what from the page's server, and what nobody gets."""

import json
import socket
import time
from contextlib import suppress
from typing import Any

import pytest
from server_page_samples import ShownServer
from server_samples import wait_until

from svfr_view.errors import PortIsTaken
from svfr_view.server_page import http_server
from svfr_view.server_page.http_server import MOST_CONNECTIONS, listening
from svfr_view.server_page.watcher import Watcher, client_of


def status(shown: ShownServer) -> dict[str, Any]:
    answer, body = shown.ask("/status.json", headers=shown.cookie)
    assert (answer.status, answer.getheader("Content-Type")) == (200, "application/json")
    found: dict[str, Any] = json.loads(body)
    return found


def test_the_right_token_is_changed_for_a_cookie_that_opens_everything(shown: ShownServer) -> None:
    answer, _ = shown.ask(f"/?token={shown.server.token}")
    assert (answer.status, answer.getheader("Location")) == (303, "/")
    cookie = answer.getheader("Set-Cookie") or ""
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    for path in ("/", "/server.js", "/server.css", "/status.json"):
        assert shown.ask(path, headers={"Cookie": cookie.split(";")[0]})[0].status == 200


@pytest.mark.parametrize(
    "path", ["/", "/server.js", "/status.json", "/thumbnail/" + 32 * "0", "/?token=x", "/x"]
)
def test_without_the_token_nothing_is_told_but_where_it_is(shown: ShownServer, path: str) -> None:
    wrong = {"Cookie": f"{shown.server.cookie}=wrong; other={shown.server.token}"}
    for headers in ({}, wrong, {"Cookie": "=;\x01"}):
        answer, body = shown.ask(path, headers=headers)
        assert answer.status == 403 and b"svfr status --web" in body and b"finds_problems" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT"])
def test_there_is_nothing_but_reading(shown: ShownServer, method: str) -> None:
    assert shown.ask("/status.json", method, shown.cookie)[0].status == 501


def test_a_foreign_name_that_leads_here_gets_nothing(shown: ShownServer) -> None:
    for host in ("evil.example", f"evil.example:{shown.server.port}", "127.0.0.1", ""):
        answer, _ = shown.ask("/status.json", headers={**shown.cookie, "Host": host})
        assert answer.status == 403
    named = {**shown.cookie, "Host": f"localhost:{shown.server.port}"}
    assert shown.ask("/status.json", headers=named)[0].status == 200


def test_every_answer_forbids_what_the_page_does_not_need(shown: ShownServer) -> None:
    for path in ("/", "/status.json", "/nothing"):
        answer, _ = shown.ask(path, headers=shown.cookie)
        policy = answer.getheader("Content-Security-Policy") or ""
        assert (
            "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
        )
        assert answer.getheader("Cache-Control") == "no-store"
        assert answer.getheader("Access-Control-Allow-Origin") is None
        assert "Python" not in (answer.getheader("Server") or "")


def test_no_file_is_served_but_the_pages_own(shown: ShownServer) -> None:
    for path in (
        "/page.js",
        "/../data/page.js",
        "/server.html",
        "/thumbnail/..%2f",
        "/%2e%2e/x",
    ):
        assert shown.ask(path, headers=shown.cookie)[0].status == 404


def test_it_listens_on_the_loopback_address_alone(shown: ShownServer) -> None:
    assert shown.server.server_address[0] == "127.0.0.1"


def test_a_head_has_the_headers_and_no_body(shown: ShownServer) -> None:
    answer, body = shown.ask("/server.css", "HEAD", shown.cookie)
    assert answer.status == 200 and body == b"" and int(answer.getheader("Content-Length") or 0) > 100


def test_the_page_says_what_runs_what_waits_and_what_failed(shown: ShownServer) -> None:
    wait_until(lambda: bool(status(shown)["jobs"]))
    seen = status(shown)
    assert seen["error"] is None and seen["server"]["running"] == 1 and seen["server"]["queued"] == 1
    assert seen["server"]["devices"] == ["cpu"]
    assert [one["job"] for one in seen["jobs"]] == [shown.running, shown.waiting]
    assert [one["state"] for one in seen["jobs"]] == ["running", "queued"]
    (fault,) = seen["faults"]
    assert fault["job"] == shown.failed and fault["message"] == "Frame 3 is missing."
    assert (fault["remedy"], fault["frame"], fault["more"]) == ("Render it.", 3, 1)
    memory = seen["machine"]["memory"]
    assert 0 < memory["server"] < memory["total"] and seen["machine"]["disks"][0]["total"] > 0


def test_a_running_job_has_a_picture_of_what_it_wrote_and_a_rate(shown: ShownServer) -> None:
    def running() -> dict[str, Any]:
        return next((one for one in status(shown)["jobs"] if one["job"] == shown.running), {})

    wait_until(lambda: bool(running().get("picture")) and running()["frames_a_minute"] is not None)
    job = running()
    assert job["picture"]["frame"] in (1001, 1002) and 0.0 < job["overall"] < 1.0 and job["seconds_left"] > 0
    answer, body = shown.ask(f"/thumbnail/{shown.running}", headers=shown.cookie)
    assert answer.getheader("Content-Type") == "image/jpeg" and body[:2] == b"\xff\xd8"
    assert shown.ask(f"/thumbnail/{shown.waiting}", headers=shown.cookie)[0].status == 404


def test_more_connections_than_it_takes_are_hung_up_and_free_ones_are_answered(shown: ShownServer) -> None:
    idle = [socket.create_connection(("127.0.0.1", shown.server.port)) for _ in range(MOST_CONNECTIONS)]
    try:
        wait_until(lambda: _is_hung_up(shown))
    finally:
        for one in idle:
            one.close()
    wait_until(lambda: not _is_hung_up(shown))
    assert status(shown)["error"] is None


def _is_hung_up(shown: ShownServer) -> bool:
    try:
        shown.ask("/status.json", headers=shown.cookie)
    except (ConnectionError, OSError):
        return True
    return False


def test_a_connection_that_dribbles_is_cut(shown: ShownServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "CONNECTION_SECONDS", 0.6)
    with socket.create_connection(("127.0.0.1", shown.server.port)) as dribbling:
        dribbling.settimeout(30)
        began = time.monotonic()
        with pytest.raises(OSError):
            while True:
                dribbling.send(b"G")
                time.sleep(0.1)
                assert time.monotonic() - began < 20
    assert status(shown)["error"] is None


def test_nonsense_and_endless_requests_end_and_harm_nobody(shown: ShownServer) -> None:
    for rubbish in (b"\x00\xff\x00\r\n\r\n", b"GET " + b"a" * 100_000, b"GET / HTTP/9.9\r\n\r\n", b"\r\n"):
        with socket.create_connection(("127.0.0.1", shown.server.port)) as one:
            one.settimeout(30)
            with suppress(OSError):  # the server may have ended the connection already
                one.sendall(rubbish)
                one.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):  # what was sent after the end is answered with a reset
                while one.recv(65536):
                    pass
    assert status(shown)["error"] is None


def test_a_taken_port_is_said(shown: ShownServer) -> None:
    watcher = Watcher(client_of(shown.service.home), shown.service.home)
    with pytest.raises(PortIsTaken, match=str(shown.server.port)), listening(watcher, shown.server.port):
        pass
