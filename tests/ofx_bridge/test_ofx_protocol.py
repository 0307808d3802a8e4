"""The plugin's own protocol code against the Python one: golden messages, JSON, digests, EXR."""

import hashlib
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ofx_build import ROOT, Built

from svfr_client.errors import SvfrError
from svfr_client.protocol.wire import MINOR, strict_json, unpack

GOLDEN = [
    message
    for name in (f"golden_1_{minor}.json" for minor in range(MINOR + 1))
    for message in json.loads((ROOT / "tests" / "data" / "protocol" / name).read_text())["messages"]
]
JSON_TEXTS = [
    b"[1, 2.5, -0, 1e3, null, true, false]",
    '{"a":"\\u00fc\\ud83d\\ude00", "b": "ü"}'.encode(),
    b'{"a":1,"a":2}',
    b"NaN",
    b"[1e400]",
    b"1e-400",
    b"9223372036854775807",
    b"9223372036854775808",
    b"01",
    b"[1,]",
    b'"\\ud800"',
    b'"a\x01"',
    b'"\xff"',
    b'"\xc0\x80"',
    b"[" * 64 + b"]" * 64,
    b"[" * 65 + b"]" * 65,
    b"[" * 50000,
    b"{} {}",
    b"tru",
    b"",
    b"-",
    b'{"a" 1}',
]


def probe(built: Built, what: str, data: bytes) -> str:
    done = subprocess.run(
        [str(built.tools / "svfr_probe"), what], input=data, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def hex_line(frames: list[bytes]) -> bytes:
    return json.dumps([frame.hex() for frame in frames]).encode() + b"\n"


def test_every_golden_message_is_read_as_python_reads_it(built: Built) -> None:
    lines = [hex_line([text.encode() for text in message["frames"]]) for message in GOLDEN]
    answers = probe(built, "messages", b"".join(lines)).splitlines()
    assert len(answers) == len(GOLDEN)
    for message, line in zip(GOLDEN, answers, strict=True):
        said = json.loads(line)
        expected = unpack([text.encode() for text in message["frames"]])
        assert (said["op"], said["id"], said["re"]) == (expected.op, expected.id, expected.re)
        assert said["body"] == dict(expected.body)
        assert said["buffers"] == {
            name: hashlib.sha256(buffer.data).hexdigest() for name, buffer in expected.buffers.items()
        }


def test_every_golden_message_is_written_so_that_python_reads_the_same(built: Built) -> None:
    lines = [hex_line([text.encode() for text in message["frames"]]) for message in GOLDEN]
    answers = probe(built, "repack", b"".join(lines)).splitlines()
    for message, line in zip(GOLDEN, answers, strict=True):
        frames = [bytes.fromhex(text) for text in json.loads(line)]
        assert unpack(frames) == unpack([text.encode() for text in message["frames"]])


def test_a_message_that_is_not_as_laid_down_is_refused(built: Built) -> None:
    head: dict[str, Any] = {"v": [1, 1], "id": "a" * 32, "re": None, "op": "ok", "body": {}, "bufs": []}
    raw = {"name": "data", "kind": "raw", "bytes": 4, "dtype": "<f4", "shape": [1], "space": None}
    bad: list[list[bytes]] = [
        [],
        [b"SVFR/1"],
        [b"SVFR/2", b"{}"],
        [b"SVFR/1", b"[]"],
        [b"SVFR/1", b"x" * 70000],
    ]
    changes: list[dict[str, Any]] = [
        {"v": [2, 0]},
        {"v": 1},
        {"id": "A" * 32},
        {"re": 5},
        {"op": "OK"},
        {"body": []},
        {"bufs": {}},
        {"bufs": [{**raw, "bytes": -1}]},
        {"bufs": [{**raw, "bytes": 2**62}]},
        {"bufs": [{**raw, "shape": [2]}]},
        {"bufs": [{**raw, "shape": [2**40, 2**40]}]},
        {"bufs": [{**raw, "dtype": "<f8"}]},
        {"bufs": [raw, raw]},
        {"bufs": [{"name": "data", "kind": "json"}]},
        {"more": 1},
    ]
    bad += [[b"SVFR/1", json.dumps({**head, **change}).encode(), b"abcd"] for change in changes]
    bad.append([b"SVFR/1", json.dumps(head).encode(), b"left over"])
    answers = probe(built, "messages", b"".join(map(hex_line, bad))).splitlines()
    assert len(answers) == len(bad)
    assert all("refused" in json.loads(line) for line in answers), answers


def expected_of(text: bytes) -> Any:
    try:
        return strict_json(text)
    except SvfrError:
        return "refused"


def test_json_is_taken_and_refused_as_python_does(built: Built) -> None:
    lines = [text for text in JSON_TEXTS if b"\n" not in text]
    answers = probe(built, "json", b"\n".join(lines) + b"\n").split("\n")
    for text, answer in zip(lines, answers, strict=True):
        assert (answer if answer == "refused" else json.loads(answer)) == expected_of(text), text[:80]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(values, min_size=40, max_size=40))
def test_any_json_comes_back_as_it_was(built: Built, sent: list[Any]) -> None:
    lines = [json.dumps(value).encode() for value in sent]
    answers = probe(built, "json", b"\n".join(lines) + b"\n").splitlines()
    assert [json.loads(line) for line in answers] == sent


@pytest.mark.parametrize("length", [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000003])
def test_the_digest_is_sha256(built: Built, length: int) -> None:
    data = bytes(index * 7 % 251 for index in range(length))
    assert probe(built, "sha256", data) == hashlib.sha256(data).hexdigest()


def plain_exr(path: Path, compression: str = "none") -> bytes:
    spec = oiio.ImageSpec(9, 7, 4, "float")
    spec.attribute("compression", compression)
    image = oiio.ImageOutput.create(str(path))
    pixels = np.random.default_rng(5).random((7, 9, 4), np.float32)
    assert image.open(str(path), spec) and image.write_image(pixels) and image.close()
    return path.read_bytes()


def test_a_plain_exr_is_read_and_everything_else_is_refused(built: Built, tmp_path: Path) -> None:
    whole = plain_exr(tmp_path / "a.exr")
    assert len(probe(built, "exr", whole)) == 32
    assert "compressed" in probe(built, "exr", plain_exr(tmp_path / "b.exr", "zip"))
    for damaged in (b"", b"v/1\x01", whole[:100], whole[:-1], whole[:8] + b"\xff" * 300, b"\0" + whole[1:]):
        assert "refused" in probe(built, "exr", damaged)


def test_no_damaged_exr_brings_the_reader_down(built: Built, tmp_path: Path) -> None:
    whole = plain_exr(tmp_path / "a.exr")
    random = np.random.default_rng(1)
    for _ in range(40):
        damaged = bytearray(whole)
        for place in random.integers(0, 500, 4):
            damaged[place] = int(random.integers(0, 256))
        probe(built, "exr", bytes(damaged))
