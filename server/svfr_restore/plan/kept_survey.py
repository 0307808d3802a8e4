"""What the survey learns of frames, kept in the job's store so that nobody has to decode them for it again.

A crash, a job that is repeated or redone, a longer range of the same shot, and a survey that another process
made ahead: each finds the blocks of frames that were surveyed before. A block lies under a hash of everything
that decides what is seen in it: the code, the colours, where faces are sought and with which finders, and
which files the frames come from.

A file is known by its place, inode, size and times. Whoever writes to it changes one of these, but for two
writes within one tick of the disk's clock: a block whose files are that fresh is not kept. A file that is
another than it was when this job first met it is neither found nor kept: pictures of the former one may still
be open or in memory.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from svfr_client.job import ColourClaim
from svfr_ocio.contract import Agreement
from svfr_ocio.domain import ModelDomain
from svfr_restore.code_sources import survey_sources
from svfr_restore.content_keys import content_key, key_of_code
from svfr_restore.faces.model_files import DETECTOR, SHA256, installed_file
from svfr_restore.media.feed import nearest_before
from svfr_restore.media.file_state import FileState, file_state
from svfr_restore.media.plate import PictureChoice, Plate
from svfr_restore.plan.surveyed_frame import SurveyedFrame, packed, unpacked
from svfr_restore.reports import CheckpointStore

BLOCK_FRAMES = 16
"""A kept block covers the frames from one multiple of this to the next, so that ranges share their blocks."""
_LIBRARIES = (
    *("numpy", "opencv-python-headless", "dlib-bin"),
    *("OpenImageIO", "av", "opencolorio"),
)
# The coarsest clock of a disk that is in use (FAT) ticks every two seconds.
_FRESH_NS = 2_000_000_000
_PROBE = np.array(
    [[[0, 0, 0], [0.18, 0.18, 0.18], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [4, 2, 0.5]]], np.float32
)


@cache
def _code() -> str:
    return key_of_code(_LIBRARIES, survey_sources())


def blocks_of(run: range) -> Iterator[range]:
    """Yield the frames of a run in blocks that end at multiples of BLOCK_FRAMES."""
    first = run.start
    while first < run.stop:
        stop = min(run.stop, (first // BLOCK_FRAMES + 1) * BLOCK_FRAMES)
        yield range(first, stop)
        first = stop


@dataclass(frozen=True)
class BlockPlace:
    """Where a block is kept, and the files it is seen in as they were when that was asked."""

    key: str
    sources: tuple[int, ...]
    states: tuple[FileState, ...]
    asked_ns: int

    @property
    def is_settled(self) -> bool:
        """Whether no file was written so shortly before that the next write might leave its time as it is."""
        return all(state[3] < self.asked_ns - _FRESH_NS for state in self.states)


class KeptSurvey:
    """The blocks of one plate's survey in a store; for one thread.

    ``choice`` is the picture that is read of each file, ``colour`` what :func:`colour_identity` returns,
    ``detect`` says whether faces are sought at all. Raises FaceModelIsDamaged, as the detector does.
    """

    def __init__(
        self,
        store: CheckpointStore,
        plate: Plate,
        *,
        choice: PictureChoice,
        colour: list[object],
        detect: bool,
    ) -> None:
        self._store, self._plate = store, plate
        self._detect, self._has_finder = detect, installed_file(DETECTOR) is not None
        finder = SHA256[DETECTOR] if detect and self._has_finder else ""
        shape = [list(dataclasses.astuple(window)) for window in (plate.display, plate.data_window)]
        seen = [plate.kind, shape, plate.pixel_aspect, plate.sample_bits]
        opened = plate.opened_state
        self._met: dict[str, FileState] = {} if opened is None else {opened[0]: opened}
        self._settings = content_key(_code(), colour, seen, dataclasses.asdict(choice), finder)

    def place(self, sought: Mapping[int, bool]) -> BlockPlace | None:
        """Return where the block of these frames is kept; ``sought`` says of each whether faces are sought.

        None where a file cannot be looked at, since its reader will say why, and where it was changed.
        """
        asked_ns = time.time_ns()
        sources = tuple(nearest_before(self._plate.frames, frame) for frame in sought)
        try:
            states = self._states(sources)
        except OSError:
            return None
        if any(self._met.setdefault(state[0], state) != state for state in states):
            return None
        frames = [list(each) for each in zip(sought, sources, sought.values(), strict=True)]
        key = content_key(self._settings, frames, [list(state) for state in states])
        return BlockPlace(f"survey/{key}", sources, states, asked_ns)

    def load(self, place: BlockPlace, sought: Mapping[int, bool]) -> dict[int, SurveyedFrame] | None:
        """Return what is kept of a block, None where there is nothing or it is damaged."""
        kept = self._store.load(place.key)
        if kept is None or kept.dtype != torch.uint8:
            return None
        return unpacked(kept.numpy().tobytes(), sought)

    def save(self, place: BlockPlace, surveyed: Mapping[int, SurveyedFrame]) -> None:
        """Keep a block that was surveyed, unless a file of it was, or may have been, changed meanwhile."""
        try:
            is_same = self._states(place.sources) == place.states
        except OSError:
            return
        is_finder_same = not self._detect or (installed_file(DETECTOR) is not None) == self._has_finder
        if is_same and is_finder_same and place.is_settled:
            self._store.save(place.key, torch.frombuffer(bytearray(packed(surveyed)), dtype=torch.uint8))

    def _states(self, sources: Sequence[int]) -> tuple[FileState, ...]:
        """Return the state of every frame's file; raises OSError."""
        return tuple(file_state(self._plate.path(source)) for source in sources)


def colour_identity(claim: ColourClaim, colour: Agreement, domain: ModelDomain) -> list[object]:
    """Return everything that decides in which colours the survey sees a plate, in JSON's terms.

    The config's identity names its LUTs too; what its context and this machine's libraries make of them shows
    in the numbers of a few colours.
    """
    codes, luminance = domain.to_codes(_PROBE), domain.to_linear_luminance(_PROBE)
    numbers = [value.astype(np.float32).tobytes().hex() for value in (codes, luminance)]
    named = [colour.config.identity, colour.space.name, claim.interop_id, claim.reference_space]
    return [named, dict(claim.context), domain.kind, numbers]
