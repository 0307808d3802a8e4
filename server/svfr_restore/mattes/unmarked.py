"""Frames whose mask marks nothing: said while the job runs, a stretch at a time."""

from __future__ import annotations

from collections.abc import Callable

from svfr_client.frames import FrameRange


class UnmarkedFrames:
    """Gathers frames in their order and warns of each stretch of them as it ends.

    ``warn(text, frame=first)`` tells the user: such a frame comes back as it went, and looks like one that
    was restored.
    """

    def __init__(self, warn: Callable[..., None]) -> None:
        self._warn = warn
        self._stretch: list[int] = []

    def note(self, frame: int, is_marked: bool) -> None:
        """Note the next frame."""
        if is_marked:
            self.end()
        else:
            self._stretch.append(frame)

    def end(self) -> None:
        """Warn of the stretch so far, if there is one."""
        if not self._stretch:
            return
        one = len(self._stretch) == 1
        text = f"The mask marks nothing in frame{'' if one else 's'} {FrameRange.of(self._stretch)}"
        self._warn(f"{text}, which {'is' if one else 'are'} not restored.", frame=self._stretch[0])
        self._stretch = []
