"""Frames from a server elsewhere into this machine's folders: what they may go over, and where they are."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from stumbling_service import JOB, WELCOME, Stumbling

from svfr_client.client import Client
from svfr_client.connection import make_private_folder
from svfr_client.errors import DiskSpaceIsShort, FileCannotBeWritten, OutputEqualsPlate, OutputExists
from svfr_client.path_map import PathMap
from svfr_client.protocol.messages import Event, JobState, JobStatus
from svfr_client.protocol.transfers import MOST_COMPARED, Compared, ResultPart
from svfr_client.protocol.wire import Buffer, Message
from svfr_client.records import to_plain
from svfr_client.transfer.delivery import Delivery
from svfr_client.transfer.job_files import JobFiles, LocalFile
from svfr_client.transfer.output_here import fetched_to, free_output, refuse_short_disk
from svfr_client.transfer.seen import server_sees


@dataclass
class Elsewhere:
    """A server with one job that is done: ``plate`` as it names it, ``frames`` by their numbers.

    ``held``: the files that it has in the place of any that it compares, in this order.
    """

    plate: str = "/srv/p.%04d.exr"
    held: tuple[bytes, ...] = ()
    frames: dict[int, bytes] = field(default_factory=lambda: {1: b"one", 2: b"two"})
    asked: list[Message] = field(default_factory=list)

    def answer(self, service: Stumbling, message: Message) -> None:
        """Answer as a server does that keeps its frames in a file each."""
        self.asked.append(message)
        if message.op == "status":
            status = JobStatus(JOB, JobState.DONE, self.plate, "1-2", "/srv/o.%04d.exr", 0, 1, 9, 0.0, 0.0)
            service.reply(Message("ok", to_plain(status), re=message.id))
        elif message.op == "compare":
            asked = [(one["bytes"], one["sha256"]) for one in message.body["files"]]
            have = [(len(data), hashlib.sha256(data).hexdigest()) for data in self.held]
            reply = Compared(tuple(one in have for one in asked))
            service.reply(Message("ok", to_plain(reply), re=message.id))
        elif message.op == "result":
            whole = self.frames[int(message.body["frame"])]
            data = whole[int(message.body["offset"]) :]
            buffers = {"data": Buffer(data, "raw", "|u1", (len(data),))} if data else {}
            part = to_plain(ResultPart(JobState.DONE, len(whole), "stamp"))
            service.reply(Message("ok", part, re=message.id, buffers=buffers))

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Give a client of this server."""
        service = Stumbling(self.answer, {**WELCOME, "minor": 5})
        try:
            with Client(service.connection) as client:
                yield client
        finally:
            service.close()


def frame_event(frame: int, path: str = "/srv/o.exr") -> Event:
    return Event(JOB, frame, "frame", {"frame": frame, "path": path})


@pytest.mark.parametrize("noted", [True, False], ids=["replacing job", "careful job"])
def test_a_fetch_goes_over_newer_files_only_where_this_fetch_says_so(tmp_path: Path, noted: bool) -> None:
    delivery = Delivery(JOB, str(tmp_path / "o.%04d.exr"), replaces=noted)
    own, newer = tmp_path / "o.0001.exr", tmp_path / "o.0002.exr"
    own.write_bytes(b"one")  # of the delivery that was interrupted
    newer.write_bytes(b"a newer picture")
    output = str(delivery.output)
    with Elsewhere().client() as client:
        careful = fetched_to(client, delivery, output, "error")
        assert careful.bring(client, frame_event(1)) is not None
        assert careful.bring(client, frame_event(2)) is None and newer.read_bytes() == b"a newer picture"
        with pytest.raises(OutputExists, match="the frames 2"):
            careful.bring(client, Event(JOB, 9, "done", {}))
        replacing = fetched_to(client, careful, output, "overwrite")
        assert replacing.bring(client, frame_event(2)) is not None
    assert newer.read_bytes() == b"two"


