"""The queue in words, and that a followed job waits for its turn: at first, and again every minute."""

import contextlib
import time
from collections.abc import Callable
from typing import Any

from svfr_client.errors import SvfrError
from svfr_client.protocol.messages import Event, Pong
from svfr_client.sizes import counted

from .output import Output

# A job that is started at once needs no words.
FIRST_AFTER_SECONDS = 3.0
ASK_EVERY_SECONDS = 5.0
REPEAT_EVERY_SECONDS = 60.0
QUEUE_TEXTS = {
    "open": "waiting jobs are started again.",
    "paused": "no further job is started until svfr resume; what runs goes on.",
    "draining": "no new jobs are taken; the server ends with its last running job.",
}
_WAITS = ("queued", "retry")


def waiting_text(pong: Pong) -> str:
    """Return why a job waits at a server that answers so, and how it goes on."""
    if pong.queue == "paused":
        return "The server's queue is paused: the job waits until svfr resume is run there."
    if pong.queue == "draining":
        return "The server ends with its last running job: this one goes on after its next start."
    if not pong.running and pong.queued <= 1:
        return "The job waits for a worker of the server."
    running, queued = counted(pong.running, "job"), counted(pong.queued, "job")
    return f"The job waits for its turn: running {running}, waiting {queued} with this one (svfr watch)."


class QueueNotice:
    """What is said of one followed job; ``ask`` asks its server, whose silence is no matter here."""

    def __init__(
        self, ask: Callable[[], Pong], output: Output, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ask = ask
        self._output = output
        self._clock = clock
        self._is_waiting = True
        self._ask_at = clock() + FIRST_AFTER_SECONDS
        self._last_text, self._repeat_at = "", 0.0

    def hears(self, event: Event) -> None:
        """Take an event of the job."""
        if event.kind in _WAITS and not self._is_waiting:
            self._last_text, self._ask_at = "", self._clock() + FIRST_AFTER_SECONDS
        if event.kind != "warning":
            self._is_waiting = event.kind in _WAITS

    def passes(self) -> bool:
        """Report what there is to report by now; always true, as it is asked whether to go on."""
        now = self._clock()
        if self._is_waiting and now >= self._ask_at:
            self._ask_at = now + ASK_EVERY_SECONDS
            with contextlib.suppress(SvfrError):
                self._print(self._ask())
        return True

    def _print(self, pong: Pong) -> None:
        text, now = waiting_text(pong), self._clock()
        if text == self._last_text and now < self._repeat_at:
            return
        self._last_text, self._repeat_at = text, now + REPEAT_EVERY_SECONDS
        body: dict[str, Any] = {"queue": pong.queue, "queued": pong.queued, "running": pong.running}
        self._output.result("waiting", body, "")
        self._output.note(text)
