"""The one client behind the page: how often it asks, and what it says when nobody answers."""

import time
from pathlib import Path

import pytest
from server_page_samples import ShownServer
from server_samples import wait_until

from svfr_client.client import Client
from svfr_client.connection import find_connection, make_private_folder
from svfr_client.protocol.messages import Welcome
from svfr_view.server_page import watcher
from svfr_view.server_page.watcher import Watcher, client_by, client_of


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watcher, "EVERY_SECONDS", 0.1)
    monkeypatch.setattr(watcher, "IDLE_AFTER_SECONDS", 0.5)


@pytest.mark.usefixtures("impatient")
def test_a_server_that_is_not_there_is_said_with_what_to_do(tmp_path: Path) -> None:
    watched = Watcher(client_of(tmp_path / "nowhere"), tmp_path)
    watched.start()
    wait_until(lambda: watched.latest()["error"] is not None)
    seen = watched.latest()
    watched.stop()
    assert seen["server"] is None and seen["jobs"] == []
    assert "svfr serve" in seen["error"]["remedy"] and seen["error"]["code"] == "NO_SERVER"


@pytest.mark.usefixtures("impatient")
def test_a_server_elsewhere_is_named_by_a_connection_file_of_any_name(
    shown: ShownServer, tmp_path: Path
) -> None:
    file = make_private_folder(tmp_path / "there") / "farm box.json"
    find_connection(shown.service.home).save(file)
    watched = Watcher(client_by(file), file.parent)
    watched.start()
    wait_until(lambda: watched.latest()["server"] is not None)
    watched.stop()


@pytest.mark.usefixtures("impatient")
def test_the_server_is_asked_only_while_somebody_looks(shown: ShownServer) -> None:
    asked: list[str] = []

    class Counted(Client):
        def ask(self, op, *more, **named):  # type: ignore[no-untyped-def]
            asked.append(op)
            return super().ask(op, *more, **named)

        def hello(self) -> Welcome:
            asked.append("hello")
            return super().hello()

    watched = Watcher(lambda: Counted(folder=shown.service.home), shown.service.home)
    watched.start()
    time.sleep(0.3)
    assert asked == []
    wait_until(lambda: watched.latest()["server"] is not None)
    assert set(asked) <= {"hello", "ping", "list"} and asked.count("hello") == 1
    for _ in range(50):  # pages that ask in a hurry
        watched.latest()
    wait_until(lambda: watched._client is None)  # nobody looks any more
    count = len(asked)
    time.sleep(0.4)
    assert len(asked) == count
    wait_until(lambda: watched.latest()["server"] is not None and len(asked) > count)
    watched.stop()
