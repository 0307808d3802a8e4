"""Frames from a server elsewhere into this machine's folders: what they may go over, and where they are."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from stumbling_service import JOB, Stumbling

from svfr_client.client import Client
from svfr_client.errors import OutputEqualsPlate, OutputExists
from svfr_client.protocol.messages import Event, JobState, JobStatus
from svfr_client.protocol.transfers import ResultPart
from svfr_client.protocol.wire import Buffer, Message
from svfr_client.records import to_plain
from svfr_client.transfer.delivery import Delivery
from svfr_client.transfer.output_here import fetched_to, free_output


@dataclass
class Elsewhere:
    """A server with one job that is done: ``plate`` as it names it, ``frames`` by their numbers."""

    plate: str = "/srv/p.%04d.exr"
    frames: dict[int, bytes] = field(default_factory=lambda: {1: b"one", 2: b"two"})
    asked: list[Message] = field(default_factory=list)

    def answer(self, service: Stumbling, message: Message) -> None:
        """Answer as a server does that keeps its frames in a file each."""
        self.asked.append(message)
        if message.op == "status":
            status = JobStatus(JOB, JobState.DONE, self.plate, "1-2", "/srv/o.%04d.exr", 0, 1, 9, 0.0, 0.0)
            service.reply(Message("ok", to_plain(status), re=message.id))
        elif message.op == "result":
            whole = self.frames[int(message.body["frame"])]
            data = whole[int(message.body["offset"]) :]
            buffers = {"data": Buffer(data, "raw", "|u1", (len(data),))} if data else {}
            part = to_plain(ResultPart(JobState.DONE, len(whole), "stamp"))
            service.reply(Message("ok", part, re=message.id, buffers=buffers))

    @contextmanager
    def client(self) -> Iterator[Client]:
        """Give a client of this server."""
        service = Stumbling(self.answer)
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
