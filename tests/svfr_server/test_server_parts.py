"""Keys, roots, settings, lock, streams and logs of the service, each by itself."""

import json
import logging
import os
import stat
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
import zmq
from server_samples import job

from svfr_client.connection import KeyPair
from svfr_client.errors import FolderIsNotPrivate
from svfr_client.job import ColourClaim, Reference
from svfr_client.protocol.messages import Ack, Follow
from svfr_client.protocol.wire import Message, new_id
from svfr_server.__main__ import parse
from svfr_server.errors import AnotherServerRuns, BadKeyFile, BadSettings, InternalFailure, QueueFull
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.logs import log_to_folder
from svfr_server.roots import PathRoots
from svfr_server.settings import Limits, ServerSettings, find_devices
from svfr_server.supervisor import child_process, sockets, zap_keys
from svfr_server.supervisor.child_process import ChildProcess
from svfr_server.supervisor.lock import LOCK_FILE, InstanceLock, wait_until_free
from svfr_server.supervisor.streams import Streams
from svfr_server.supervisor.worker_process import worker_environment
from svfr_server.supervisor.zap_keys import KeyRing
from svfr_server.worker.main import load_pipeline


def test_the_servers_keys_are_kept_private_and_stay_the_same(tmp_path: Path) -> None:
    ring = KeyRing(tmp_path / "home")
    assert ring.server_keys() == KeyRing(tmp_path / "home").server_keys()
    assert ring.local_keys() == ring.local_keys() != ring.server_keys()
    assert ring.authorised() == {ring.local_keys().public: "local"}
    for name in ("server.key", "local.key"):
        assert stat.S_IMODE((tmp_path / "home" / name).stat().st_mode) == 0o600


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    KeyRing(tmp_path / "home").server_keys()
    (tmp_path / "home" / "server.key").chmod(0o644)
    with pytest.raises(FolderIsNotPrivate):
        KeyRing(tmp_path / "home").server_keys()


@pytest.mark.parametrize("text", ["", "{}", '{"public": "a"}', "[1]"])
def test_a_damaged_key_file_is_named(tmp_path: Path, text: str) -> None:
    ring = KeyRing(tmp_path / "home")
    ring.server_keys()
    (tmp_path / "home" / "server.key").write_text(text)
    with pytest.raises(BadKeyFile, match=r"server\.key"):
        ring.server_keys()


@pytest.mark.parametrize("public", ["", "x" * 39, "x" * 41, "ü" * 40, " " * 40])
def test_what_is_no_public_key_is_not_authorised(tmp_path: Path, public: str) -> None:
    with pytest.raises(BadKeyFile):
        KeyRing(tmp_path / "home").authorise("guest", public)


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a\n", "x" * 65])
def test_a_key_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    ring = KeyRing(tmp_path / "home")
    with pytest.raises(BadKeyFile, match="is no name"):
        ring.authorise(name, KeyPair.new().public)
    with pytest.raises(BadKeyFile):
        ring.revoke(name)


def test_a_name_without_a_key_cannot_be_revoked(tmp_path: Path) -> None:
    with pytest.raises(BadKeyFile, match="No key is authorised as guest"):
        KeyRing(tmp_path / "home").revoke("guest")


def test_the_folder_can_be_held_once(tmp_path: Path) -> None:
    holder = f"process {os.getpid()}, since"
    with InstanceLock(tmp_path / "server.lock"), pytest.raises(AnotherServerRuns, match=holder):
        InstanceLock(tmp_path / "server.lock")
    InstanceLock(tmp_path / "server.lock").release()


def test_who_waits_for_the_folder_learns_whether_it_came_free(tmp_path: Path) -> None:
    with InstanceLock(tmp_path / LOCK_FILE):
        assert not wait_until_free(tmp_path / LOCK_FILE, within_seconds=0.0)
    assert wait_until_free(tmp_path / LOCK_FILE, within_seconds=0.0)


def test_every_path_of_a_job_is_checked(tmp_path: Path) -> None:
    spec = replace(
        job("quick"),
        mask_path="m.exr",
        crop_tracks="c.json",
        references=(Reference(0, photo="r.png"), Reference(1, 7)),
        colour=ColourClaim(config="x.ocio"),
        model="folder/mini",
    )
    complained = [problem.path for problem in PathRoots().problems(spec)]
    assert complained == ["m.exr", "c.json", "r.png", "x.ocio", "folder/mini"]


def test_a_builtin_config_and_a_model_name_are_no_paths() -> None:
    spec = replace(job("quick"), colour=ColourClaim(config="ocio://default"), model="mini")
    assert PathRoots().problems(spec) == []


@pytest.mark.parametrize(
    "name", ["NUL", "con.exr", "/p/com1.exr", "/p/aux/a.exr", "//./pipe/a.exr", "//?/C:/a.exr"]
)
def test_device_names_are_refused(name: str) -> None:
    assert PathRoots().problems(replace(job("quick"), output=name))


