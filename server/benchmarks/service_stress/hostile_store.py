"""What once lost jobs: damage to the store, the lock and the log, drains, and jobs of other versions."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import time

from benchmarks.service_stress.hostile_service import HostileService
from svfr.validation import read_json
from svfr_client.protocol.wire import new_id


def store_overwritten(service: HostileService) -> str:
    """S5 the job store overwritten while the service runs."""
    _twenty_jobs(service)
    (service.home / "jobs.sqlite").write_bytes(b"x" * 4096)
    time.sleep(5.0)
    service.ask("ping")
    return _restarted(service)


def store_deleted(service: HostileService) -> str:
    """S5 the job store and its log deleted while the service runs."""
    _twenty_jobs(service)
    for file in service.home.glob("jobs.sqlite*"):
        file.unlink()
    time.sleep(5.0)
    service.ask("ping")
    return _restarted(service)


def log_cut(service: HostileService) -> str:
    """S5 the store's log cut in half, after a kill."""
    _twenty_jobs(service)
    assert service.process is not None
    service.process.kill()
    service.process.wait()
    log = service.home / "jobs.sqlite-wal"
    if log.exists():
        os.truncate(log, log.stat().st_size // 2)
    service.start()
    return f"{_known_jobs(service)} of 20 jobs known after a restart"


def lock_removed(service: HostileService) -> str:
    """S5 the lock file removed, a second service started."""
    (service.home / "server.lock").unlink(missing_ok=True)
    command = [sys.executable, "-m", "svfr_server", "--device", "cpu", "--idle-exit", "5"]
    process = service.run_beside(command, stderr=subprocess.DEVNULL)
    try:
        code = process.wait(20.0)
        found = f"it was refused (code {code})"
    except subprocess.TimeoutExpired:
        found = "a second one RUNS"
        process.kill()
        process.wait()
    return found + ("" if service.ask("ping", give_up_s=10.0) else ", the first is not found any more")


def pause_and_drain(service: HostileService) -> str:
    """S5 pause, drain, start."""
    service.ask("pause")
    service.ask("drain")
    assert service.process is not None
    with contextlib.suppress(subprocess.TimeoutExpired):
        service.process.wait(30.0)
    service.stop()
    service.start()
    answer = service.ask("ping")
    return f"the queue is {answer.body.get('queue') if answer else 'silent'}"


def idle_drains(service: HostileService) -> str:
    """S5 ten drains of an idle service, and a known job handed in during one."""
    lost = 0
    for _ in range(10):
        lost += service.ask("drain", give_up_s=10.0) is None
        assert service.process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            service.process.wait(30.0)
        service.stop()
        service.start()
    return f"{lost} of 10 answers lost"


def redo_of_another(service: HostileService) -> str:
    """S5 a redo of another client's job."""
    service.ask("pause")
    job = service.submit()
    keys = service.authorise("other")
    body = {"job": new_id(), "of": job, "frames": "1", "output": None, "seed": None}
    answer = service.ask("redo", body, keys=keys)
    return "no answer" if answer is None else "accepted" if answer.op == "ok" else str(answer.body["code"])


def waiting_job_of_tomorrow(service: HostileService) -> str:
    """S1 a waiting job whose spec has a field that this version does not know."""
    service.ask("pause")
    job = service.submit()
    service.stop()
    with contextlib.closing(sqlite3.connect(service.home / "jobs.sqlite")) as store, store:
        (spec,) = store.execute("SELECT spec FROM jobs WHERE job = ?", (job,)).fetchone()
        changed = json.dumps({**read_json(spec), "tomorrow": 1})
        store.execute("UPDATE jobs SET spec = ? WHERE job = ?", (changed, job))
    service.start()
    service.ask("resume")
    time.sleep(10.0)
    return f"the service {'lives' if service.lives and service.ask('ping', give_up_s=10.0) else 'ended'}"


def _known_jobs(service: HostileService) -> str:
    answer = service.ask("list", {"limit": 100, "active_only": False})
    return "no answer" if answer is None else str(len(answer.body["jobs"]))


def _restarted(service: HostileService) -> str:
    service.stop()
    try:
        service.start()
    except RuntimeError:
        return "it does not start again"
    return f"{_known_jobs(service)} of 20 jobs known after a restart"


def _twenty_jobs(service: HostileService) -> None:
    service.ask("pause")
    for _ in range(20):
        service.submit()
