"""Files in pieces to a server that sees no folder of the client, and a job's frames back."""

import contextlib
import fcntl
import hashlib
import os
import signal
import threading
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
from svfr_client.protocol.wire import MAX_FRAME_BYTES, Buffer, Message, pack, unpack
from svfr_client.transfer.job_files import LocalFile
from svfr_client.transfer.upload import upload
from svfr_server.errors import DiskIsFull, PathForbidden, PieceIsDamaged, PieceIsMissing, TransfersAreFull
from svfr_server.job_store.held_bytes import HeldBytes
from svfr_server.job_store.local_files import local_folder, make_local_folder, read_local, sweep_local_files
from svfr_server.job_store.steps import Steps, finish
from svfr_server.job_store.transfers import (
    Quota,
    Transfers,
    clear,
    client_name,
    measure,
    measure_clients,
    write_quota,
)
from svfr_server.roots import PathRoots
from svfr_server.worker.sources import input_problem

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
    ("room", {"set": "..", "pieces_bytes": 1, "files_bytes": 1}, None, "BAD_REQUEST"),
    ("room", {"set": SET, "pieces_bytes": -1, "files_bytes": 1}, None, "BAD_REQUEST"),
    ("room", {"set": SET, "pieces_bytes": 1, "files_bytes": -1}, None, "BAD_REQUEST"),
    ("room", {"set": SET, "pieces_bytes": 2**62, "files_bytes": 0}, None, "TRANSFERS_FULL"),
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


def test_the_longest_frame_of_the_protocol_passes_encryption_too(service: Service) -> None:
    data = bytes(MAX_FRAME_BYTES)
    with pytest.raises(SvfrError, match="piece") as refusal:  # so it has arrived
        ask(service, "put", raw(data), piece=digest(data))
    assert refusal.value.code == "BAD_REQUEST"


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


@pytest.mark.parametrize("read", [(), ("root",)])
def test_a_link_leads_a_job_to_nothing_that_another_client_sent(
    tmp_path: Path, read: tuple[str, ...]
) -> None:
    sets, root = tmp_path / "home" / "transfers" / "sets", tmp_path / "root"
    for folder in (sets / "anna" / "1", sets / "bob" / "2", root):
        folder.mkdir(parents=True)
    theirs, own = sets / "bob" / "2" / "plate.1.exr", sets / "anna" / "1" / "plate.1.exr"
    for file in (theirs, own):
        file.write_bytes(b"a plate")
    link = root / "l.1.exr"
    link.symlink_to(theirs)
    roots = PathRoots(tuple(tmp_path / name for name in read), transfers=(sets.parent,))
    output = str(sets.parent / "results" / "anna" / "job" / "o.%d.exr")
    for plate, mask in ((root / "l.%d.exr", None), (own.with_name("plate.%d.exr"), str(link))):
        spec = JobSpec(str(plate), "1", ("bfr",), output, mask_path=mask)
        of_job = roots.of_job(spec)
        assert of_job.read_problem(str(link)) is not None
        assert isinstance(input_problem(str(link), of_job), PathForbidden)
        assert of_job.write_problem(output % 1) is None
        assert of_job.write_problem(str(theirs)) is not None
    assert of_job.read_problem(str(own)) is None


def test_more_pieces_than_one_answer_holds_are_refused_and_frames_before_0_are_not(
    own_service: Service,
) -> None:
    names = [f"{number:064x}" for number in range(8193)]
    for pieces, code in ((names, "BAD_REQUEST"), (names[:-1], None)):
        try:
            ask(own_service, "missing", pieces=pieces)
            found = None
        except SvfrError as refusal:
            found = refusal.code
        assert found == code
    with pytest.raises(SvfrError) as unknown:
        ask(own_service, "result", job="0" * 32, frame=-2)
    assert unknown.value.code == "NOT_FOUND"


