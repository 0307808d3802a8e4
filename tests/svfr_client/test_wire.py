"""The framing: what is packed comes back, whatever else arrives is a typed error."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svfr_client.errors import BadMessage, MessageTooLarge, WireError, WrongVersion
from svfr_client.job import JobSpec
from svfr_client.protocol import wire
from svfr_client.protocol.bulk import join_bulk, split_bulk
from svfr_client.protocol.wire import MAGIC, Buffer, Message, new_id, pack, strict_json, unpack

ID = "0123456789abcdef" * 2


def header(**changes: Any) -> dict[str, Any]:
    return {"v": [1, 0], "id": ID, "re": None, "op": "ping", "body": {}, "bufs": [], **changes}


def frames_of(head: Any, *buffers: bytes) -> list[bytes]:
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return [MAGIC, text, *buffers]


def test_a_message_comes_back_as_it_was_packed() -> None:
    raw = Buffer(data=bytes(range(24)), kind="raw", dtype="<f2", shape=(2, 2, 3), space="scene_linear")
    message = Message("submit", {"a": [1, 2.5, None, "ü"]}, buffers={"x": Buffer.of_json([1]), "p": raw})
    assert unpack(pack(message)) == message


def test_an_empty_buffer_takes_one_empty_frame() -> None:
    message = Message("ping", buffers={"nothing": Buffer(b"")})
    frames = pack(message)
    assert frames[2:] == [b""]
    assert unpack(frames).buffers["nothing"].data == b""


def test_a_long_buffer_travels_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_FRAME_BYTES", 600)
    data = bytes(range(256)) * 6
    message = Message("ping", buffers={"a": Buffer(data, "raw", "|u1", (1536,)), "b": Buffer(b"[]")})
    frames = pack(message)
    assert [len(frame) for frame in frames[2:]] == [600, 600, 336, 2]
    assert unpack(frames) == message
    with pytest.raises(BadMessage, match="1536 bytes in 3 frames"):
        unpack([*frames[:3], frames[3][:-1], *frames[4:]])


def test_a_long_body_travels_as_a_buffer() -> None:
    message = Message("ok", {"jobs": ["x" * 100] * 1000}, buffers={"more": Buffer(b"1")})
    frames = pack(message)
    assert len(frames[1]) < wire.MAX_HEADER_BYTES
    assert b'"body":{}' in frames[1]
    assert unpack(frames) == message


def test_a_body_in_header_and_buffer_is_refused() -> None:
    described = [{"name": "body", "kind": "json", "bytes": 2}]
    with pytest.raises(BadMessage, match="header has a body as well"):
        unpack(frames_of(header(body={"a": 1}, bufs=described), b"{}"))
    with pytest.raises(BadMessage, match="not an object"):
        unpack(frames_of(header(bufs=described), b"[]"))


def test_too_large_a_message_is_refused_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MessageTooLarge):
        pack(Message("ping", buffers={f"b{n}": Buffer(b"1") for n in range(17)}))
    monkeypatch.setattr(wire, "MAX_MESSAGE_BYTES", 1000)
    with pytest.raises(MessageTooLarge):
        pack(Message("ping", buffers={"a": Buffer(bytes(1001), "raw", "|u1", (1001,))}))


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf")}, b"bytes", object()])
def test_what_json_cannot_say_is_not_packed(value: Any) -> None:
    with pytest.raises(BadMessage):
        pack(Message("ping", {"value": value}))


@pytest.mark.parametrize(
    ("frames", "error"),
    [
        ([], BadMessage),
        ([b"GET / HTTP/1.1\r\n"], BadMessage),
        ([b"SVFR/2", b"{}"], WrongVersion),
        ([b"SVFR/10", b"{}"], WrongVersion),
        ([MAGIC], BadMessage),
        ([MAGIC] * 100, MessageTooLarge),
        ([MAGIC, b" " * 70000], MessageTooLarge),
        ([MAGIC, b"\xff\xfe"], BadMessage),
        ([MAGIC, b"[" * 60000], BadMessage),
        ([MAGIC, b"1" * 5000], BadMessage),
        ([MAGIC, b"[]"], BadMessage),
        ([MAGIC, b"{}"], BadMessage),
    ],
)
def test_what_is_no_message_is_a_typed_error(frames: list[bytes], error: type[WireError]) -> None:
    with pytest.raises(error):
        unpack(frames)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"id": ID.upper()}, BadMessage),
        ({"id": ID + "\n"}, BadMessage),
        ({"id": 5}, BadMessage),
        ({"v": [2, 0]}, WrongVersion),
        ({"v": [1, -1]}, WrongVersion),
        ({"v": [True, 0]}, BadMessage),
        ({"v": "1.0"}, BadMessage),
        ({"v": [1]}, BadMessage),
        ({"re": "x"}, BadMessage),
        ({"op": "Ping"}, BadMessage),
        ({"op": "a" * 40}, BadMessage),
        ({"op": None}, BadMessage),
        ({"body": []}, BadMessage),
        ({"bufs": {}}, BadMessage),
        ({"bufs": [{}] * 17}, MessageTooLarge),
        ({"bufs": [5]}, BadMessage),
        ({"more": 1}, BadMessage),
    ],
)
def test_a_wrong_header_field_is_a_typed_error(changes: dict[str, Any], error: type[WireError]) -> None:
    with pytest.raises(error):
        unpack(frames_of(header(**changes)))


def test_an_error_names_the_message_once_its_id_is_known() -> None:
    with pytest.raises(WireError) as caught:
        unpack(frames_of(header(op="?")))
    assert caught.value.request_id == ID
    with pytest.raises(WireError) as caught:
        unpack(frames_of(header(id="?")))
    assert caught.value.request_id is None


def raw(**changes: Any) -> dict[str, Any]:
    return {
        "name": "p", "kind": "raw", "bytes": 12, "dtype": "<f2", "shape": [2, 3], "space": None, **changes
    }  # fmt: skip


@pytest.mark.parametrize(
    "described",
    [
        raw(bytes=11),
        raw(bytes=-1),
        raw(bytes=True),
        raw(bytes="12"),
        raw(bytes=10**15),
        raw(shape=[2, 2]),
        raw(shape=[-2, -3]),
        raw(shape=[1, 1, 1, 2, 3]),
        raw(shape=6),
        raw(shape=[10**9, 10**9]),
        raw(dtype="<f8"),
        raw(dtype="O"),
        raw(dtype=None),
        raw(space=3),
        raw(name="../x"),
        raw(name=""),
        raw(kind="pickle"),
        raw(extra=1),
        {"name": "p", "kind": "raw", "bytes": 12},
        {"name": "p", "kind": "json", "bytes": 12, "dtype": "<f2"},
        {"name": "p", "kind": "json", "bytes": 13},
    ],
)
def test_a_buffer_that_is_not_as_described_is_refused(described: dict[str, Any]) -> None:
    assert unpack(frames_of(header(bufs=[raw()]), bytes(12))).buffers["p"].shape == (2, 3)
    with pytest.raises(WireError):
        unpack(frames_of(header(bufs=[described]), bytes(12)))


def test_a_missing_an_extra_and_a_doubled_buffer_are_refused() -> None:
    one = {"name": "a", "kind": "json", "bytes": 2}
    for described, buffers in (
        ([one], []),
        ([], [b"{}"]),
        ([one], [b"{}", b"{}"]),
        ([one, one], [b"{}"] * 2),
    ):
        with pytest.raises(BadMessage):
            unpack(frames_of(header(bufs=described), *buffers))


@pytest.mark.parametrize(
    "text",
    [
        b"NaN", b"Infinity", b"-Infinity", b"1e999", b"[1e400]", b'{"a":1,"a":2}', b'{"x":{"a":1,"a":1}}',
        b'"\\ud800"', b'{"\\udfff":1}', b"9223372036854775808", b"-9223372036854775809",
        b"[" * 100 + b"]" * 100, b"", b"{", b"[1,]", b"'a'", b"\xff", b"\xef\xbb\xbf{}", b"nul",
    ],
)  # fmt: skip
def test_json_is_read_strictly(text: bytes) -> None:
    with pytest.raises(BadMessage):
        strict_json(text)


def test_good_json_is_read() -> None:
    assert strict_json(b"[" * 64 + b"]" * 64) is not None
    assert strict_json('"\\ud83d\\ude00 ü"'.encode()) == "\U0001f600 ü"
    assert strict_json(b"[9223372036854775807,-9223372036854775808,1e308]")[0] == 2**63 - 1


def test_the_json_of_a_pixel_buffer_is_refused() -> None:
    with pytest.raises(BadMessage, match="not JSON"):
        Buffer(b"[]", "raw", "|u1", (2,)).json()


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=6))
def test_arbitrary_frames_raise_nothing_but_wire_errors(frames: list[bytes]) -> None:
    for candidate in (frames, [MAGIC, *frames]):
        with pytest.raises(WireError):
            unpack(candidate)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(header())), JSON_VALUES)
def test_a_valid_header_with_one_field_replaced_is_read_or_a_wire_error(key: str, value: Any) -> None:
    try:
        message = unpack(frames_of(header(**{key: value})))
    except WireError:
        return
    assert message.op


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 400), st.integers(0, 255))
def test_a_flipped_byte_is_read_or_a_wire_error(position: int, byte: int) -> None:
    frames = pack(Message("submit", {"spec": {"a": [1, 2, 3]}}, buffers={"x": Buffer.of_json({"k": "v"})}))
    damaged = bytearray(frames[1])
    damaged[position % len(damaged)] = byte
    try:
        message = unpack([frames[0], bytes(damaged), frames[2]])
    except WireError:
        return
    assert message.op


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXTS, JSON_VALUES, max_size=4))
def test_every_sendable_body_comes_back(body: dict[str, Any]) -> None:
    assert unpack(pack(Message("ok", body))).body == body


def test_bulk_fields_travel_beside_the_header() -> None:
    frames = ",".join(str(frame) for frame in range(1001, 3001, 3))
    spec = JobSpec("/p/a.%04d.exr", frames, ("bfr",), "/p/o.%04d.exr")
    plain, buffers = split_bulk(spec)
    assert plain["frames"] == "" and set(buffers) == {"plate.frames"}
    assert JobSpec.from_json(join_bulk(plain, buffers)) == spec


def test_a_bulk_field_that_comes_twice_or_is_unknown_is_refused() -> None:
    with pytest.raises(BadMessage, match="header and in the buffer"):
        join_bulk({"frames": "1-5"}, {"plate.frames": Buffer.of_json("1-9")})
    with pytest.raises(BadMessage, match=r"no buffer mask\.pixels"):
        join_bulk({}, {"mask.pixels": Buffer.of_json(1)})


def test_ids_are_fresh() -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
