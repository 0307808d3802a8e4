"""Requests as they arrive to the dataclasses they should be; every mistake is named, all at once.

pydantic checks the very classes that clients build, in strict mode: no text where a number belongs, no
unknown field anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from svfr.validation import problems_of
from svfr_client.errors import raise_problems
from svfr_client.job_checks import job_problems
from svfr_client.masks import SplineMask
from svfr_client.protocol.bulk import join_bulk
from svfr_client.protocol.messages import (
    Ack,
    Credit,
    Follow,
    Hello,
    JobRequest,
    ListJobs,
    Nothing,
    Redo,
    Submit,
    check_job_id,
)
from svfr_client.protocol.transfers import (
    AskPieces,
    AskResult,
    AskRoom,
    Assemble,
    CompareFiles,
    PutLocal,
    PutPiece,
    transfer_problems,
)
from svfr_client.protocol.wire import Message
from svfr_client.records import Record, canonical_json
from svfr_server.errors import BadRequest, UnknownOperation

REQUESTS: dict[str, type[Record]] = {
    "hello": Hello,
    "submit": Submit,
    "follow": Follow,
    "unfollow": JobRequest,
    "ack": Ack,
    "credit": Credit,
    "redo": Redo,
    "pause": Nothing,
    "resume": Nothing,
    "drain": Nothing,
    "status": JobRequest,
    "cancel": JobRequest,
    "list": ListJobs,
    "ping": Nothing,
    "models": Nothing,
    "shutdown": Nothing,
    "missing": AskPieces,
    "room": AskRoom,
    "put": PutPiece,
    "put_local": PutLocal,
    "assemble": Assemble,
    "compare": CompareFiles,
    "result": AskResult,
}
MOST_PROBLEMS = 50
MOST_JOBS_LISTED = 1000
_ADAPTERS: dict[str, TypeAdapter[Any]] = {op: TypeAdapter(kind) for op, kind in REQUESTS.items()}


@dataclass(frozen=True)
class ReceivedPiece(PutPiece):
    """A piece with its bytes."""

    data: bytes = b""


def read_request(message: Message) -> Any:
    """Return the dataclass of ``message``'s operation.

    Raises :class:`UnknownOperation`, :class:`BadRequest` for a body of the wrong form (several together as
    SeveralProblems), and whatever is wrong with the values of a job.
    """
    if message.op not in _ADAPTERS:
        raise UnknownOperation(
            f"There is no operation {message.op!r}.", remedy=f"Known: {', '.join(REQUESTS)}."
        )
    if message.op == "submit":
        return _read_submit(message)
    if message.op == "put":
        return _read_piece(message)
    if message.buffers:
        raise BadRequest(f"The operation {message.op} takes no buffers.")
    request = _validate(message.op, message.body)
    _check_numbers(request)
    return request


def _read_piece(message: Message) -> ReceivedPiece:
    data = message.buffers.get("data")
    if data is None or data.kind != "raw" or data.dtype != "|u1" or len(message.buffers) != 1:
        raise BadRequest("A piece comes as the one raw buffer data of bytes.")
    request: PutPiece = _validate("put", message.body)
    raise_problems(transfer_problems(request))
    return ReceivedPiece(request.piece, data.data)


def _read_submit(message: Message) -> Submit:
    body = dict(message.body)
    mask: SplineMask | None = None
    if isinstance(body.get("spec"), dict):
        plain = join_bulk(body["spec"], message.buffers)
        if plain.get("mask_splines") is not None:
            mask = SplineMask.from_json(plain["mask_splines"])
            plain["mask_splines"] = None
        body["spec"] = plain
    submit: Submit = _validate("submit", body)
    check_job_id(submit.job)
    spec = replace(submit.spec, mask_splines=mask)
    raise_problems(job_problems(spec)[:MOST_PROBLEMS])
    return Submit(submit.job, spec)


def _validate(op: str, body: Mapping[str, Any]) -> Any:
    try:
        return _ADAPTERS[op].validate_json(canonical_json(body), strict=True)
    except ValidationError as problem:
        raise_problems(problems_of(problem, BadRequest, body)[:MOST_PROBLEMS])
        raise


def _check_numbers(request: Any) -> None:
    raise_problems(transfer_problems(request))
    if isinstance(request, JobRequest):
        check_job_id(request.job)
    if isinstance(request, Redo):
        check_job_id(request.of)
    counts = {name: value for name, value in vars(request).items() if type(value) is int}
    counts.pop("frame", None)  # shots may begin before 0
    low = {name: value for name, value in counts.items() if value < 0}
    if low:
        raise BadRequest(f"{', '.join(low)} cannot be negative.")
    if isinstance(request, ListJobs) and not 1 <= request.limit <= MOST_JOBS_LISTED:
        raise BadRequest(f"limit is {request.limit}, outside 1 to {MOST_JOBS_LISTED}.")