def test_pieces_are_kept_within_a_limit_and_a_week(tmp_path: Path) -> None:
    transfers = Transfers(tmp_path, limit_bytes=100)
    finish(transfers.put("key", digest(b"x" * 60), b"x" * 60))
    with pytest.raises(TransfersAreFull):
        finish(transfers.put("other", digest(b"y" * 60), b"y" * 60))
    with pytest.raises(PieceIsDamaged):
        finish(transfers.put("key", digest(b"z"), b"zz"))
    with pytest.raises(PieceIsMissing):
        finish(transfers.assemble("key", SET, "a.exr", [digest(b"y" * 60)]))
    (piece,) = (path for path in (tmp_path / "transfers").rglob("*") if path.is_file())
    os.utime(piece, (0, 0))
    finish(transfers.sweep())
    assert not piece.exists()
    finish(transfers.put("key", digest(b"y" * 60), b"y" * 60))
    assert (measure(tmp_path), clear(tmp_path), measure(tmp_path)) == (60, 60, 0)


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def lengthen(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b".")


def flip(path: Path) -> None:
    status = path.stat()
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as a disk does it


def replace_by_a_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


DAMAGES = [shorten, lengthen, flip, replace_by_a_link, Path.unlink]


@pytest.mark.parametrize("damage", DAMAGES)
def test_pieces_that_the_disk_has_spoilt_are_asked_for_again_all_at_once(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    transfers, data = Transfers(tmp_path), [bytes([number]) * 60 for number in range(9)]
    names = [digest(piece) for piece in data]
    for name, piece in zip(names, data, strict=True):
        finish(transfers.put("anna", name, piece))
    spoilt = names[1:8:2]
    for name in spoilt:
        (path,) = (tmp_path / "transfers" / "pieces").rglob(f"{name}.*")
        damage(path)
    if damage is not flip:  # which only reading shows
        assert finish(transfers.missing("anna", names)) == tuple(spoilt)
    with pytest.raises(PieceIsMissing, match="4 pieces"):
        finish(transfers.assemble("anna", SET, "a.exr", names))
    assert finish(transfers.missing("anna", names)) == tuple(spoilt)
    for name in spoilt:
        finish(transfers.put("anna", name, data[names.index(name)]))
    assert (finish(transfers.assemble("anna", SET, "a.exr", names)) / "a.exr").read_bytes() == b"".join(data)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_of_a_set_that_the_disk_has_spoilt_is_made_again(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    transfers, data = Transfers(tmp_path), [bytes([number]) * 60 for number in range(3)]
    names = [digest(piece) for piece in data]
    for name, piece in zip(names, data, strict=True):
        finish(transfers.put("anna", name, piece))
    made = finish(transfers.assemble("anna", SET, "a.exr", names)) / "a.exr"
    before = made.stat().st_ino
    finish(transfers.assemble("anna", SET, "a.exr", names))
    assert made.stat().st_ino == before  # what is as it should be is left alone
    damage(made)
    finish(transfers.assemble("anna", SET, "a.exr", names))
    assert not made.is_symlink() and made.read_bytes() == b"".join(data)


def test_two_processes_count_one_quota_also_after_one_was_started_again(tmp_path: Path) -> None:
    write_quota(tmp_path, Quota(client_bytes=200))
    names = {digest(data): data for data in (b"a" * 60, b"b" * 60, b"c" * 60, b"d" * 60)}
    (first, one), (second, two), (third, three), (fourth, four) = names.items()
    finish(Transfers(tmp_path).put("anna", first, one))
    transfers = Transfers(tmp_path)
    finish(transfers.put("anna", second, two))
    finish(Transfers(tmp_path).put("anna", third, three))
    for each in (transfers, Transfers(tmp_path)):
        with pytest.raises(TransfersAreFull):
            finish(each.put("anna", fourth, four))
    clear(tmp_path, client_name("anna"))
    finish(transfers.put("anna", fourth, four))
    assert measure_clients(tmp_path) == {client_name("anna"): 60}


def test_what_comes_while_files_are_counted_is_counted_too(tmp_path: Path) -> None:
    held = HeldBytes(tmp_path)

    def measure_slowly() -> Steps[dict[str, int]]:
        yield
        HeldBytes(tmp_path).take("anna", 7, lambda _: None)
        return {"anna": 100, "ben": 5}

    held.take("anna", 50, lambda _: None)
    finish(held.count(measure_slowly))
    seen: list[dict[str, int]] = []
    held.take("ben", 0, lambda now: seen.append(dict(now)))
    assert seen == [{"anna": 107, "ben": 5}]


def test_a_count_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    transfers, name = Transfers(tmp_path), digest(b"x")
    (tmp_path / "transfers.sqlite").write_bytes(b"no count at all" * 100)
    finish(transfers.put("anna", name, b"x"))
    assert finish(transfers.missing("anna", [name])) == ()


def test_a_long_request_of_one_client_keeps_nobody_waiting(service: Service) -> None:
    data = os.urandom(PIECE_BYTES)
    ask(service, "put", raw(data), piece=digest(data))
    clock = AwakeClock()
    links = [Link(find_connection(service.home), clock) for _ in range(2)]
    long = Message("assemble", {"set": SET, "name": "plate.mov", "pieces": [digest(data)] * 300})
    small = os.urandom(100)
    short = Message("put", {"piece": digest(small)}, buffers=raw(small))
    try:
        for link, request in zip(links, (long, short), strict=True):
            assert link.send(pack(request), clock.read() + 10.0)
        answer = links[1].receive(clock.read() + 30.0)
        assert answer is not None and unpack(answer).op == "ok"
        assert links[0].receive(clock.read()) is None  # which is not done yet
        made = links[0].receive(clock.read() + 60.0)
        assert made is not None
        folder = Path(unpack(made).body["folder"])
        assert (folder / "plate.mov").stat().st_size == 300 * PIECE_BYTES
    finally:
        for link in links:
            link.close()
        clear(service.home)


def checkers_of(pid: int) -> list[int]:
    """Return the checking processes of a service."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"checking" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_of_long_requests_that_take_turns_one_at_most_ends_with_their_process(
    own_service: Service,
) -> None:
    data = os.urandom(PIECE_BYTES)
    ask(own_service, "put", raw(data), piece=digest(data))
    clock = AwakeClock()
    links = [Link(find_connection(own_service.home), clock) for _ in range(2)]
    try:
        for number, link in enumerate(links):
            body = {"set": SET, "name": f"plate{number}.mov", "pieces": [digest(data)] * 300}
            assert link.send(pack(Message("assemble", body)), clock.read() + 10.0)
        for _ in range(2):  # by then both have begun
            ask(own_service, "missing", pieces=[digest(os.urandom(5))])
        assert [link.receive(clock.read()) for link in links] == [None, None]
        for checker in checkers_of(find_connection(own_service.home).pid):
            os.kill(checker, signal.SIGKILL)
        answers = [link.receive(clock.read() + 60.0) for link in links]
        # none ends with it where the process was between two slices
        ended = sorted(unpack(answer).op for answer in answers if answer is not None)
        assert ended in (["error", "ok"], ["ok", "ok"])
    finally:
        for link in links:
            link.close()


def test_what_is_cleared_while_clients_send_is_sent_again_and_no_failure(tmp_path: Path) -> None:
    ends = time.monotonic() + 1.5
    data = [bytes([number]) * 500 for number in range(20)]
    names = [digest(piece) for piece in data]
    made = 0

    def clear_all() -> None:
        while time.monotonic() < ends:
            clear(tmp_path)
            measure_clients(tmp_path)
            time.sleep(0.005)

    clearing = threading.Thread(target=clear_all)
    clearing.start()
    transfers = Transfers(tmp_path)
    while time.monotonic() < ends:
        with contextlib.suppress(PieceIsMissing):  # the one answer after which clients send again
            for name, piece in zip(names, data, strict=True):
                finish(transfers.put("anna", name, piece))
            finish(transfers.assemble("anna", SET, "a.exr", names))
            made += 1
        finish(transfers.sweep())
    clearing.join()
    assert made or finish(transfers.missing("anna", names))


def test_what_a_quota_does_not_hold_is_refused_before_any_of_it_is_sent(
    own_service: Service, tmp_path: Path
) -> None:
    files = [LocalFile(tmp_path / f"plate.{frame}.exr", f"plate.{frame}.exr") for frame in (1, 2)]
    for file in files:
        file.path.write_bytes(os.urandom(300_000))
    with own_service.client() as client:
        write_quota(own_service.home, Quota(client_bytes=1_199_999))
        with pytest.raises(SvfrError, match=r"takes 1.1 MiB more") as refusal:
            upload(client, files)
        assert refusal.value.code == "TRANSFERS_FULL" and measure(own_service.home) == 0
        write_quota(own_service.home, Quota(client_bytes=1_200_000))
        first = upload(client, files)
        for client_bytes in (1_200_000, 1000):  # the quota may have been lowered meanwhile
            write_quota(own_service.home, Quota(client_bytes=client_bytes))
            assert upload(client, files) == first, "what is there takes no more"
        write_quota(own_service.home, Quota(client_bytes=1_200_000))
        files[0].path.write_bytes(os.urandom(10))
        with pytest.raises(SvfrError, match=r"takes 293.0 KiB more"):  # a set of its own: both files again
            upload(client, files)


def test_room_is_judged_by_what_a_set_lacks_and_keeps_nothing_free(tmp_path: Path) -> None:
    transfers = Transfers(tmp_path, limit_bytes=100)
    for _ in range(2):
        finish(transfers.check_room("key", SET, pieces_bytes=50, files_bytes=50))
    with pytest.raises(TransfersAreFull, match="this takes 101 B more; all may keep 100 B"):
        finish(transfers.check_room("key", SET, pieces_bytes=50, files_bytes=51))
    finish(transfers.put("key", digest(b"x" * 40), b"x" * 40))
    finish(transfers.assemble("key", SET, "plate.1.exr", [digest(b"x" * 40)]))
    finish(transfers.check_room("key", SET, pieces_bytes=10, files_bytes=50))
    with pytest.raises(TransfersAreFull, match="keep 80 B"):
        finish(transfers.check_room("other", SET, pieces_bytes=0, files_bytes=40))


def test_a_client_has_a_quota_of_bytes_and_days_and_does_not_learn_what_others_sent(tmp_path: Path) -> None:
    write_quota(tmp_path, Quota(client_bytes=100, kept_days=2.0))
    transfers, name = Transfers(tmp_path), digest(b"x" * 60)
    finish(transfers.put("anna", name, b"x" * 60))
    assert finish(transfers.missing("anna", [name])) == ()
    assert finish(transfers.missing("ben", [name])) == (name,)
    with pytest.raises(TransfersAreFull, match=r"60 B .* this takes 60 B more; a client may keep 100 B"):
        finish(transfers.assemble("anna", SET, "a.exr", [name]))
    finish(transfers.put("ben", name, b"x" * 60))
    assert measure_clients(tmp_path) == {client_name("anna"): 60, client_name("ben"): 60}
    finish(transfers.sweep(time.time() + 86400))
    assert measure(tmp_path) == 120
    assert clear(tmp_path, client_name("ben")) == 60
    assert clear(tmp_path, "../pieces") == 0
    finish(transfers.sweep(time.time() + 3 * 86400))
    assert measure(tmp_path) == 0


def test_a_disk_that_is_nearly_full_is_a_clear_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("svfr_server.job_store.transfers.KEPT_FREE_BYTES", 2**62)
    with pytest.raises(DiskIsFull, match="free") as refusal:
        finish(Transfers(tmp_path).put("key", digest(b"x"), b"x"))
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
