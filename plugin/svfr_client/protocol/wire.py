"""The framing of ``SVFR/1``: one multipart message to frames and back. Specified in ``plugin/PROTOCOL.md``.

A message is ``magic | header | buffer frames``. The header is strict JSON; bulk data travels beside it in
named buffers, JSON for masks and frame lists, raw for pixels. Everything that arrives is checked here
before anybody looks at it: lengths, counts, JSON (no NaN, no duplicate keys, no depth bombs), buffer
sizes. Nothing here opens a socket.
"""

import json
import math
import re
import uuid
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Dict, List, Mapping, NoReturn, Optional, Sequence, Tuple

from ..errors import BadMessage, MessageTooLarge, WrongVersion
from ..reasons import in_one_line

MAGIC = b"SVFR/1"
MAJOR = 1
MINOR = 5
KIB = 1024
MIB = 1024 * KIB
MAX_HEADER_BYTES = 64 * KIB
MAX_FRAME_BYTES = 8 * MIB
MAX_MESSAGE_BYTES = 64 * MIB
MAX_BUFFERS = 16
BODY_BUFFER = "body"
LONG_BODY_BYTES = 48 * KIB
MAX_FRAMES = 2 + MAX_BUFFERS + MAX_MESSAGE_BYTES // MAX_FRAME_BYTES
MAX_DEPTH = 64
ITEM_BYTES = {"|u1": 1, "<u2": 2, "<i4": 4, "<f2": 2, "<f4": 4}
_HEADER_KEYS = {"v", "id", "re", "op", "body", "bufs"}
_BUFFER_KEYS = {"name", "kind", "bytes", "dtype", "shape", "space"}
_ID = re.compile(r"[0-9a-f]{32}\Z")
_OP = re.compile(r"[a-z][a-z_]{0,31}\Z")
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}\Z")
_INT64 = 2**63
_OPENS = ord("[")
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


@dataclass(frozen=True)
class Buffer:
    """Bulk data beside the header.

    ``kind`` "json": UTF-8 JSON. ``kind`` "raw": little-endian array of ``dtype`` (see ``ITEM_BYTES``) and
    ``shape``, C order, in colour space ``space``.
    """

    data: bytes
    kind: str = "json"
    dtype: Optional[str] = None
    shape: Tuple[int, ...] = ()
    space: Optional[str] = None

    @classmethod
    def of_json(cls, value: Any) -> "Buffer":
        """Return a "json" buffer that holds ``value``."""
        return cls(_dump(value))

    def json(self) -> Any:
        """Return the value of a "json" buffer; raises :class:`BadMessage` if it is not strict JSON."""
        if self.kind != "json":
            raise BadMessage("The buffer is not JSON.")
        return strict_json(self.data)


@dataclass(frozen=True)
class Message:
    """One request, reply or event: ``op`` says what, ``id`` which, ``re`` what it answers."""

    op: str
    body: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: new_id())
    re: Optional[str] = None
    buffers: Mapping[str, Buffer] = field(default_factory=dict)
    minor: int = MINOR


def new_id() -> str:
    """Return a fresh random id: 32 lower-case hexadecimal digits."""
    return uuid.uuid4().hex


def pack(message: Message) -> List[bytes]:
    """Return the frames of ``message``.

    A body over ``LONG_BODY_BYTES`` travels as the first buffer, named "body"; buffers longer than
    ``MAX_FRAME_BYTES`` take several consecutive frames. Raises :class:`MessageTooLarge` before anything is
    sent: an oversized frame would be dropped by the peer together with the connection, without an error
    on this side.
    """
    body: Mapping[str, Any] = message.body
    buffers = dict(message.buffers)
    written = _dump(body)
    if len(written) > LONG_BODY_BYTES:
        body, buffers = {}, {BODY_BUFFER: Buffer(written), **buffers}
    header = _dump(
        {
            "v": [MAJOR, message.minor],
            "id": message.id,
            "re": message.re,
            "op": message.op,
            "body": body,
            "bufs": [_describe(name, buffer) for name, buffer in buffers.items()],
        }
    )
    total = sum(len(buffer.data) for buffer in buffers.values())
    if total > MAX_MESSAGE_BYTES or len(buffers) > MAX_BUFFERS or len(header) > MAX_HEADER_BYTES:
        raise MessageTooLarge(
            f"A header of {len(header)} bytes with {len(buffers)} buffers of {total} bytes is over the limit "
            f"of {MAX_HEADER_BYTES} bytes, {MAX_BUFFERS} buffers, {MAX_MESSAGE_BYTES} bytes.",
            remedy="Send paths in place of pixels, or simpler masks.",
        )
    frames = [MAGIC, header]
    for buffer in buffers.values():
        starts = range(0, max(len(buffer.data), 1), MAX_FRAME_BYTES)
        frames += [buffer.data[start : start + MAX_FRAME_BYTES] for start in starts]
    return frames


