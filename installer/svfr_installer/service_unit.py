"""Start the server whenever the user logs in: a systemd user unit, a launch agent, or words for Windows."""

import plistlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import HostRefused
from .machine import Machine, command_text
from .plan import FileChange, Plan

NAME = "svfr.service"
LABEL = "studio.svfr.server"


def plan_install(machine: Machine, python: str, arguments: Sequence[str] = ()) -> Plan:
    """Return the plan that writes the service's file, for Linux and macOS.

    ``arguments`` are those of ``python -m svfr_server``. Raises PlatformNotSupported on Windows.
    """
    command = [python, "-m", "svfr_server", *arguments]
    home = machine.environment.get("SVFR_HOME", "")
    text = systemd_unit(command, home) if machine.system == "linux" else launch_agent(command, home)
    return Plan((FileChange(machine.service_file(), text.encode()),))


def plan_remove(machine: Machine) -> Plan:
    """Return the plan that removes the service's file."""
    return Plan((FileChange(machine.service_file(), None),))


def systemd_unit(command: Sequence[str], home: str = "") -> str:
    """Return a systemd user unit; see systemd.service(5) and systemd.exec(5)."""
    environment = f"Environment={_systemd_quoted('SVFR_HOME=' + home)}\n" if home else ""
    return (
        "[Unit]\n"
        "Description=SVFR Studio server\n"
        "\n"
        "[Service]\n"
        f"ExecStart={' '.join(map(_systemd_quoted, command))}\n"
        f"{environment}"
        "Restart=on-failure\n"
        "RestartSec=5\n"
        "\n"
        "[Install]\n"
        "WantedBy=default.target\n"
    )


def launch_agent(command: Sequence[str], home: str = "") -> str:
    """Return a launchd property list; see launchd.plist(5)."""
    agent: dict[str, object] = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
    }
    if home:
        agent["EnvironmentVariables"] = {"SVFR_HOME": home}
    return plistlib.dumps(agent).decode()


def windows_words(command: Sequence[str]) -> list[str]:
    """Return what a Windows user types to have and to lose the service."""
    run = subprocess.list2cmdline(list(command))
    quoted = run.replace('"', '\\"')
    return [
        "Windows has no per-user services. This command starts the server at every logon:",
        f'  schtasks /Create /TN "SVFR Studio" /SC ONLOGON /TR "{quoted}"',
        "and this one takes that back:",
        '  schtasks /Delete /TN "SVFR Studio" /F',
    ]


def start_commands(machine: Machine, path: Path) -> list[list[str]]:
    """Return the commands that make a written service run."""
    if machine.system == "linux":
        return [
            ["systemctl", "--user", "daemon-reload"],
            ["systemctl", "--user", "enable", "--now", NAME],
        ]
    return [["launchctl", "load", "-w", str(path)]]


def stop_commands(machine: Machine, path: Path) -> list[list[str]]:
    """Return the commands that stop a service before its file is removed."""
    if machine.system == "linux":
        return [["systemctl", "--user", "disable", "--now", NAME]]
    return [["launchctl", "unload", "-w", str(path)]]


def run_all(commands: Sequence[Sequence[str]]) -> list[str]:
    """Run the commands and say what was run; raises HostRefused with the command and what it said."""
    lines: list[str] = []
    for command in commands:
        text = command_text(command)
        if shutil.which(command[0]) is None:
            raise HostRefused(f"{command[0]} is not on this machine.", remedy=f"Run it yourself: {text}")
        answer = subprocess.run(list(command), capture_output=True, text=True, timeout=60, check=False)
        if answer.returncode != 0:
            reason = (answer.stderr or answer.stdout).strip() or f"status {answer.returncode}"
            raise HostRefused(f"{text}: {reason}", remedy=f"Run it yourself in your session: {text}")
        lines.append(f"ran {text}")
    return lines


def _systemd_quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
