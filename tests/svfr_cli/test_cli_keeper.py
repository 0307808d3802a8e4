"""The commands of whoever keeps a service: keys, cache, queue, path rules; against a real service."""

import hashlib
import json
import os
import time
from pathlib import Path

import pytest
import torch
import typer
from cli_samples import svfr
from typer.testing import CliRunner

from svfr_cli.commands.cache import parse_size
from svfr_cli.main import app
from svfr_cli.service_health import SERVICE_CHECKS, identity_job, keys, roots
from svfr_client.client import Client
from svfr_client.connection import KeyPair, find_connection
from svfr_client.job import JobSpec
from svfr_server.errors import TransfersAreFull
from svfr_server.job_store.checkpoints import DiskCheckpoints
from svfr_server.job_store.folders import checkpoint_folder
from svfr_server.job_store.steps import finish
from svfr_server.job_store.transfers import Quota, Transfers, read_quota
from svfr_server.start import start_local_server
from svfr_server.supervisor.zap_keys import KeyRing


def test_a_key_is_made_authorised_joined_and_revoked(home: Path, service: Client, tmp_path: Path) -> None:
    away = tmp_path / "away"
    code, (made,) = svfr("key", "new", str(away))
    assert code == 0 and len(made["public"]) == 40
    assert (away / "client.key").stat().st_mode & 0o777 == 0o600
    assert made["public"] not in json.dumps(svfr("key", "list")[1])
    endpoint, server_key = find_connection(home).endpoint, find_connection(home).server_key
    address = endpoint.removeprefix("tcp://")
    join = ("key", "join", str(away), "--endpoint", address, "--server-key", server_key)
    code, (refused,) = svfr(*join)
    assert (code, refused["code"]) == (4, "AUTH")
    assert not (away / "connection.json").exists()
    code, (authorised,) = svfr("key", "authorize", "anna", made["public"])
    assert (code, authorised["server_key"]) == (0, server_key)
    assert authorised["endpoint"].rpartition(":")[2] == endpoint.rpartition(":")[2]
    assert svfr(*join)[0] == 0
    with Client(folder=away) as remote:
        assert remote.ping().queue == "open"
    assert {row["name"] for row in svfr("key", "list")[1]} == {"anna", "local"}
    assert svfr("key", "revoke", "anna")[0] == 0
    code, (refused,) = svfr(*join)
    assert (code, refused["code"]) == (4, "AUTH")


def test_a_key_in_use_is_not_replaced_and_a_wrong_one_not_taken(home: Path, tmp_path: Path) -> None:
    assert svfr("key", "new", str(tmp_path / "away"))[0] == 0
    before = (tmp_path / "away" / "client.key").read_text()
    assert svfr("key", "new", str(tmp_path / "away"))[1][0]["code"] == "BAD_KEY"
    assert (tmp_path / "away" / "client.key").read_text() == before
    assert svfr("key", "authorize", "anna", "no key")[1][0]["code"] == "BAD_KEY"
    assert svfr("key", "revoke", "nobody")[1][0]["code"] == "BAD_KEY"
    join = ("key", "join", str(tmp_path / "none"), "--endpoint", "tcp://x:1", "--server-key", "y")
    assert svfr(*join)[1][0]["code"] == "BAD_KEY"


def test_a_servers_key_that_was_not_copied_whole_or_is_another_names_who_prints_it(
    home: Path, service: Client, tmp_path: Path
) -> None:
    svfr("key", "new", str(tmp_path / "away"))
    connection = find_connection(home)
    join = ("key", "join", str(tmp_path / "away"), "--endpoint", connection.endpoint, "--server-key")
    for key, refusal in ((connection.server_key[:-3], "BAD_KEY"), (KeyPair.new().public, "AUTH")):
        code, (refused,) = svfr(*join, key)
        assert (code, refused["code"]) == (4, refusal)
        assert "svfr key authorize" in refused["remedy"] and "--server-key" in refused["remedy"]
    assert "svfr key new" in svfr("key", "authorize", "anna", "short")[1][0]["remedy"]


