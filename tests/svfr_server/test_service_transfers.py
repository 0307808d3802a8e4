"""Files in pieces to a server that sees no folder of the client, and a job's frames back."""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from server_samples import Service, StartService

from svfr_client.awake_clock import AwakeClock
from svfr_client.connection import find_connection
from svfr_client.errors import SvfrError, error_from_dict
from svfr_client.job import JobSpec
from svfr_client.link import Link
from svfr_client.protocol.transfers import (
    HEAD_BYTES,
    MOST_LOCAL_FILE_BYTES,
    PIECE_BYTES,
    RESULT_PART_BYTES,
    LocalPiece,
    PutLocal,
)
from svfr_client.protocol.wire import Buffer, Message, pack, unpack
from svfr_server.errors import DiskIsFull, PathForbidden, PieceIsDamaged, PieceIsMissing, TransfersAreFull
from svfr_server.job_store.local_files import local_folder, make_local_folder, read_local, sweep_local_files
from svfr_server.job_store.transfers import (
    Quota,
    Transfers,
    clear,
    client_name,
    measure,
    measure_clients,
    write_quota,
)

SET = "0123456789abcdef" * 2
LOCAL_NAME = "0" * 32 + ".local"
LOCAL: dict[str, Any] = {"piece": "0" * 64, "offset": 0, "bytes": 1}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def raw(data: bytes) -> dict[str, Buffer]:
    return {"data": Buffer(data, "raw", "|u1", (len(data),))}


def ask(service: Service, op: str, buffers: dict[str, Buffer] | None = None, **body: Any) -> Message:
    """Send a request as it is written here and return its answer; raises the error that it is."""
    request = Message(op, body, buffers=buffers or {})
    clock = AwakeClock()
    link = Link(find_connection(service.home), clock)
    try:
        assert link.send(pack(request), clock.read() + 10.0)
        frames = link.receive(clock.read() + 10.0)
    finally:
        link.close()
    assert frames is not None
    answer = unpack(frames)
    assert answer.re == request.id
    if answer.op == "error":
        raise error_from_dict(dict(answer.body))
    return answer


def test_pieces_become_a_file_and_are_not_asked_for_twice(service: Service) -> None:
    data = os.urandom(PIECE_BYTES + 5)
    pieces = [data[:PIECE_BYTES], data[PIECE_BYTES:]]
    names = [digest(piece) for piece in pieces]
    assert ask(service, "missing", pieces=[*names, names[0]]).body["missing"] == names
    for name, piece in zip(names, pieces, strict=True):
        ask(service, "put", raw(piece), piece=name)
    assert ask(service, "missing", pieces=names).body["missing"] == []
    answer = ask(service, "assemble", set=SET, name="plate.1001.exr", pieces=names).body
    assert (Path(answer["folder"]) / "plate.1001.exr").read_bytes() == data


REFUSED: list[tuple[str, dict[str, Any], dict[str, Buffer] | None, str]] = [
    ("put", {"piece": digest(b"a")}, raw(b"b"), "BAD_REQUEST"),
    ("put", {"piece": digest(b"a")}, None, "BAD_REQUEST"),
    ("put", {"piece": digest(b"a" * 4)}, {"data": Buffer(b"aaaa", "raw", "<f4", (1,))}, "BAD_REQUEST"),
    ("put", {"piece": "../" + digest(b"a")[3:]}, raw(b"a"), "BAD_REQUEST"),
    ("missing", {"pieces": ["0" * 63]}, None, "BAD_REQUEST"),
    ("assemble", {"set": "..", "name": "a.exr", "pieces": ["0" * 64]}, None, "BAD_REQUEST"),
    ("assemble", {"set": SET, "name": "../a.exr", "pieces": ["0" * 64]}, None, "BAD_REQUEST"),
    ("assemble", {"set": SET, "name": "a.sh", "pieces": ["0" * 64]}, None, "BAD_REQUEST"),
    ("assemble", {"set": SET, "name": "a.exr", "pieces": []}, None, "BAD_REQUEST"),
    ("assemble", {"set": SET, "name": "a.exr", "pieces": ["0" * 64]}, None, "PIECES_MISSING"),
    ("put_local", {"file": "../" + "0" * 29 + ".local", "pieces": [LOCAL]}, None, "BAD_REQUEST"),
    ("put_local", {"file": LOCAL_NAME, "pieces": []}, None, "BAD_REQUEST"),
    ("put_local", {"file": LOCAL_NAME, "pieces": [LOCAL] * 65}, None, "BAD_REQUEST"),
    ("put_local", {"file": LOCAL_NAME, "pieces": [{**LOCAL, "offset": -1}]}, None, "BAD_REQUEST"),
    ("put_local", {"file": LOCAL_NAME, "pieces": [{**LOCAL, "offset": 2**26}]}, None, "BAD_REQUEST"),
    ("put_local", {"file": LOCAL_NAME, "pieces": [{**LOCAL, "bytes": 2**20 + 1}]}, None, "BAD_REQUEST"),
    ("put_local", {"file": LOCAL_NAME, "pieces": [LOCAL]}, None, "FORBIDDEN_PATH"),
    ("result", {"job": "0" * 32, "frame": 1}, None, "NOT_FOUND"),
    ("result", {"job": "no", "frame": 1}, None, "BAD_JOB_ID"),
    ("result", {"job": "0" * 32, "frame": 1, "offset": -1}, None, "BAD_REQUEST"),
]


