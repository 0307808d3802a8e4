"""Check requests for one supervisor: ``python -m svfr_server.checking.main``, started by the supervisor only.

Reading megabytes of masks takes seconds, and a path on a share that is gone takes as long as the share likes.
The supervisor therefore passes on, unread, every long message and every request for a job. This process
answers with what the queue needs to know, or with what is wrong. What takes longer than a slice of time is
answered with GO_ON, and gone on with when the supervisor says so. Nothing is lost with the process: the
supervisor ends it when a request takes too long, starts another, and begins anew with what was under way.
"""

import gc
import json
import logging
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import zmq

from svfr.validation import read_json
from svfr_client.connection import KeyPair
from svfr_client.errors import MessageTooLarge, SvfrError, WireError, raise_problems
from svfr_client.job import JobSpec
from svfr_client.job_checks import job_problems
from svfr_client.protocol.messages import Redo
from svfr_client.protocol.wire import unpack
from svfr_client.records import from_plain, to_plain
from svfr_client.sequences import has_frame_field, pattern_of_file
from svfr_server.checking.bounds import DROP, GO_ON, SLICE_SECONDS, bounded_error, check_counts
from svfr_server.checking.model_offers import offered_models
from svfr_server.checking.requests import read_request
from svfr_server.checking.transfer_requests import answer_transfer
from svfr_server.errors import InternalFailure
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.folders import specs_folder, store_file
from svfr_server.job_store.spec_files import SpecFiles
from svfr_server.job_store.steps import Steps
from svfr_server.job_store.transfers import Transfers
from svfr_server.logs import log_to_stderr
from svfr_server.roots import PathRoots, named_inputs

MOST_MEMORY_BYTES = 3 * 1024**3
# A roto is millions of objects that live until the answer: counting them anew takes as long as reading them.
OBJECTS_BEFORE_COLLECTION = 1_000_000
REDO = b"redo"
TRANSFERS = ("missing", "room", "put", "put_local", "assemble", "compare")
_log = logging.getLogger(__name__)


class Checker:
    """Reads requests and says what they are; ``roots`` is what a job may name, ``specs`` keeps long texts.

    A request that takes its time is done in steps, between which others have their turn.
    """

    def __init__(self, roots: PathRoots, transfers: Transfers, specs: SpecFiles) -> None:
        self._roots = roots
        self._specs = specs
        self._transfers = transfers

    def check(self, kind: bytes, client: str, frames: list[bytes]) -> Steps[dict[str, Any]]:
        """Return what a request is ("body"), or the job it asks for, or its answer ("ok"), or its "error"."""
        request_id: str | None = None
        try:
            if kind == REDO:
                return self._redo(client, Redo(**read_json(frames[0])), frames[1], os.fsdecode(frames[2]))
            check_counts(frames[1:])
            message = unpack(frames)
            request_id = message.id
            request = read_request(message)
            if message.op == "submit":
                return {"id": message.id, **self._job(client, "submit", request.job, request.spec)}
            if message.op == "models":
                return {"id": message.id, "op": message.op, "ok": to_plain(offered_models())}
            if message.op in TRANSFERS:
                reply = yield from answer_transfer(self._transfers, self._roots, client, request)
                return {"id": message.id, "op": message.op, "ok": to_plain(reply)}
            return {"id": message.id, "op": message.op, "body": to_plain(request)}
        except WireError as problem:
            return {"id": request_id or problem.request_id, "error": bounded_error(problem)}
        except SvfrError as problem:
            return {"id": request_id, "error": bounded_error(problem)}
        except (MemoryError, RecursionError):
            return {"id": request_id, "error": MessageTooLarge("The request holds too much.").to_dict()}
        except Exception as problem:
            _log.exception("a request could not be checked")
            text = f"The request could not be checked: {type(problem).__name__}."
            failure = InternalFailure(text, remedy="See the server's log.")
            return {"id": request_id, "error": bounded_error(failure)}

    def _redo(self, client: str, redo: Redo, former_text: bytes, written: str) -> dict[str, Any]:
        """Make a job of some frames of a former one, in its context.

        ``written`` is a file that the former job wrote, which may be of a version of its output; "" for none.
        """
        former = JobSpec.from_json(read_json(former_text))
        output = redo.output or _output_of(former, written)
        spec = replace(
            former,
            frames=redo.frames,
            context=former.context or former.frames,
            write_handles=False,
            existing=redo.existing or "overwrite",
            output=output,
            seed=former.seed if redo.seed is None else redo.seed,
        )
        raise_problems(job_problems(spec))
        return {"id": None, **self._job(client, "redo", redo.job, spec)}

    def _job(self, client: str, op: str, job: str, spec: JobSpec) -> dict[str, Any]:
        raise_problems(self._roots.problems(spec))
        refusal = self._transfers.foreign_path(client, [*named_inputs(spec), spec.output])
        if refusal is not None:
            raise refusal
        entry = JobEntry.of(spec)
        return {"op": op, "job": job, "entry": vars(replace(entry, spec=self._specs.put(job, entry.spec)))}


def _output_of(former: JobSpec, written: str) -> str:
    """Return where a job's frames are, of which ``written`` is one; where they were to be, without."""
    if not written:
        return former.output
    if not has_frame_field(former.output):
        return written
    return pattern_of_file(written, like=former.output) or former.output


def serve(start: dict[str, Any]) -> None:
    """Answer what the supervisor passes on, one request after the other."""
    names = ("read_roots", "write_roots", "protected", "transfers")
    roots = PathRoots(*(tuple(map(Path, start[name])) for name in names))
    home = Path(start["home"])
    checker = Checker(roots, Transfers(home), SpecFiles(specs_folder(store_file(home))))
    keys = from_plain(KeyPair, start["keys"], "keys")
    link = zmq.Context().socket(zmq.DEALER)
    link.linger = 0
    link.curve_serverkey = str(start["server_key"]).encode("ascii")
    link.curve_publickey = keys.public.encode("ascii")
    link.curve_secretkey = keys.secret.encode("ascii")
    link.connect(str(start["endpoint"]))
    link.send_multipart([b"ready"])
    under_way: dict[bytes, Steps[dict[str, Any]]] = {}
    while True:
        token, kind, client, *frames = link.recv_multipart()
        work = under_way.pop(token, None)
        if kind == DROP:
            if work is not None:
                work.close()
            continue
        if work is None:
            work = checker.check(kind, client.decode("ascii"), frames)
        answer = _answer_soon(work)
        if answer is None:
            under_way[token] = work
            link.send_multipart([token, GO_ON])
            continue
        link.send_multipart([token, json.dumps(answer).encode("ascii")])


def _answer_soon(work: Steps[dict[str, Any]]) -> dict[str, Any] | None:
    """Work for a little while and return the answer; None if it takes longer."""
    ends_at = time.monotonic() + SLICE_SECONDS
    try:
        while time.monotonic() < ends_at:
            next(work)
    except StopIteration as end:
        answer: dict[str, Any] = end.value
        return answer
    return None


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    except (ImportError, OSError, ValueError):
        _log.warning("the memory of this process is not limited")


def _end_with_supervisor() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def main() -> None:
    """Run the process that the supervisor described on the standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start = read_json(sys.stdin.buffer.readline())
    log_to_stderr()
    _limit_memory()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION, 10, 10)
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    serve(start)


if __name__ == "__main__":
    main()