def unpack(frames: Sequence[bytes]) -> Message:
    """Return the message in ``frames``.

    Raises :class:`WrongVersion` for another magic or major version, :class:`MessageTooLarge` beyond a
    limit and :class:`BadMessage` for everything else; the error's ``request_id`` holds the message's id
    once that is known, so that the answer can name it.
    """
    _check_sizes(frames)
    header = strict_json(bytes(frames[1]))
    if not isinstance(header, dict):
        raise BadMessage("The header is not a JSON object.")
    request_id = header.get("id")
    if not isinstance(request_id, str) or not _ID.match(request_id):
        raise BadMessage("The header's id is not 32 lower-case hexadecimal digits.")
    try:
        _check_header(header)
        buffers = _join_buffers(header["bufs"], frames[2:])
        body = _take_body(header["body"], buffers)
    except (BadMessage, WrongVersion, MessageTooLarge) as problem:
        problem.request_id = request_id
        raise
    return Message(
        op=header["op"], body=body, id=request_id, re=header["re"], buffers=buffers, minor=header["v"][1]
    )


def strict_json(data: bytes) -> Any:
    """Return the JSON value in ``data``.

    Stricter than Python's default: UTF-8, no NaN or infinity (nor numbers that overflow to it), integers
    within 64 bits, no duplicate keys, no lone surrogates, at most ``MAX_DEPTH`` levels. Raises
    :class:`BadMessage`.
    """
    try:
        value = json.loads(
            data.decode("utf-8"),
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_small_int,
            object_pairs_hook=_unique_keys,
        )
        if b"\\u" in data:  # an escape may spell half a surrogate pair, which no UTF-8 text can hold
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except RecursionError:
        raise BadMessage(f"The JSON is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError as problem:
        raise BadMessage(f"This is not strict JSON: {str(problem)[:200]}.") from None
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH and _depth(data) > MAX_DEPTH:
        raise BadMessage(f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    return value


def _dump(value: Any) -> bytes:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    except (TypeError, ValueError, RecursionError) as problem:
        raise BadMessage(f"The value cannot be sent as JSON: {in_one_line(problem)}.") from problem


def _describe(name: str, buffer: Buffer) -> Dict[str, Any]:
    described: Dict[str, Any] = {"name": name, "kind": buffer.kind, "bytes": len(buffer.data)}
    if buffer.kind == "raw":
        described.update(dtype=buffer.dtype, shape=list(buffer.shape), space=buffer.space)
    return described


def _check_sizes(frames: Sequence[bytes]) -> None:
    if not frames or not frames[0].startswith(b"SVFR/"):
        raise BadMessage("This is not an SVFR message.")
    if frames[0] != MAGIC:
        asked = bytes(frames[0][:16]).decode("ascii", "replace")
        raise WrongVersion(
            f"The message speaks {asked}, this side speaks {MAGIC.decode('ascii')}.",
            remedy="Update the older of plugin and server.",
        )
    if len(frames) < 2:
        raise BadMessage("The message has no header.")
    if len(frames) > MAX_FRAMES:
        raise MessageTooLarge(f"The message has {len(frames)} frames, more than {MAX_FRAMES}.")
    if len(frames[1]) > MAX_HEADER_BYTES:
        raise MessageTooLarge(f"The header has {len(frames[1])} bytes, more than {MAX_HEADER_BYTES}.")
    if any(len(frame) > MAX_FRAME_BYTES for frame in frames):
        raise MessageTooLarge(f"A frame has more than {MAX_FRAME_BYTES} bytes.")
    if sum(len(frame) for frame in frames[2:]) > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"The buffers have more than {MAX_MESSAGE_BYTES} bytes together.")


def _check_header(header: Dict[str, Any]) -> None:
    unknown, missing = sorted(set(header) - _HEADER_KEYS), sorted(_HEADER_KEYS - set(header))
    if unknown or missing:
        raise BadMessage(
            f"The header's keys are wrong: unknown {', '.join(unknown)[:200] or 'none'}, "
            f"missing {', '.join(missing) or 'none'}."
        )
    version, answered, op = header["v"], header["re"], header["op"]
    if not isinstance(version, list) or len(version) != 2 or not all(type(n) is int for n in version):
        raise BadMessage("The header's v is not [major, minor].")
    if version[0] != MAJOR or version[1] < 0:
        raise WrongVersion(
            f"The message speaks {version[0]}.{version[1]}, this side speaks {MAJOR}.{MINOR}.",
            remedy="Update the older of plugin and server.",
        )
    if answered is not None and not (isinstance(answered, str) and _ID.match(answered)):
        raise BadMessage("The header's re is neither null nor an id.")
    if not isinstance(op, str) or not _OP.match(op):
        raise BadMessage("The header's op is not a lower-case word.")
    if not isinstance(header["body"], dict):
        raise BadMessage("The header's body is not an object.")
    if not isinstance(header["bufs"], list):
        raise BadMessage("The header's bufs is not a list.")
    if len(header["bufs"]) > MAX_BUFFERS:
        raise MessageTooLarge(f"The message has more than {MAX_BUFFERS} buffers.")


def _join_buffers(described: List[Any], frames: Sequence[bytes]) -> Dict[str, Buffer]:
    buffers: Dict[str, Buffer] = {}
    next_frame = 0
    for entry in described:
        name, length = _check_buffer(entry)
        if name in buffers:
            raise BadMessage(f"The buffer {name} comes twice.")
        count = max(1, math.ceil(length / MAX_FRAME_BYTES))
        parts = [bytes(frame) for frame in frames[next_frame : next_frame + count]]
        next_frame += count
        wanted = [min(MAX_FRAME_BYTES, length - start) for start in range(0, max(length, 1), MAX_FRAME_BYTES)]
        if [len(part) for part in parts] != wanted:
            raise BadMessage(f"The buffer {name} should have {length} bytes in {count} frames.")
        shape = tuple(entry.get("shape") or ())
        data = parts[0] if count == 1 else b"".join(parts)
        buffers[name] = Buffer(
            data=data, kind=entry["kind"], dtype=entry.get("dtype"), shape=shape, space=entry.get("space")
        )
    if next_frame != len(frames):
        raise BadMessage(f"The message has {len(frames)} buffer frames, its header describes {next_frame}.")
    return buffers


def _take_body(body: Dict[str, Any], buffers: Dict[str, Buffer]) -> Dict[str, Any]:
    if BODY_BUFFER not in buffers:
        return body
    long_body = buffers.pop(BODY_BUFFER).json()
    if body or not isinstance(long_body, dict):
        raise BadMessage("The buffer body is not an object, or the header has a body as well.")
    return long_body


def _check_buffer(entry: Any) -> Tuple[str, int]:
    if not isinstance(entry, dict) or not {"name", "kind", "bytes"} <= set(entry) <= _BUFFER_KEYS:
        raise BadMessage("A buffer is described by name, kind, bytes and, if raw, dtype, shape, space.")
    name, kind, length = entry["name"], entry["kind"], entry["bytes"]
    if not isinstance(name, str) or not _NAME.match(name):
        raise BadMessage("A buffer's name is not lower-case words with dots.")
    if type(length) is not int or length < 0:
        raise BadMessage(f"The buffer {name} has no length in bytes.")
    if length > MAX_MESSAGE_BYTES:
        raise MessageTooLarge(f"The buffer {name} is longer than {MAX_MESSAGE_BYTES} bytes.")
    if kind == "json" and set(entry) == {"name", "kind", "bytes"}:
        return name, length
    if kind != "raw" or set(entry) != _BUFFER_KEYS:
        raise BadMessage(f"The buffer {name} is neither a plain json nor a raw one with dtype, shape, space.")
    dtype, shape, space = entry["dtype"], entry["shape"], entry["space"]
    good_shape = isinstance(shape, list) and len(shape) <= 4 and all(type(n) is int and n > 0 for n in shape)
    if dtype not in ITEM_BYTES or not good_shape or not (space is None or isinstance(space, str)):
        raise BadMessage(f"The buffer {name} has a wrong dtype, shape or space.")
    if math.prod(shape) * ITEM_BYTES[dtype] != length:
        raise BadMessage(
            f"The buffer {name} of shape {shape} and dtype {dtype} does not have {length} bytes."
        )
    return name, length


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("a number is too large")
    return number


def _small_int(text: str) -> int:
    if len(text) > 20 or not -_INT64 <= int(text) < _INT64:
        raise ValueError("an integer does not fit 64 bits")
    return int(text)


def _unique_keys(pairs: List[Tuple[str, Any]]) -> Dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("an object has the same key twice")
    return result


def _depth(data: bytes) -> int:
    """Return how deep lists and objects are nested in a JSON text that was read."""
    without_escapes = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = b"".join(without_escapes.split(b'"')[::2]).translate(_ONE_KIND, _NO_BRACKETS)
    return max(accumulate(1 if byte == _OPENS else -1 for byte in brackets), default=0)
