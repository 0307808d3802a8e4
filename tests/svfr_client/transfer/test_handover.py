"""Files through which a client on the server's machine hands pieces over, and reads frames."""

import io
import os
from pathlib import Path

import pytest

from svfr_client.protocol.messages import JobState
from svfr_client.protocol.transfers import MOST_LOCAL_PIECES, PIECE_BYTES, ResultPart
from svfr_client.transfer.handover import SLOT_BYTES, batches, copy_here

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither inodes nor owners of files")


def part_of(path: Path) -> ResultPart:
    status = path.stat()
    stamp = f"{status.st_ino:x}.{status.st_mtime_ns:x}"
    return ResultPart(JobState.DONE, status.st_size, stamp, None, str(path))


@pytest.mark.parametrize(
    "sizes",
    [[], [1], [PIECE_BYTES] * 17, [3] * 200, [PIECE_BYTES, 5] * 40, [PIECE_BYTES - 1] * 9],
)
def test_groups_hold_every_piece_once_and_fit_a_slot_and_a_request(sizes: list[int]) -> None:
    groups = batches(sizes)
    assert [index for group in groups for index in group] == list(range(len(sizes)))
    for group in groups:
        assert 1 <= len(group) <= MOST_LOCAL_PIECES
        assert sum(sizes[index] for index in group) <= SLOT_BYTES


def test_the_rest_of_a_frame_is_read_where_the_server_wrote_it(tmp_path: Path) -> None:
    path, got = tmp_path / "f.exr", io.BytesIO()
    path.write_bytes(b"0123456789")
    got.write(b"0123")
    assert copy_here(part_of(path), 4, got) and got.getvalue() == b"0123456789"


def test_a_file_that_is_not_the_servers_is_not_read(tmp_path: Path) -> None:
    path, got = tmp_path / "f.exr", io.BytesIO()
    path.write_bytes(b"0123456789")
    part = part_of(path)
    (tmp_path / "link").symlink_to(path)
    others = [
        ResultPart(part.state, part.bytes, part.stamp, None, None),
        ResultPart(part.state, part.bytes, part.stamp, None, str(tmp_path / "none")),
        ResultPart(part.state, part.bytes, part.stamp, None, str(tmp_path / "link")),
        ResultPart(part.state, part.bytes, part.stamp, None, str(tmp_path)),
        ResultPart(part.state, part.bytes, part.stamp, None, "a\0b"),
        ResultPart(part.state, part.bytes + 1, part.stamp, None, str(path)),
        ResultPart(part.state, part.bytes, "1.2", None, str(path)),
    ]
    got.write(b"0123")
    for other in others:
        assert not copy_here(other, 4, got)
        assert got.getvalue() == b"0123" and got.tell() == 4