def test_the_port_for_others_is_printed_where_it_is_known_and_asked_for_where_it_is_not(home: Path) -> None:
    words = ["key", "authorize", "anna", KeyPair.new().public]
    unknown = CliRunner().invoke(app, words)
    assert ":PORT " in unknown.stdout and "PORT there is yours to fill in" in unknown.stderr
    known = CliRunner().invoke(app, [*words, "--port", "5555"])
    assert ":5555 " in known.stdout and not known.stderr


@pytest.mark.parametrize("endpoint", ["tcp://", "here", "tcp://a:b", "udp://x:1", ""])
def test_an_address_that_is_none_is_refused_in_words(home: Path, tmp_path: Path, endpoint: str) -> None:
    assert svfr("key", "new", str(tmp_path / "away"))[0] == 0
    where = ("--endpoint", endpoint, "--server-key", KeyPair.new().public)
    code, (refused,) = svfr("key", "join", str(tmp_path / "away"), *where)
    assert (code, refused["code"]) == (4, "BAD_CONNECTION_FILE"), refused
    assert not (tmp_path / "away" / "connection.json").exists()


def fill(home: Path, names: list[str]) -> None:
    home.mkdir(mode=0o700, exist_ok=True)
    store = DiskCheckpoints(checkpoint_folder(home))
    for age, name in enumerate(reversed(names)):
        store.save(name, torch.zeros(2500))
        path = checkpoint_folder(home) / f"{name}.safetensors"
        os.utime(path, (time.time() - age * 100, time.time() - age * 100))


def test_the_cache_is_shown_limited_and_cleared(home: Path) -> None:
    fill(home, ["old/a", "old/b", "new/a"])
    assert svfr("cache", "show")[1][0]["files"] == 3
    DiskCheckpoints(checkpoint_folder(home)).load("old/a")  # used just now
    code, (limited,) = svfr("cache", "limit", "21K")
    assert code == 0 and limited["freed_bytes"] > 10_000
    left = {str(path.relative_to(checkpoint_folder(home))) for path in checkpoint_folder(home).rglob("*.s*")}
    assert left == {"old/a.safetensors", "new/a.safetensors"}
    assert svfr("cache", "show")[1][0]["limit_bytes"] == 21 * 1024
    assert svfr("cache", "clear")[1][0]["freed_bytes"] > 20_000
    assert svfr("cache", "show")[1][0]["files"] == 0


def test_what_clients_sent_is_shown_by_their_names_limited_and_cleared(home: Path) -> None:
    anna = KeyPair.new().public
    assert svfr("cache", "quota", "100K", "--days", "3")[1] == [
        {"kind": "quota", "client_bytes": 102400, "kept_days": 3.0}
    ]
    KeyRing(home).authorise("anna", anna)
    transfers = Transfers(home)
    for key, size in ((anna, 60_000), ("somebody whose key was revoked", 50_000)):
        finish(transfers.put(key, hashlib.sha256(bytes(size)).hexdigest(), bytes(size)))
    with pytest.raises(TransfersAreFull, match="a client may keep"):  # a file counts twice: pieces and whole
        name = hashlib.sha256(bytes(60_000)).hexdigest()
        finish(transfers.assemble(anna, "0" * 32, "plate.1.exr", [name]))
    rows = svfr("cache", "show")[1]
    sums = next(row for row in rows if row["kind"] == "transfers")
    assert (sums["size_bytes"], sums["client_bytes"], sums["kept_days"]) == (110_000, 102400, 3.0)
    sizes = {row["client"]: row["size_bytes"] for row in rows if row["kind"] == "client"}
    assert sizes.pop("anna") == 60_000 and list(sizes.values()) == [50_000]
    for name in ("../pieces", "ben"):
        code, (refused,) = svfr("cache", "clear", "--client", name)
        assert (code, refused["code"]) == (4, "BAD_KEY")
    assert svfr("cache", "clear", "--client", "anna")[1][0]["freed_bytes"] == 60_000
    assert svfr("cache", "clear")[1][0]["freed_bytes"] == 0  # checkpoints only
    assert svfr("cache", "clear", "--sent")[1][0]["freed_bytes"] == 50_000
    (sums,) = [row for row in svfr("cache", "show")[1] if row["kind"] == "transfers"]
    assert (sums["size_bytes"], sums["client_bytes"]) == (0, 102400), (
        "the quota holds also when nobody uses it"
    )


