"""A process that keeps the models warm for the tasks of one farm session: ``python -m svfr_farm.session``.

``svfr farm session start`` starts it once, tasks find it by ``SVFR_FARM_SESSION``, ``session stop`` ends it.
It listens on this machine only, to whoever can read its private connection file (a fresh key, HMAC), and
carries JSON. Two switches end it when nobody will: its connection file is gone, as it is when the engine
removes a session's folder, or no task has come for ``idle_s`` seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from svfr.validation import read_json, read_json_file
from svfr_client.errors import SvfrError, error_from_dict
from svfr_client.files import make_folder, open_to_append, write_whole
from svfr_client.path_map import PathRule
from svfr_client.reasons import reason_of
from svfr_client.records import to_plain
from svfr_farm.errors import SessionIsGone, TaskFailed
from svfr_farm.plan import read_plan
from svfr_farm.task_state import Step
from svfr_farm.tasks import load_models, run_task
from svfr_restore.reports import Report

VARIABLE = "SVFR_FARM_SESSION"
CONNECTION_FILE = "session.json"
LOG_FILE = "session.log"
IDLE_EXIT_S = 900.0
START_S = 540.0
_POLL_S = 0.5
Send = Callable[[dict[str, Any]], None]


class _Session:
    """The serving side: one task at a time, each client in a thread of its own."""

    def __init__(self, state: Path, idle_s: float) -> None:
        self._path, self._idle_s = state / CONNECTION_FILE, idle_s
        self._key = secrets.token_bytes(32)
        self._listener = Listener(("127.0.0.1", 0), authkey=self._key)
        self._models = load_models()
        self._turn, self._busy = threading.Lock(), 0
        self._last = time.monotonic()

    def serve(self) -> None:
        """Serve until stopped, idle for too long, or without a connection file."""
        body = {"port": self._listener.address[1], "key": self._key.hex(), "pid": os.getpid()}
        write_whole(self._path, json.dumps(body), private=True, durable=False)
        threading.Thread(target=self._accept, daemon=True).start()
        while self._path.exists() and (self._busy or time.monotonic() - self._last < self._idle_s):
            time.sleep(_POLL_S)
        self._path.unlink(missing_ok=True)
        os._exit(0)  # a task of a session that is gone has nobody left to work for

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                continue
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection: Connection) -> None:
        self._last = time.monotonic()
        try:
            order = read_json(connection.recv_bytes())
            if order["op"] == "ping":
                connection.send_bytes(b'{"kind": "pong"}')
            elif order["op"] == "stop":
                connection.send_bytes(b'{"kind": "stopping"}')
                self._path.unlink(missing_ok=True)
            else:
                self._run(connection, order)
        except (OSError, EOFError, ValueError, KeyError, TypeError):
            return
        finally:
            connection.close()
            self._last = time.monotonic()

    def _run(self, connection: Connection, order: dict[str, Any]) -> None:
        gone = threading.Event()

        def watch() -> None:
            with contextlib.suppress(OSError, EOFError):
                connection.recv_bytes()  # "cancel", or the end of the client
            gone.set()

        def on_report(report: Report) -> None:
            if report.kind != "frame" and not gone.is_set():
                connection.send_bytes(json.dumps({"kind": "report", "report": vars(report)}).encode())

        threading.Thread(target=watch, daemon=True).start()
        self._busy += 1
        try:
            with self._turn:
                rules = tuple(PathRule(rule["client"], rule["server"]) for rule in order["rules"])
                run_task(
                    read_plan(Path(order["plan"])),
                    order["step"],
                    int(order["index"]),
                    self._models,
                    path_rules=rules,
                    cancelled=gone.is_set,
                    on_report=on_report,
                )
            answer: dict[str, Any] = {"kind": "done"}
        except SvfrError as problem:
            answer = {"kind": "error", "error": problem.to_dict()}
        except Exception as problem:
            traceback.print_exc()
            text = f"The task failed through an error of the program ({type(problem).__name__})."
            error = TaskFailed(text, remedy="See the session's log.")
            answer = {"kind": "error", "error": error.to_dict()}
        finally:
            self._busy -= 1
        connection.send_bytes(json.dumps(answer).encode())


def start_session(state: Path, idle_s: float = IDLE_EXIT_S) -> Path:
    """Start a session in the folder ``state``, or find the one that runs there; return its connection file.

    Raises SessionIsGone with the end of its log when it does not answer.
    """
    make_folder(state)
    path, log = state.absolute() / CONNECTION_FILE, state / LOG_FILE
    if _answers(path):
        return path
    with open_to_append(log) as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "svfr_farm.session", str(state.absolute()), f"{idle_s:g}"],
            stdin=subprocess.DEVNULL,
            stdout=output,  # a daemon that kept the action's own streams open would never let it end
            stderr=output,
            start_new_session=True,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(folder for folder in sys.path if folder)),
        )
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if _answers(path):
            return path
        time.sleep(0.1)
    tail = log.read_text(encoding="utf-8", errors="replace")[-1500:]
    text = f"The session did not start. It said: {tail.strip() or 'nothing'}"
    raise SessionIsGone(text, path=log, remedy="Put right what it says, then run the job again.")


def stop_session(state: Path) -> None:
    """End the session of a folder; none is no error."""
    path = state.absolute() / CONNECTION_FILE
    try:
        with _connect(path) as connection:
            connection.send_bytes(b'{"op": "stop"}')
            connection.recv_bytes()
    except (SessionIsGone, OSError, EOFError):
        with contextlib.suppress(OSError):  # what lies there is no session's
            path.unlink(missing_ok=True)


def run_in_session(
    path: Path,
    plan: Path,
    step: Step,
    index: int,
    *,
    path_rules: tuple[PathRule, ...],
    cancelled: Callable[[], bool],
    on_report: Callable[[Report], None],
) -> None:
    """Run a task in a session and follow it. Raises what the task raised, and SessionIsGone."""
    order = {
        "op": "run",
        "plan": str(plan.absolute()),
        "step": step,
        "index": index,
        "rules": [to_plain(rule) for rule in path_rules],
    }
    with _connect(path) as connection:
        connection.send_bytes(json.dumps(order).encode())
        was_cancelled = False
        while True:
            if cancelled() and not was_cancelled:
                was_cancelled = True
                connection.send_bytes(b'{"op": "cancel"}')
            try:
                if not connection.poll(0.2):
                    continue
                answer = read_json(connection.recv_bytes())
            except (OSError, EOFError, ValueError) as problem:
                text = "The farm session ended in the middle of a task."
                remedy = (
                    f"Look into {LOG_FILE} beside it; the task goes on where it stopped when it is run again."
                )
                raise SessionIsGone(text, path=path, remedy=remedy) from problem
            if answer["kind"] == "report":
                on_report(Report(**answer["report"]))
            elif answer["kind"] == "error":
                raise error_from_dict(answer["error"])
            else:
                return


def _answers(path: Path) -> bool:
    try:
        with _connect(path) as connection:
            connection.send_bytes(b'{"op": "ping"}')
            connection.recv_bytes()
    except (SessionIsGone, OSError, EOFError):
        return False
    return True


def _connect(path: Path) -> Connection:
    try:
        body = read_json_file(path)
        return Client(("127.0.0.1", int(body["port"])), authkey=bytes.fromhex(body["key"]))
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        TypeError,
        OverflowError,
        AuthenticationError,
    ) as problem:
        hung_up = isinstance(problem, (EOFError, AuthenticationError))
        reason = "it closed the connection" if hung_up else reason_of(problem)
        raise SessionIsGone(
            f"The farm session does not answer: {reason}.",
            path=path,
            remedy=f"Start one with svfr farm session start, or unset {VARIABLE}.",
        ) from problem


if __name__ == "__main__":
    _Session(Path(sys.argv[1]), float(sys.argv[2])).serve()
