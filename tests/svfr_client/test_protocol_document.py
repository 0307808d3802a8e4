"""PROTOCOL.md and the golden messages say exactly what the code does."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from svfr_client.masks import SplineMask
from svfr_client.protocol import wire
from svfr_client.protocol.messages import (
    Accepted,
    Event,
    Following,
    JobStatus,
    ModelOffers,
    Pong,
    Welcome,
)
from svfr_client.protocol.transfers import Assembled, Compared, MissingPieces, ResultPart
from svfr_client.protocol.wire import pack, unpack
from svfr_client.records import from_plain
from svfr_server.checking.requests import REQUESTS, read_request
from svfr_server.settings import Limits

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "plugin" / "PROTOCOL.md").read_text(encoding="utf-8")
GOLDEN = [
    json.loads((ROOT / "tests" / "data" / "protocol" / name).read_text(encoding="utf-8"))
    for name in (f"golden_1_{minor}.json" for minor in range(wire.MINOR + 1))
]
MESSAGES: dict[str, list[bytes]] = {
    golden["name"]: [frame.encode("utf-8") for frame in golden["frames"]]
    for version in GOLDEN
    for golden in version["messages"]
}
REPLIES: dict[str, type[Any]] = {
    "welcome": Welcome,
    "accepted": Accepted,
    "following": Following,
    "job_status": JobStatus,
    "pong": Pong,
    "progress_event": Event,
    "frame_event": Event,
    "failed_event": Event,
    "missing_pieces": MissingPieces,
    "assembled": Assembled,
    "result_part": ResultPart,
    "compared": Compared,
    "model_offers": ModelOffers,
    "overall_event": Event,
    "result_not_ready": ResultPart,
    "welcome_1_4": Welcome,
    "result_part_1_4": ResultPart,
}


def test_there_are_golden_messages_of_every_version_up_to_this_one() -> None:
    versions = [[wire.MAJOR, minor] for minor in range(wire.MINOR + 1)]
    assert [golden["version"] for golden in GOLDEN] == versions


@pytest.mark.parametrize("name", MESSAGES)
def test_a_golden_message_is_read_and_written_byte_for_byte(name: str) -> None:
    assert pack(unpack(MESSAGES[name])) == MESSAGES[name]


def test_the_server_accepts_every_golden_request_and_they_cover_every_operation() -> None:
    requests = [unpack(frames) for frames in MESSAGES.values()]
    asked = {message.op for message in requests if message.op in REQUESTS}
    assert asked == set(REQUESTS)
    for message in requests:
        if message.op in REQUESTS:
            assert isinstance(read_request(message), REQUESTS[message.op])


@pytest.mark.parametrize("name", REPLIES)
def test_the_client_reads_every_golden_reply(name: str) -> None:
    assert isinstance(from_plain(REPLIES[name], dict(unpack(MESSAGES[name]).body)), REPLIES[name])


def code_blocks(section: str) -> list[str]:
    return re.findall(r"```\w+\n(.*?)\n```", DOCUMENT.split(section)[1], flags=re.DOTALL)


def test_the_worked_example_is_exact() -> None:
    magic, header, submit_header, buffer = code_blocks("## 7. A worked example")
    assert bytes.fromhex(magic) == wire.MAGIC
    frames = [wire.MAGIC, header.encode("ascii")]
    assert pack(unpack(frames)) == frames
    length, digest = re.search(r"(\d+) bytes, SHA-256 `([0-9a-f]{64})`", DOCUMENT).groups()  # type: ignore[union-attr]
    assert (len(frames[1]), hashlib.sha256(frames[1]).hexdigest()) == (int(length), digest)
    submit = unpack([wire.MAGIC, submit_header.encode("ascii"), buffer.encode("ascii")])
    mask = SplineMask.from_json(json.loads(buffer))
    assert read_request(submit).spec.mask_splines == mask


def test_the_document_names_the_limits_the_code_has() -> None:
    for number in (
        wire.MAX_HEADER_BYTES,
        wire.MAX_FRAME_BYTES,
        wire.MAX_MESSAGE_BYTES,
        wire.MAX_BUFFERS,
        wire.MAX_DEPTH,
        wire.LONG_BODY_BYTES,
    ):
        assert re.search(rf"\b{number}\b", DOCUMENT), number
    for name in (*Limits().to_json(), *wire.ITEM_BYTES, *(f"`{op}`" for op in REQUESTS)):
        assert name in DOCUMENT, name
