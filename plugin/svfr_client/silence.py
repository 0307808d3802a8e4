"""That a server does not answer is said after some seconds, and until when it is waited for.

The one place for the number and the words; the OpenFX plugin has the same in ``ofx_bridge/src/vigil.cpp``.
"""

import time
from dataclasses import dataclass, field
from typing import Callable

QUIET_NOTICE_SECONDS = 4.0
# How often a silent server is asked whether it lives, while it works on what takes its time.
PING_EVERY_SECONDS = 1.5
_SAME_SECONDS = 2.0

BACK_WORDS = "The server answers again."
CHECKING_WORDS = "The server reads the job; a mask of many megabytes takes it a while."

Say = Callable[[str], None]


def say_nothing(_: str) -> None:
    """Take what is said of a silence and pass it on to nobody."""


def silence_words(until: float) -> str:
    """Return what an artist reads while a server is silent that is waited for ``until`` (a Unix time)."""
    return f"The server does not answer; waiting until {time.strftime('%H:%M:%S', time.localtime(until))}."


@dataclass
class Silence:
    """How long a server has been silent while its answer is waited for.

    ``say`` hears the words once nothing has come for some seconds, and an empty text once something has.
    """

    say: Say
    clock: Callable[[], float]
    _began: float = field(default=0.0, init=False)
    _until: float = field(default=0.0, init=False)
    _is_shown: bool = field(default=False, init=False)

    @property
    def promised(self) -> float:
        """Return until when (on the clock) a wait was announced, 0.0 while none is: none ends before."""
        return self._until if self._is_shown else 0.0

    @property
    def is_reported(self) -> bool:
        """Return whether anybody wants to hear of it."""
        return self.say is not say_nothing

    def begin(self) -> None:
        """Count from now: before, nothing was waited for."""
        self._began = self.clock()

    def ends(self) -> None:
        """Take note that something has come."""
        self._began = self.clock()
        if self._is_shown:
            self._is_shown = False
            self.say("")

    def is_worked_on(self, words: str) -> None:
        """Report that the server lives and works on what is waited for."""
        if not self._is_shown:
            self.say(words)

    def goes_on(self, until: float) -> None:
        """Take note that nothing has come yet, and is waited for until then (on the clock)."""
        now = self.clock()
        is_new = not self._is_shown or until - self._until >= _SAME_SECONDS
        if now - self._began < QUIET_NOTICE_SECONDS or not is_new:
            return
        self._is_shown, self._until = True, until
        self.say(silence_words(time.time() + until - now))