def test_a_settings_mistake_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="not a TCP port"):
        ServerSettings(tmp_path, port=70000)
    with pytest.raises(BadSettings, match="no device"):
        ServerSettings(tmp_path, devices=())
    with pytest.raises(BadSettings, match="not a folder"):
        ServerSettings(tmp_path, write_roots=(tmp_path / "gone",))


@pytest.mark.parametrize(("address", "words"), [("127.0.0.1", "--port"), ("192.0.2.1", "--listen")])
def test_where_no_socket_can_be_opened_there_is_something_to_do(
    address: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "REBIND_SECONDS", 0.0)
    context, keys = zmq.Context(), KeyPair.new()
    taken = sockets.bind_children(context, address="127.0.0.1", keys=keys, domain="x")
    try:
        port = int(sockets.endpoint_of(taken).rpartition(":")[2])
        with pytest.raises(BadSettings) as caught:
            sockets.bind_clients(context, address=address, port=port, keys=keys, domain="x")
    finally:
        taken.close()
        context.term()
    assert words in caught.value.remedy and "addr=" not in caught.value.message


def test_the_command_line_gives_the_settings(tmp_path: Path) -> None:
    given = parse(["--read-root", str(tmp_path), "--port", "0", "--idle-exit", "5", "--device", "cpu"])
    settings = ServerSettings(home=tmp_path, **given)
    assert (settings.read_roots, settings.idle_exit_s, settings.devices) == ((tmp_path,), 5.0, ("cpu",))


def test_roots_are_told_as_whole_paths_however_they_were_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plates").mkdir()
    (tmp_path / "link").symlink_to("plates")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    given = [Path(text) for text in ("plates", ".", "~/plates", "link/", "/")]
    settings = ServerSettings(home=tmp_path, devices=("cpu",), read_roots=tuple(given))
    expected = [tmp_path / "plates", tmp_path, tmp_path / "plates", tmp_path / "link", Path("/")]
    assert list(settings.read_roots) == expected
    monkeypatch.chdir("/")
    for number, root in enumerate(settings.read_roots):
        roots = PathRoots(read=(root,))
        assert roots.read_problem(str(tmp_path / "plates" / "a.exr")) is None
        assert (roots.read_problem("/srv/a.exr") is None) == (number == 4)
    outside = tmp_path / "plates" / "out.exr"
    outside.symlink_to("/srv/a.exr")
    assert PathRoots(read=(expected[0],)).read_problem(str(outside)) is not None
    with pytest.raises(BadSettings, match="not a folder"):
        ServerSettings(home=tmp_path, devices=("cpu",), write_roots=(Path("plates/none"),))


def test_each_gpu_is_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho GPU-aaaa\necho GPU-bbbb\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert find_devices() == ("cuda:GPU-aaaa", "cuda:GPU-bbbb")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")  # as a farm engine does
    assert find_devices() == ("cuda:1",)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert find_devices() == ("cpu",)


def test_a_worker_sees_its_gpu_and_no_ocio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCIO", "/show/config.ocio")
    environment = worker_environment("cuda:GPU-aaaa", 512 * 2**20)
    assert environment["SVFR_JOB_MEMORY_MIB"] == "512"
    assert "OCIO" not in environment
    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-aaaa"


def test_a_worker_adds_in_one_order_and_its_idle_threads_sleep_unless_the_environment_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual, own = (
        {"MKL_CBWR": "AUTO", "OMP_WAIT_POLICY": "PASSIVE"},
        {"MKL_CBWR": "SSE2", "OMP_WAIT_POLICY": "ACTIVE"},
    )
    for name in usual:
        monkeypatch.delenv(name, raising=False)
    assert usual.items() <= worker_environment("cpu", 2**30).items()
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    assert own.items() <= worker_environment("cpu", 2**30).items()


@pytest.mark.parametrize("given", [{"precision": "float8"}, {"batch": 0}, {"batch": 65}])
def test_how_to_compute_is_checked_before_the_service_starts(
    tmp_path: Path, given: dict[str, str | int]
) -> None:
    with pytest.raises(BadSettings, match=r"float8|batch"):
        ServerSettings(tmp_path, devices=("cpu",), **given)  # type: ignore[arg-type]
    ServerSettings(tmp_path, devices=("cpu",), precision="float16", batch=4)


@pytest.mark.parametrize("name", ["", "json", "json:", ":dumps", "json:no_such", "no.such.module:run"])
def test_a_pipeline_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(InternalFailure, match="cannot be loaded"):
        load_pipeline(name)


