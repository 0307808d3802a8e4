"""Starting a service: once per folder, with a reason when it fails, and without loading torch."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from server_samples import PATIENCE_S, Service

from svfr_client.client import Client
from svfr_client.connection import find_connection
from svfr_client.errors import ServerDoesNotAnswer, SvfrError
from svfr_client.hosting.server_process import find_server
from svfr_client.link import Link
from svfr_server.start import start_local_server
from svfr_server.supervisor.child_process import package_environment


def test_a_second_service_says_who_holds_the_folder(service: Service) -> None:
    environment = dict(package_environment(), SVFR_HOME=str(service.home))
    command = [sys.executable, "-m", "svfr_server", "--device", "cpu"]
    second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 2
    assert f"process {find_connection(service.home).pid}, since" in second.stderr
    with service.client() as client:
        assert client.ping().boot


def test_another_address_needs_client_keys(tmp_path: Path) -> None:
    environment = dict(package_environment(), SVFR_HOME=str(tmp_path / "home"))
    command = [sys.executable, "-m", "svfr_server", "--device", "cpu", "--listen", "0.0.0.0"]
    refused = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert refused.returncode == 1
    assert "svfr key authorize" in refused.stderr


def test_two_starters_at_once_end_up_with_one_service(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from svfr_server.start import start_local_server\n"
        "with start_local_server(Path(sys.argv[1]), arguments=['--device', 'cpu']) as client:\n"
        "    print(client.ping().boot)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "home")]
    starters = [
        subprocess.Popen(command, env=package_environment(), stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    boots = {one.communicate(timeout=60)[0].strip() for one in starters}
    assert len(boots) == 1 and "" not in boots
    with Client(folder=tmp_path / "home") as client:
        client.shutdown()


def test_a_service_that_was_gone_before_its_answer_was_read_has_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "home" / "start.log"
    with start_local_server(tmp_path / "home", arguments=["--device", "cpu"]) as client:
        client.hello()
        receive = Link.receive

        def receive_late(link: Link, deadline: float) -> list[bytes] | None:
            until = time.monotonic() + PATIENCE_S
            while '"stopped"' not in log.read_text(encoding="utf-8") and time.monotonic() < until:
                time.sleep(0.02)
            time.sleep(0.2)  # the answer and the hanging up have both come in
            return receive(link, deadline)

        monkeypatch.setattr(Link, "receive", receive_late)
        client.shutdown()
    assert '"stopped"' in log.read_text(encoding="utf-8") and find_server(tmp_path / "home") is None


def test_a_service_that_is_silent_has_not_stopped(tmp_path: Path) -> None:
    start_local_server(tmp_path / "home", idle_exit_s=30, arguments=["--device", "cpu"]).close()
    pid = find_connection(tmp_path / "home").pid
    with Client(folder=tmp_path / "home", reply_seconds=0.5, attempts=1) as client:
        client.hello()
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(ServerDoesNotAnswer):
                client.shutdown()
        finally:
            os.kill(pid, signal.SIGCONT)


def test_a_service_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(SvfrError, match="A root is not a folder"):
        start_local_server(tmp_path / "home", arguments=["--read-root", str(tmp_path / "gone")])


def test_a_service_on_a_full_disk_says_so(tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
        "from svfr_server.__main__ import main\n"
        "sys.exit(main(['--device', 'cpu']))\n"
    )
    variables = {**package_environment(), "SVFR_HOME": str(tmp_path / "home")}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True)
    assert done.returncode == 1 and "[DISK_FULL]" in done.stderr and "Traceback" not in done.stderr


def test_a_starter_on_a_full_disk_says_so_though_no_log_could_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr("svfr_client.hosting.server_process.shutil.disk_usage", lambda path: full)
    with pytest.raises(SvfrError, match="full"):
        start_local_server(tmp_path / "home", arguments=["--read-root", str(tmp_path / "gone")])


def test_the_supervisor_side_loads_neither_torch_nor_numpy() -> None:
    code = (
        "import sys, time; import svfr_server.supervisor.loop, svfr_server.start, svfr_server.__main__\n"
        "heavy = {'torch', 'numpy', 'diffusers', 'cv2', 'av', 'OpenImageIO', 'PyOpenColorIO'}\n"
        "assert not heavy & set(sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env=package_environment(), capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