def test_a_quota_of_bytes_leaves_the_days_as_they_were(home: Path) -> None:
    assert svfr("cache", "quota", "50M")[1][0]["kept_days"] == 7.0
    svfr("cache", "quota", "50M", "--days", "3")
    assert svfr("cache", "quota", "5M")[1][0]["kept_days"] == 3.0
    assert read_quota(home) == Quota(5 * 2**20, 3.0)


@pytest.mark.parametrize("words", [("lots",), ("10G", "--days", "0"), ("10G", "--days", "soon")])
def test_what_is_no_quota_is_refused_and_the_former_one_stays(home: Path, words: tuple[str, ...]) -> None:
    svfr("cache", "quota", "1G")
    answer = CliRunner().invoke(app, ["cache", "quota", *words])
    assert answer.exit_code == 2 and read_quota(home).client_bytes == 2**30


@pytest.mark.parametrize(
    ("text", "size"), [("0", 0), ("512", 512), ("1K", 1024), ("1.5 GiB", 3 * 2**29), ("2t", 2**41)]
)
def test_a_size_is_read_with_its_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "G", "1Q", "1,5G"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_size(text)


def test_the_queue_is_paused_watched_resumed_and_drained(home: Path, service: Client) -> None:
    assert svfr("pause")[1][0]["queue"] == "paused"
    assert svfr("status")[1][0]["queue"] == "paused"
    assert "queue is paused" in CliRunner().invoke(app, ["status"]).stdout
    spec = JobSpec("/p/a.%04d.exr", "1", ("bfr",), "/p/o.%04d.exr")
    waiting = service.submit(spec).job
    code, rows = svfr("watch", "--count", "2", "--every", "0.2")
    assert code == 0 and [row["job"] for row in rows] == [waiting, waiting]
    assert svfr("redo", waiting, "1")[1][0]["code"] == "REFERENCE_GONE"
    service.cancel(waiting)
    assert svfr("resume")[1][0]["queue"] == "open"
    assert svfr("drain")[1][0]["queue"] == "draining"
    for _ in range(200):
        if not (home / "connection.json").exists():
            break
        time.sleep(0.05)
    assert svfr("pause")[0] == 4


def test_the_doctor_looks_at_keys_roots_disk_and_sends_a_job_through(home: Path, tmp_path: Path) -> None:
    found = {check.__name__: check() for check in SERVICE_CHECKS}
    assert [finding.state for finding in found.values()] == ["ok"] * 4
    assert found["identity_job"].detail == "in this process, bit for bit"
    root = tmp_path / "show"
    root.mkdir()
    with start_local_server(home, idle_exit_s=60, arguments=["--device", "cpu"]) as client:
        assert identity_job().detail == "through the server, bit for bit"
        assert keys().detail == "authorised: local"
        client.shutdown()
    while (home / "connection.json").exists():
        time.sleep(0.05)
    time.sleep(0.3)
    limits = ["--device", "cpu", "--read-root", str(root), "--write-root", str(root)]
    with start_local_server(home, idle_exit_s=60, arguments=limits) as client:
        assert str(root) in roots().detail and roots().state in ("ok", "note")
        assert identity_job().state == "note"  # it may not read the scratch folder
        root.rmdir()
        assert (roots().state, identity_job().state) == ("fault", "note")
        client.shutdown()
    (home / "server.key").chmod(0o644)
    assert keys().state == "fault"


def test_a_path_is_shown_as_the_server_sees_it(home: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text('{"format": 1, "rules": [{"client": "P:/shots", "server": "/srv/shots"}]}')
    tried = ("doctor", "--map-file", str(rules), "--map")
    code, (mapped,) = svfr(*tried, r"p:\shots\sh010\a.%04d.exr")
    assert (code, mapped["server"]) == (0, "/srv/shots/sh010/a.%04d.exr")
    assert mapped["back"] == "P:/shots/sh010/a.%04d.exr"
    code, (refused,) = svfr(*tried, r"Q:\other\a.exr")
    assert (code, refused["code"]) == (3, "PATH_NOT_MAPPED")
    home.mkdir(mode=0o700)
    (home / "path_map.json").write_text('{"format": 7}')
    assert svfr("doctor", "--map", "/p")[1][0]["code"] == "BAD_PATH_MAP"