@pytest.mark.parametrize(("op", "body", "buffers", "code"), REFUSED)
def test_what_is_not_as_laid_down_is_refused(
    service: Service, op: str, body: dict[str, Any], buffers: dict[str, Buffer] | None, code: str
) -> None:
    with pytest.raises(SvfrError) as refusal:
        ask(service, op, buffers, **body)
    assert refusal.value.code in (code, "BAD_REQUEST" if code == "BAD_JOB_ID" else code)


def test_a_client_may_name_its_own_files_and_no_others(own_service: Service, tmp_path: Path) -> None:
    with own_service.client() as client:
        ask(own_service, "put", raw(b"a plate"), piece=digest(b"a plate"))
        answer = ask(own_service, "assemble", set=SET, name="plate.1.exr", pieces=[digest(b"a plate")]).body
        own = JobSpec(answer["folder"] + "plate.%d.exr", "1", ("bfr",), answer["results"] + "x/o.%d.exr")
        assert client.submit(own).is_new
        others = Path(answer["folder"]).parents[1] / ("f" * 16) / SET / "plate.%d.exr"
        for plate, output in ((str(others), own.output), (own.plate, str(others))):
            with pytest.raises(SvfrError) as refusal:
                client.submit(JobSpec(plate, "1", ("bfr",), output))
            assert refusal.value.code == "FORBIDDEN_PATH"


def test_pieces_are_kept_within_a_limit_and_a_week(tmp_path: Path) -> None:
    transfers = Transfers(tmp_path, limit_bytes=100)
    transfers.put("key", digest(b"x" * 60), b"x" * 60)
    with pytest.raises(TransfersAreFull):
        transfers.put("other", digest(b"y" * 60), b"y" * 60)
    with pytest.raises(PieceIsDamaged):
        transfers.put("key", digest(b"z"), b"zz")
    with pytest.raises(PieceIsMissing):
        transfers.assemble("key", SET, "a.exr", [digest(b"y" * 60)])
    (piece,) = (path for path in (tmp_path / "transfers").rglob("*") if path.is_file())
    os.utime(piece, (0, 0))
    transfers.sweep()
    assert not piece.exists()
    transfers.put("key", digest(b"y" * 60), b"y" * 60)
    assert (measure(tmp_path), clear(tmp_path), measure(tmp_path)) == (60, 60, 0)


def test_a_client_has_a_quota_of_bytes_and_days_and_does_not_learn_what_others_sent(tmp_path: Path) -> None:
    write_quota(tmp_path, Quota(client_bytes=100, kept_days=2.0))
    transfers, name = Transfers(tmp_path), digest(b"x" * 60)
    transfers.put("anna", name, b"x" * 60)
    assert transfers.missing("anna", [name]) == ()
    assert transfers.missing("ben", [name]) == (name,)
    with pytest.raises(TransfersAreFull, match="a client may keep"):
        transfers.assemble("anna", SET, "a.exr", [name])
    transfers.put("ben", name, b"x" * 60)
    assert measure_clients(tmp_path) == {client_name("anna"): 60, client_name("ben"): 60}
    transfers.sweep(time.time() + 86400)
    assert measure(tmp_path) == 120
    assert clear(tmp_path, client_name("ben")) == 60
    assert clear(tmp_path, "../pieces") == 0
    transfers.sweep(time.time() + 3 * 86400)
    assert measure(tmp_path) == 0


def test_a_disk_that_is_nearly_full_is_a_clear_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svfr_server.job_store.transfers.KEPT_FREE_BYTES", 2**62)
    with pytest.raises(DiskIsFull, match="free") as refusal:
        Transfers(tmp_path).put("key", digest(b"x"), b"x")
    assert refusal.value.code == "DISK_FULL" and refusal.value.remedy
    assert measure(tmp_path) == 0


