"""How a process of the service ends with its supervisor: the input that both share is closed."""

import os
import sys

SUPERVISOR_GONE = 3


def watch_lifeline() -> None:
    """End the process when the supervisor is gone, whatever it is computing."""
    lifeline = sys.stdin.fileno()  # not the buffered reader: its lock would block the interpreter's exit
    while os.read(lifeline, 4096):
        pass
    os._exit(SUPERVISOR_GONE)