@pytest.mark.parametrize("how", [os.link, os.symlink], ids=["hard link", "link"])
def test_no_frame_goes_over_a_file_that_the_job_reads_by_whatever_name(
    tmp_path: Path, how: Callable[[Path, Path], None]
) -> None:
    plate = tmp_path / "plate.0002.exr"
    plate.write_bytes(b"the artist's")
    (tmp_path / "out").mkdir()
    how(plate, tmp_path / "out" / "o.0002.exr")
    output = str(tmp_path / "out" / "o.%04d.exr")
    for policy in ("error", "overwrite", "version_up"):
        with pytest.raises(OutputEqualsPlate) as refusal:
            free_output(output, [1, 2], policy, [plate])  # type: ignore[arg-type]
        assert refusal.value.frame == 2
    with (
        Elsewhere(plate=str(tmp_path / "plate.%04d.exr")).client() as client,
        pytest.raises(OutputEqualsPlate),
    ):
        fetched_to(client, Delivery(JOB, output), output, "overwrite")


def test_a_folder_by_another_name_is_the_same_also_of_frames_that_the_plate_lacks(tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    (tmp_path / "again").symlink_to(tmp_path / "shots")
    with pytest.raises(OutputEqualsPlate):
        free_output(str(tmp_path / "again" / "p.%04d.exr"), [5], "error", [tmp_path / "shots" / "p.0005.exr"])
    free_output(str(tmp_path / "again" / "r.%04d.exr"), [5], "error", [tmp_path / "shots" / "p.0005.exr"])


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This user's own folder."""
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "own"))
    return tmp_path / "own"


def in_place(tmp_path: Path, *, has_plate: bool) -> tuple[Elsewhere, Path]:
    """A server that names our ``tmp_path`` as we do, and the frame's place in it."""
    if has_plate:
        (tmp_path / "p.0001.exr").write_bytes(b"a plate")
    return Elsewhere(plate=str(tmp_path / "p.%04d.exr")), tmp_path / "out" / "o.0001.exr"


@pytest.mark.parametrize("stale", [None, b"old"], ids=["nothing", "an older picture"])
def test_frames_that_a_server_wrote_in_place_on_another_disk_are_fetched(
    tmp_path: Path, own: Path, stale: bytes | None
) -> None:
    server, path = in_place(tmp_path, has_plate=True)
    path.parent.mkdir()
    if stale is not None:
        path.write_bytes(stale)
    delivery = Delivery(JOB, None, replaces=stale is not None, may_be_elsewhere=True)
    with server.client() as client:
        for frame, content in server.frames.items():
            here = delivery.bring(client, frame_event(frame, str(path.parent / f"o.{frame:04d}.exr")))
            assert here is not None and Path(here.body["path"]).read_bytes() == content
    assert not delivery.stays_there
    # A later look at the job finds them.
    assert Delivery.noted(JOB, PathMap()).output == str(path.parent / "o.%04d.exr")


def test_another_file_in_the_place_of_a_frame_that_is_on_another_disk_stays_and_is_no_success(
    tmp_path: Path, own: Path
) -> None:
    server, path = in_place(tmp_path, has_plate=True)
    path.parent.mkdir()
    path.write_bytes(b"not ours")
    delivery = Delivery(JOB, None, may_be_elsewhere=True)
    with server.client() as client:
        assert delivery.bring(client, frame_event(1, str(path))) is None
        with pytest.raises(OutputExists):
            delivery.bring(client, Event(JOB, 9, "done", {}))
    assert path.read_bytes() == b"not ours"


def test_a_folder_that_only_the_server_has_and_that_cannot_be_made_here_leads_on_to_another(
    tmp_path: Path, own: Path
) -> None:
    server, path = in_place(tmp_path, has_plate=True)
    path.parent.write_bytes(b"a file in the folder's place")
    with server.client() as client, pytest.raises(FileCannotBeWritten) as failure:
        Delivery(JOB, None, may_be_elsewhere=True).bring(client, frame_event(1, str(path)))
    assert f"svfr fetch {JOB} --out" in failure.value.remedy


def test_frames_on_a_disk_that_both_machines_see_are_asked_about_once_and_not_fetched(
    tmp_path: Path, own: Path
) -> None:
    server, path = in_place(tmp_path, has_plate=True)
    path.parent.mkdir()
    for frame, content in server.frames.items():
        (path.parent / f"o.{frame:04d}.exr").write_bytes(content)
    delivery, inode = Delivery(JOB, None, may_be_elsewhere=True), path.stat().st_ino
    with server.client() as client:
        for frame in server.frames:
            assert delivery.bring(client, frame_event(frame, str(path.parent / f"o.{frame:04d}.exr")))
    assert [message.op for message in server.asked] == ["result"]
    assert path.stat().st_ino == inode and Delivery.noted(JOB, PathMap()).output is None