def test_an_answer_stays_below_what_the_server_may_send() -> None:
    assert RESULT_PART_BYTES + 65536 < 1024 * 1024


def test_the_server_says_which_files_it_sees_as_the_client_does(
    start_service: StartService, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    service: Service = start_service("--read-root", str(root), "--write-root", str(root))
    inside, outside, pipe = root / "a.exr", tmp_path / "b.exr", root / "pipe.exr"
    inside.write_bytes(b"a plate" * 20000)
    outside.write_bytes(b"a plate")
    os.mkfifo(pipe)
    (root / "link.exr").symlink_to(outside)
    own_head = digest(inside.read_bytes()[:HEAD_BYTES])
    files = [
        (str(inside), 140000, own_head, True),
        (str(inside), 140001, own_head, False),
        (str(inside), 140000, digest(b"another"), False),
        (str(root / "none.exr"), 0, digest(b""), False),
        (str(outside), 7, digest(b"a plate"), False),
        (str(root / "link.exr"), 7, digest(b"a plate"), False),
        (str(pipe), 0, digest(b""), False),
        ("a.exr", 0, digest(b""), False),
    ]
    asked = [{"path": path, "bytes": size, "sha256": sha256} for path, size, sha256, _ in files]
    assert ask(service, "compare", files=asked).body["same"] == [seen for *_, seen in files]
    with pytest.raises(SvfrError, match="more than 64"):
        ask(service, "compare", files=asked * 9)


def test_pieces_in_a_local_file_are_taken_as_if_they_had_been_sent(service: Service) -> None:
    with service.client() as client:
        folder = Path(str(client.hello().local_folder))
    assert folder == local_folder(service.home) and folder.stat().st_mode & 0o777 == 0o700
    data = os.urandom(PIECE_BYTES + 5)
    (folder / LOCAL_NAME).write_bytes(b"begins" + data)
    pieces = [
        {"piece": digest(data[:PIECE_BYTES]), "offset": 6, "bytes": PIECE_BYTES},
        {"piece": digest(data[PIECE_BYTES:]), "offset": 6 + PIECE_BYTES, "bytes": 5},
    ]
    ask(service, "put_local", file=LOCAL_NAME, pieces=pieces)
    names = [piece["piece"] for piece in pieces]
    answer = ask(service, "assemble", set=SET[::-1], name="plate.1001.exr", pieces=names).body
    assert (Path(answer["folder"]) / "plate.1001.exr").read_bytes() == data
    with pytest.raises(SvfrError) as refusal:
        ask(service, "put_local", file=LOCAL_NAME, pieces=[{**pieces[0], "offset": 7}])
    assert refusal.value.code == "BAD_REQUEST"
    with pytest.raises(SvfrError, match="beyond the local file's end"):
        ask(service, "put_local", file=LOCAL_NAME, pieces=[{**pieces[0], "offset": 12}])


def test_what_a_local_file_must_not_be(tmp_path: Path) -> None:
    folder = Path(str(make_local_folder(tmp_path)))
    outside = tmp_path / LOCAL_NAME
    outside.write_bytes(b"x")
    path = folder / LOCAL_NAME
    request = PutLocal(LOCAL_NAME, (LocalPiece(digest(b"x"), 0, 1),))
    makers: list[Callable[[], object]] = [
        lambda: path.symlink_to(outside),
        lambda: os.mkfifo(path),
        lambda: path.mkdir(),
        lambda: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), MOST_LOCAL_FILE_BYTES + 1),
    ]
    for make in makers:
        make()
        with pytest.raises(PathForbidden):
            list(read_local(tmp_path, request))
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    path.write_bytes(b"x")
    assert list(read_local(tmp_path, request)) == [(digest(b"x"), b"x")]


def test_a_local_file_goes_once_its_maker_is_gone(tmp_path: Path) -> None:
    folder = Path(str(make_local_folder(tmp_path)))
    held, left, young = (folder / f"{name * 32}.local" for name in "abc")
    for path in (held, left, young):
        path.write_bytes(b"x")
    with held.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for path in (held, left):
            os.utime(path, (0, 0))
        sweep_local_files(tmp_path)
        assert sorted(folder.iterdir()) == [held, young]
    sweep_local_files(tmp_path)
    assert sorted(folder.iterdir()) == [young]


def test_a_folder_that_others_can_open_is_not_offered(tmp_path: Path) -> None:
    folder = Path(str(make_local_folder(tmp_path)))
    folder.chmod(0o755)
    assert make_local_folder(tmp_path) is None