def test_a_stream_waits_for_its_reader_and_never_for_another(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    one = new_id()
    store.add(one, JobEntry.of(job("quick")), Sender("me", "me"), Limits())
    for number in range(30):
        store.append(one, "warning", {"n": number})
    sent: list[tuple[bytes, int]] = []
    full: set[bytes] = set()

    def send(client: bytes, message: Message) -> bool:
        if client in full:
            return False
        sent.append((client, message.body["seq"]))
        return True

    streams = Streams(store, Limits(streams_per_client=1, events_ahead=10), send)
    streams.follow(b"slow", new_id(), Follow(one))
    streams.follow(b"quick", new_id(), Follow(one, 20))
    streams.pump(one)
    assert sent == [(b"slow", seq) for seq in range(1, 11)] + [(b"quick", seq) for seq in range(21, 31)]
    sent.clear()
    full.add(b"slow")
    streams.acknowledge(b"slow", Ack(one, 4))
    streams.acknowledge(b"quick", Ack(one, 99))
    assert sent == [(b"quick", 31)]
    full.clear()
    streams.resend()
    assert sent[1:] == [(b"slow", seq) for seq in range(11, 15)]
    with pytest.raises(QueueFull):
        streams.follow(b"slow", new_id(), Follow(new_id()))
    streams.forget(b"slow")
    streams.unfollow(b"quick", one)
    assert len(streams) == 0
    store.close()


def test_a_folder_in_the_place_of_the_locked_one_is_noticed(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with InstanceLock(home / "server.lock") as lock:
        assert lock.holds_folder()
        home.rename(tmp_path / "away")
        assert lock.holds_folder()  # a disk that is away comes back
        home.mkdir()
        assert not lock.holds_folder()
        with InstanceLock(home / "server.lock"):
            pass


def test_a_key_that_is_written_over_in_its_place_counts_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, first, second = KeyRing(tmp_path), KeyPair.new().public, KeyPair.new().public
    ring.authorise("anna", first)
    os.utime(ring.folder, (1, 1))
    monkeypatch.setattr(zap_keys, "_RECENT_NS", 0)
    monkeypatch.setattr(zap_keys, "_READ_FILES_SECONDS", 0.05)
    assert ring.name_of(first) == "anna"
    (ring.folder / "anna.pub").write_text(second)
    time.sleep(0.1)
    assert ring.name_of(first) is None and ring.name_of(second) == "anna"


def test_permissions_that_are_put_right_again_let_people_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring, public = KeyRing(tmp_path), KeyPair.new().public
    ring.authorise("anna", public)
    os.utime(ring.folder, (1, 1))
    monkeypatch.setattr(zap_keys, "_READ_FILES_SECONDS", 1e6)
    with monkeypatch.context() as locked:  # root may read what nobody may
        locked.setattr(Path, "iterdir", lambda self: (_ for _ in ()).throw(PermissionError(13, "no")))
        ring.folder.chmod(0o000)
        assert ring.name_of(public) is None
    ring.folder.chmod(0o700)
    assert ring.name_of(public) == "anna"


def test_a_log_that_is_removed_while_the_service_runs_is_made_anew(tmp_path: Path) -> None:
    path = log_to_folder(tmp_path / "logs")
    handler = logging.getLogger().handlers[-1]
    log = logging.getLogger("svfr_server.test")
    try:
        log.warning("first")
        path.unlink()
        log.warning("second")
        path.unlink()
        path.parent.rmdir()
        log.warning("third")
        assert "third" in path.read_text() and "second" not in path.read_text()
        assert path.stat().st_mode & 0o777 == 0o600
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def test_a_log_whose_folder_was_away_for_a_while_goes_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    path = log_to_folder(home / "logs")
    handler = logging.getLogger().handlers[-1]
    log = logging.getLogger("svfr_server.test")
    try:
        log.warning("first")
        home.rename(tmp_path / "away")
        log.warning("nowhere to write")
        (tmp_path / "away").rename(home)
        log.warning("third")
        assert "third" in path.read_text()
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()


def test_a_file_that_is_no_key_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ring = KeyRing(tmp_path / "home")
    wrong = ring.folder / "alice.pub"
    for _ in range(2):
        wrong.write_text("ssh-ed25519 AAAA")
        assert ring.authorised() == ring.authorised() == {}
        wrong.unlink()
        ring.authorised()
    assert len([record for record in caplog.records if "alice.pub" in record.message]) == 2


def test_the_log_is_json_lines_with_the_job_and_private(tmp_path: Path) -> None:
    path = log_to_folder(tmp_path / "logs")
    handler = logging.getLogger().handlers[-1]
    try:
        log = logging.getLogger("svfr_server.test")
        log.setLevel(logging.INFO)
        log.info("job is %s", "queued", extra={"job": "abc"})
        try:
            raise ValueError("bad")
        except ValueError:
            log.exception("it failed")
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    first, second = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert (first["message"], first["job"], first["level"]) == ("job is queued", "abc", "info")
    assert "ValueError: bad" in second["traceback"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_process_that_not_even_a_kill_ends_does_not_keep_the_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The kernel keeps a process that waits for a dead disk, whatever signal it is sent."""
    (tmp_path / "reads_its_input.py").write_text("import sys\nsys.stdin.read()\n")
    monkeypatch.setattr(child_process, "KILLED_SECONDS", 0.05)
    environment = dict(os.environ, PYTHONPATH=str(tmp_path))
    with zmq.Context() as context:
        child = ChildProcess(module="reads_its_input", start={}, environment=environment, context=context)
        with monkeypatch.context() as patch:
            patch.setattr(subprocess.Popen, "kill", lambda process: None)
            child.end(0.0)
        assert f"process {child.pid} was killed and is still there" in caplog.text
        child.kill("the test is over")
        assert child.exit_reason() == "killed by the service, because the test is over"
