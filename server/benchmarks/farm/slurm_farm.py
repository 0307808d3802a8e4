"""A real Slurm of one controller and three nodes on this machine, for as long as a test takes.

Everything lies in one folder and runs as the user who tests: ``auth/none`` on the loopback, no munge. Each
node says that it has two GPUs (two device files that exist everywhere), so that ``--gres`` is real.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo")
PACKAGES = ("slurmctld", "slurmd", "slurm-client")
NODES = (1, 2, 3)
_CONF = """\
ClusterName={cluster}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/ctl.slurm.pid
SlurmdPidFile={folder}/run/%n.slurm.pid
SlurmctldLogFile={folder}/log/ctl.log
SlurmdLogFile={folder}/log/%n.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU,CR_LLN
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_min_interval=100000,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=5
SlurmctldTimeout=10
MessageTimeout=10
InactiveLimit=0
KillWait=1
MinJobAge=3600
JobRequeue=1
GresTypes=gpu
"""


def install() -> None:
    """Install Debian's packages where they are missing and this user may; fail plainly where not."""
    if all(map(_found, PROGRAMS)):
        return
    command = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
    subprocess.run(["apt-get", "update", "-q"], check=False, capture_output=True)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    missing = [name for name in PROGRAMS if not _found(name)]
    assert not missing, f"Slurm is missing ({', '.join(missing)}): {' '.join(command)}\n{done.stderr[-800:]}"


def _found(name: str) -> bool:
    return shutil.which(name, path=_search_path()) is not None


def _search_path() -> str:
    return os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"


class SlurmFarm:
    """The running farm; ``environment`` is what its client programs need."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = _free_ports(1 + len(NODES))
        self._cluster = f"svfrtest{self._ports[0]}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = dict(
            os.environ, SLURM_CONF=str(folder / "slurm.conf"), PATH=_search_path(), OMP_NUM_THREADS="1"
        )

    def __enter__(self) -> SlurmFarm:
        for name in ("run", "log", "state", *(f"spool/n{i}" for i in NODES)):
            (self._folder / name).mkdir(parents=True)
        self._write_conf()
        self._start("ctl", ["slurmctld", "-D", "-c", "-f", self.environment["SLURM_CONF"]])
        for i in NODES:
            self.start_node(f"n{i}")
        deadline = time.monotonic() + 60
        while self.ask("sinfo", "-h", "-N", "-t", "idle", "-o", "%N").count("\n") < len(NODES):
            assert time.monotonic() < deadline, "the nodes did not come up: " + self._log_tail()
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self._kill(self._job_processes())
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._kill(self._job_processes())

    def ask(self, *command: str) -> str:
        """Run a client program and return what it says."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout

    def kill_node(self, name: str) -> None:
        """Take a node away as a power cut does: its daemon, the managers of its jobs, and the jobs.

        In this order: a manager that outlives its job tells the controller that the job failed.
        """
        jobs = self._job_processes(name)
        self._processes.pop(name).kill()
        self._kill([parent for parent in map(_parent, jobs) if _name(parent).startswith("slurmstepd")])
        self._kill(jobs)

    def start_node(self, name: str) -> None:
        """Bring a node that was killed back."""
        self._start(name, ["slurmd", "-D", "-N", name, "-f", self.environment["SLURM_CONF"]])

    def orphans(self) -> list[int]:
        """Return the processes of jobs that are alive."""
        return self._job_processes()

    def _start(self, name: str, command: list[str]) -> None:
        with (self._folder / "log" / f"{name}.out").open("ab") as output:
            self._processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=self.environment
            )

    def _write_conf(self) -> None:
        values = {
            "cluster": self._cluster,
            "host": socket.gethostname().split(".")[0],
            "port": self._ports[0],
            "user": getpass.getuser(),
            "folder": self._folder,
        }
        lines = [_CONF.format(**values)]
        for i in NODES:
            place = f"NodeName=n{i} NodeHostname=n{i} NodeAddr=127.0.0.1 Port={self._ports[i]}"
            lines.append(f"{place} CPUs=4 RealMemory=4000 Gres=gpu:2 State=UNKNOWN\n")
        lines.append("PartitionName=render Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n")
        (self._folder / "slurm.conf").write_text("".join(lines))
        (self._folder / "gres.conf").write_text("Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n")

    def _job_processes(self, node: str | None = None) -> list[int]:
        """Return processes by the environment that Slurm gives a job: orphans too, and nobody else's."""
        wanted = [f"SLURM_CLUSTER_NAME={self._cluster}".encode()]
        wanted += [f"SLURMD_NODENAME={node}".encode()] if node else []
        conf = f"SLURM_CONF={self.environment['SLURM_CONF']}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                own = (process / "environ").read_bytes().split(b"\0")
                name = (process / "comm").read_text().strip()
            except OSError:
                continue
            is_step = name.startswith("slurmstepd") and conf in own and node is None
            if all(entry in own for entry in wanted) or is_step:
                found.append(int(process.name))
        return found

    def _kill(self, processes: list[int]) -> None:
        for number in processes:
            if number != os.getpid():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)

    def _log_tail(self) -> str:
        return "\n".join(path.read_text()[-500:] for path in (self._folder / "log").iterdir())


def _parent(process: int) -> int:
    """Return the parent's number, or 0 when the process is gone."""
    try:
        return int((Path("/proc") / str(process) / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _name(process: int) -> str:
    try:
        return (Path("/proc") / str(process) / "comm").read_text().strip()
    except OSError:
        return ""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
