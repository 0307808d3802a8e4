"""``svfr status --web`` as people run it."""

import json
import signal
import subprocess
import urllib.request

from e2e_command import Command
from server_page_samples import ShownServer


def command(shown: ShownServer, *options: str) -> subprocess.Popen[str]:
    return Command(shown.service.home).start("status", "--web", "--json", *options)


def test_the_command_prints_an_address_that_opens_and_ends_with_ctrl_c(shown: ShownServer) -> None:
    with command(shown) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(told["address"], timeout=30) as page:
            assert b"SVFR server" in page.read() and "token" not in page.url
        running.send_signal(signal.SIGINT)
        try:
            assert running.wait(timeout=60) == 0
        finally:
            running.kill()


def test_a_port_that_is_taken_is_an_error_with_its_remedy(shown: ShownServer) -> None:
    with command(shown, f"--port={shown.server.port}") as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        assert told["code"] == "PORT_TAKEN" and "another port" in told["remedy"]
        assert running.wait(timeout=60) == told["exit_code"] != 0