def test_frames_of_a_plate_that_only_the_server_has_stay_with_it(tmp_path: Path, own: Path) -> None:
    server, path = in_place(tmp_path, has_plate=False)
    delivery = Delivery(JOB, None, may_be_elsewhere=True)
    with server.client() as client:
        assert delivery.bring(client, frame_event(1, str(path))) is not None
    assert delivery.stays_there and not path.parent.exists()


@pytest.mark.parametrize("frames", [5, 3 * MOST_COMPARED], ids=["few", "several requests"])
def test_a_server_with_one_other_frame_in_the_middle_does_not_see_the_plate(
    tmp_path: Path, frames: int
) -> None:
    files = [LocalFile(tmp_path / f"p.{n:04d}.exr", f"plate.{n:04d}.exr") for n in range(frames)]
    for file in files:
        file.path.write_bytes(file.name.encode())
    contents = tuple(file.name.encode() for file in files)
    with Elsewhere(held=contents).client() as client:
        assert server_sees(client, JobFiles(tuple(files), {}), PathMap())
    other = 3 * frames // 4
    with Elsewhere(held=(*contents[:other], *contents[other + 1 :])).client() as client:
        assert not server_sees(client, JobFiles(tuple(files), {}), PathMap())


SENT = "/srv/transfers/sets/" + 16 * "a" + "/" + 32 * "b" + "/plate_p.%04d.exr"


def test_a_plate_that_was_sent_is_not_gone_over_when_the_note_of_its_job_is_gone(tmp_path: Path) -> None:
    (tmp_path / "p.0002.exr").write_bytes(b"the artist's")
    output = str(tmp_path / "p.%04d.exr")
    with Elsewhere(plate=SENT, held=(b"the artist's",)).client() as client:
        with pytest.raises(OutputEqualsPlate) as refusal:
            fetched_to(client, Delivery(JOB), output, "overwrite")
        assert refusal.value.frame == 2
    with Elsewhere(plate=SENT, held=(b"another plate",)).client() as client:
        assert fetched_to(client, Delivery(JOB), output, "overwrite").output == output


def test_a_note_is_found_however_the_server_is_named(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = make_private_folder(tmp_path / "there")
    by_option = PathMap.load(there / "path_map.json")
    Delivery(JOB, "/o/a.%04d.exr", by_option).note()
    assert Delivery.noted(JOB, by_option).output == "/o/a.%04d.exr"
    monkeypatch.setenv("SVFR_HOME", str(there))
    assert Delivery.noted(JOB, by_option).output == "/o/a.%04d.exr"


@pytest.mark.parametrize("is_private", [False, True], ids=["open to others", "not to be written"])
def test_where_the_connections_folder_takes_no_note_it_is_in_the_users_own(
    tmp_path: Path, own: Path, is_private: bool
) -> None:
    there = make_private_folder(tmp_path / "there")
    if is_private:
        (there / "deliveries").write_bytes(b"a file, so that no note can be written, by root either")
    else:
        there.chmod(0o755)
    before = list(there.iterdir())
    rules = PathMap.load(there / "path_map.json")
    assert Delivery(JOB, "/o/a.%04d.exr", rules).note() == ""
    assert list(there.iterdir()) == before and (own / "deliveries" / f"{JOB}.json").is_file()
    assert Delivery.noted(JOB, rules).output == "/o/a.%04d.exr"


def test_a_place_that_cannot_be_noted_is_said_and_stands_in_the_command_that_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").write_bytes(b"a file, so that nothing can be noted in it")
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "own"))
    delivery = Delivery(JOB, "/o/my shot.%04d.exr")
    assert delivery.note() and delivery.fetch_command == f"svfr fetch {JOB}"
    unnoted = replace(delivery, unnoted=delivery.note())
    assert unnoted.fetch_command == f"svfr fetch {JOB} --out '/o/my shot.%04d.exr'"


@pytest.mark.parametrize(("free", "is_short"), [(4199, True), (4200, False)])
def test_frames_that_do_not_fit_on_this_machines_disk_are_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, is_short: bool
) -> None:
    plate = [tmp_path / f"p.{frame}.exr" for frame in (1, 2, 3)]
    plate[0].write_bytes(bytes(1000))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    output = str(tmp_path / "new" / "folder" / "o.%04d.exr")
    with pytest.raises(DiskSpaceIsShort) if is_short else nullcontext():
        refuse_short_disk(output, 3, plate)
    assert not (tmp_path / "new").exists()
