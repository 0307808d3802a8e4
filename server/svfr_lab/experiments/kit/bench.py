"""What an experiment works on: a folder that survives a kill, a seed, a budget, and clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from svfr_lab.experiments.kit.clip_folder import fitted_clips, rendered_clips
from svfr_lab.experiments.kit.clock import BudgetClock, Deadline
from svfr_lab.heads.dataset import file_sha256, open_rendered_folder

# A quarter of the budget at most goes into rendering; one core renders 25 frames of 96 px a second or more.
_RENDERING_SHARE = 0.25
_FRAMES_PER_SECOND = 25.0
_FEWEST_CLIPS = 16


@dataclass(frozen=True)
class Voice:
    """How an experiment speaks: ``log`` a sentence, ``progress`` (stage, done, total)."""

    log: Callable[[str], None]
    progress: Callable[[str, int, int], None]


class Bench:
    """One run of one experiment.

    ``folder`` is the run's own: what is kept there is found again after a kill. ``seed`` decides everything
    but how much fits in ``budget_s``. ``used_clips`` says by size what :meth:`clips` gave. ``data`` is a
    rendered folder given by the user, or None; ``cache`` takes what is rendered without one.
    """

    def __init__(
        self, folder: Path, seed: int, *, clock: BudgetClock, voice: Voice, data: Path | None, cache: Path
    ) -> None:
        self.folder, self.seed, self.budget_s = folder, seed, clock.budget_s
        self._clock, self._voice, self._data, self._cache = clock, voice, data, cache
        self.used_clips: dict[str, Mapping[str, Any]] = {}

    def spent_s(self) -> float:
        """Return the seconds of the budget that are spent, by killed runs too."""
        return self._clock.spent_s()

    def remaining_s(self) -> float:
        """Return what is left of the budget in seconds, negative when it is overdrawn."""
        return self._clock.remaining_s()

    def share(self, fraction: float) -> Deadline:
        """Return the moment when ``fraction`` of the whole budget is spent, counted from the first start.

        Stages of one experiment take rising fractions: train until 0.7 is spent, measure until 0.95 is.
        """
        return Deadline(self._clock, fraction * self.budget_s)

    def log(self, sentence: str) -> None:
        """Show a sentence to the person at the terminal."""
        self._voice.log(sentence)

    def say(self, stage: str, done: int, total: int) -> None:
        """Report how far a stage is; ``total`` 0 when nobody knows."""
        self._voice.progress(stage, done, total)

    def clips(self, count: int, size_px: int, frames: int) -> Path:
        """Return a rendered folder of up to ``count`` clips of ``frames`` frames, ``size_px`` square.

        They are the first of the user's clips, brought to that size, or rendered ones, as many as a quarter
        of the budget allows: their seeds occur in no training set of a shipped model. Equal arguments give
        the same clips. Raises ClipsDoNotSuffice when the user's clips have fewer frames, and what reading
        and rendering raise.
        """
        if self._data is not None:
            folder = fitted_clips(self._data, self.folder / "clips", count, size_px, frames)
        else:
            affordable = int(self.budget_s * _RENDERING_SHARE * _FRAMES_PER_SECOND / frames)
            count = min(count, max(_FEWEST_CLIPS, affordable))
            folder = rendered_clips(self._cache, self.folder / "clips", count, size_px, frames)
        given = open_rendered_folder(folder)
        sha256 = given.clips_sha256 or file_sha256(folder / "clips.npy")
        self.used_clips[f"{size_px} px"] = {**asdict(given.settings), "clips_sha256": sha256}
        return folder
