"""Commands at a server elsewhere: in a folder joined with ``svfr key join``, named or in SVFR_HOME."""

import json
import os
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from cli_samples import svfr
from typer.testing import CliRunner

from svfr_cli.health import server as server_finding
from svfr_cli.main import app
from svfr_cli.service_health import keys, service_disk
from svfr_client.client import Client
from svfr_client.connection import KeyPair, find_connection
from svfr_client.errors import SeveralProblems, SvfrError, each_of
from svfr_client.hosting.server_process import ensure_server
from svfr_client.job import JobSpec
from svfr_client.path_map import PathMap
from svfr_client.server_naming import name_server
from svfr_client.transfer.delivery import Delivery
from svfr_client.transfer.seen import refuse_unseen_model
from svfr_server.start import start_local_server


@pytest.fixture
def box(home: Path, service: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder joined to the service; SVFR_HOME names neither."""
    folder = tmp_path / "box"
    public = svfr("key", "new", str(folder))[1][0]["public"]
    let_in = svfr("key", "authorize", "laptop", public)[1][0]
    endpoint = find_connection(home).endpoint
    joined = svfr("key", "join", str(folder), "--endpoint", endpoint, "--server-key", let_in["server_key"])
    assert joined[0] == 0, joined
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "laptop"))
    return folder


@pytest.fixture
def lost_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A joined folder in SVFR_HOME, whose server is down."""
    folder = tmp_path / "box"
    svfr("key", "new", str(folder))
    keys = KeyPair(**json.loads((folder / "client.key").read_text()))
    connection = {
        "endpoint": "tcp://127.0.0.1:9",
        "server_key": KeyPair.new().public,
        "keys": {"public": keys.public, "secret": keys.secret},
        "boot": "0" * 32,
        "pid": 0,
        "host": "vm",
    }
    file = os.open(folder / "connection.json", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(file, json.dumps({"format": 1, **connection}).encode())
    os.close(file)
    monkeypatch.setenv("SVFR_HOME", str(folder))
    return folder


def write_plate(path: Path) -> str:
    """Write one frame that states no colour space; return its path."""
    image = oiio.ImageOutput.create(str(path))
    assert image.open(str(path), oiio.ImageSpec(16, 16, 3, "half"))
    assert image.write_image(np.zeros((16, 16, 3), np.float32)) and image.close()
    return str(path)


def held(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "words",
    [
        ("restore", "{plate}", "--frames", "1", "--task", "bfr", "--model", "identity"),
        ("serve", "--device", "cpu"),
        ("key", "authorize", "anna", KeyPair.new().public),
        ("key", "list"),
        ("key", "revoke", "anna"),
        ("cache", "show"),
        ("cache", "limit", "1G"),
        ("cache", "quota", "1G"),
        ("cache", "clear", "--sent"),
    ],
    ids=lambda words: "-".join(words[:2]),
)
def test_nothing_of_a_server_is_begun_or_kept_in_a_joined_folder(
    lost_box: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "plate.0001.exr").write_bytes(b"a plate")
    before = held(lost_box)
    code, (refused,) = svfr(*(word.replace("{plate}", str(tmp_path / "plate.%04d.exr")) for word in words))
    assert (code, refused["code"]) in ((4, "NO_SERVER"), (4, "NO_ANSWER")), refused
    assert "svfr serve" not in refused["remedy"]
    assert held(lost_box) == before


def test_a_host_and_the_python_of_a_server_start_none_in_a_joined_folder(lost_box: Path) -> None:
    before = held(lost_box)
    for start in (ensure_server, lambda: start_local_server(lost_box)):
        with pytest.raises(SvfrError, match="does not answer") as caught:
            start()
        assert caught.value.code == "NO_SERVER"
    assert held(lost_box) == before


def test_the_doctor_does_not_promise_a_server_in_a_joined_folder(lost_box: Path) -> None:
    finding = server_finding()
    assert finding.state == "fault" and "Ask whoever runs it" in finding.remedy
    assert keys().detail == "this client's, of the server on vm"
    assert "the server's, elsewhere" in service_disk().detail


@pytest.mark.parametrize("frames", ["-2--1", "-10--1x3", "-5"])
def test_frames_before_0_are_done_again_as_any_others(lost_box: Path, frames: str) -> None:
    code, (refused,) = svfr("redo", "0" * 32, frames)
    assert (code, refused["code"]) == (4, "NO_SERVER"), refused


@pytest.mark.parametrize(
    ("words", "code"),
    [((), "UNKNOWN_COLOUR_SPACE"), (("--colorspace", "nope"), "UNKNOWN_COLOUR_SPACE")],
    ids=["unsaid", "unknown"],
)
def test_a_colour_space_that_nobody_knows_is_refused_before_a_plate_is_sent(
    lost_box: Path, tmp_path: Path, words: tuple[str, ...], code: str
) -> None:
    plate = write_plate(tmp_path / "plate.0001.exr")
    restore = ("restore", plate, "--task", "bfr", "--model", "identity")
    status, (refused,) = svfr(*restore, *words)
    assert (status, refused["code"]) == (3, code), refused
    assert svfr(*restore, "--colorspace", "acescg")[1][0]["code"] == "NO_SERVER"


def test_a_model_that_the_server_has_not_is_refused_before_a_plate_is_sent(service: Client) -> None:
    refuse_unseen_model(service, "mini", PathMap())
    with pytest.raises(SvfrError, match=r"no model 'svfr'.*mini") as caught:
        refuse_unseen_model(service, "svfr", PathMap())
    assert caught.value.code == "MODEL_MISSING"


SPEC = JobSpec("/p/a.%04d.exr", "1", ("bfr",), "/p/o.%04d.exr")


@pytest.mark.parametrize("by", ["option", "variable"])
def test_jobs_at_a_server_elsewhere_are_listed_watched_and_cancelled(
    box: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    at = ("--server", str(box)) if by == "option" else ()
    if by == "variable":
        monkeypatch.setenv("SVFR_HOME", str(box))
    for command in ("pause", "resume", "drain"):  # for the server's own user
        refused = svfr(command, *at)[1][0]
        assert refused["code"] == "FORBIDDEN" and "as that user" in refused["remedy"]
    assert svfr("status", *at)[1][0]["kind"] == "server"
    with Client(folder=box) as client:
        job = client.submit(SPEC).job
    assert job in [row["job"] for row in svfr("jobs", *at)[1]]
    assert svfr("watch", "--count", "1", *at)[0] == 0
    status = svfr("status", job, *at)[1][0]
    assert (status["job"], status["fetched_to"]) == (job, None)
    Delivery(job, "/here/o.%04d.exr").note()
    assert svfr("status", job, *at)[1][0]["fetched_to"] == "/here/o.%04d.exr"
    shown = CliRunner().invoke(app, ["status", job, *at]).stdout
    assert "/here/o.%04d.exr" in shown and SPEC.output not in shown
    assert svfr("cancel", job, *at)[0] == 0
    with Client(folder=box) as client:
        assert list(client.follow(job))[-1].is_last
    code, (ended,) = svfr("cancel", job, *at)
    assert (code, ended["kind"]) == (0, "ended"), ended
    for command in ("view", "movie"):
        assert svfr(command, job, *at)[1][0]["code"] == "VIEW_HAS_NO_FRAMES"
    # the job may have come as far as its reference before it was cancelled
    assert svfr("redo", job, "1", *at)[1][0].get("code", "REFERENCE_GONE") == "REFERENCE_GONE"


@pytest.mark.parametrize("command", ["status", "jobs", "restore", "fetch", "view"])
def test_a_folder_that_is_not_there_or_not_joined_is_named(tmp_path: Path, command: str, home: Path) -> None:
    words = {
        "restore": ("/p/a.%04d.exr", "--frames", "1", "--task", "bfr"),
        "fetch": ("0" * 32, "--out", str(tmp_path / "o.%04d.exr")),
        "view": ("0" * 32,),
    }.get(command, ())
    svfr("key", "new", str(tmp_path / "new"))
    (tmp_path / "empty").mkdir()
    for folder, said in (("none", "no such folder"), ("new", "key of a client"), ("empty", "no connection")):
        code, (refused,) = svfr(command, *words, "--server", str(tmp_path / folder))
        assert (code, refused["code"]) == (4, "NO_SERVER") and said in refused["message"]
        assert refused["path"] == str(tmp_path / folder) and "svfr key join" in refused["remedy"]


def test_a_name_that_nobody_knows_is_said_at_once(home: Path, tmp_path: Path) -> None:
    svfr("key", "new", str(tmp_path / "box"))
    where = ("--endpoint", "tcp://nobody.invalid:5555", "--server-key", KeyPair.new().public)
    code, (refused,) = svfr("key", "join", str(tmp_path / "box"), *where)
    assert (code, refused["code"]) == (4, "NO_SERVER")
    assert "no address for nobody.invalid" in refused["message"]


def test_nothing_listens_is_not_said_as_if_something_had(lost_box: Path) -> None:
    code, (refused,) = svfr("status")
    assert (code, refused["code"]) == (4, "NO_SERVER")
    assert "any more" not in refused["message"] and "twice" not in refused["remedy"]


def test_who_is_let_in_hears_when_the_server_does_not_listen_to_others(home: Path, service: Client) -> None:
    words = ["key", "authorize", "anna", KeyPair.new().public]
    assert "svfr serve --listen" in CliRunner().invoke(app, words).stderr


@pytest.mark.parametrize(
    ("remedy", "named"),
    [
        ("Replace them: `svfr fetch JOB --existing overwrite`.", "`svfr fetch JOB{} --existing overwrite`"),
        (f"`svfr fetch {'0f' * 16}` fetches them.", f"`svfr fetch {'0f' * 16}{{}}` fetches"),
        (
            "`svfr jobs` lists them, and svfr status shows one.",
            "`svfr jobs{}` lists them, and svfr status{} shows",
        ),
        ("Start one with `svfr serve`.", "`svfr serve`."),
        ("Fetch them first: svfr fetch J --server X", "svfr fetch J --server X"),
    ],
)
def test_commands_that_an_error_leads_on_to_name_the_server_that_was_given(remedy: str, named: str) -> None:
    for error in (SvfrError("x", remedy=remedy), SeveralProblems([SvfrError("x", remedy=remedy)] * 2)):
        name_server(error, None)
        assert each_of(error)[0].remedy == remedy
        name_server(error, "my box")
        assert named.replace("{}", " --server 'my box'") in each_of(error)[0].remedy
