"""Training clips from a list of real footage, cut as a job cuts them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svfr.arrays import Float32
from svfr.sampling.network_input import HoleFill
from svfr_client.errors import SvfrError
from svfr_client.reasons import reason_of
from svfr_lab.clips.alignment import Alignment, ClipPlate, LandmarkPredictor, align_clip, read_crop
from svfr_lab.clips.alignment_cache import AlignmentCache, NoFace
from svfr_lab.clips.degraded_clips import DegradedClips
from svfr_lab.clips.entries import ClipEntry
from svfr_lab.clips.errors import ClipsUnusable
from svfr_lab.clips.list_file import ClipList, read_clip_list
from svfr_restore.faces.landmarks import FivePointFinder

_OPEN_CLIPS = 8
_FEW = 5
_MOST_REASONS = 5


@dataclass(frozen=True)
class AlignedClip:
    """A clip of a list, with the number of its line, that can be trained with."""

    line: int
    entry: ClipEntry
    path: Path
    alignment: Alignment


@dataclass(frozen=True)
class LeftOut:
    """A clip of a list that cannot be trained with, and why."""

    line: int
    path: Path
    reason: str


class Aligner:
    """Aligns the clips of one list, or finds what an earlier run kept; raises LandmarkPredictorUnusable."""

    def __init__(self, clips: ClipList) -> None:
        file = clips.landmarks68
        self._predictor = None if file is None else LandmarkPredictor(file)
        digest = "" if file is None else hashlib.sha256(file.read_bytes()).hexdigest()
        self._cache, self._finder = AlignmentCache(clips.cache, digest), FivePointFinder()

    def align(self, path: Path, entry: ClipEntry) -> Alignment | NoFace:
        """Return where the face of a clip is; raises the errors of files that cannot be read."""
        key = self._cache.key(path, entry)
        kept = self._cache.load(key)
        if kept is not None:
            return kept
        clip = ClipPlate.open(path, entry)
        try:
            found = align_clip(clip, entry.region, self._finder, self._predictor) or NoFace()
        finally:
            clip.close()
        self._cache.keep(key, found)
        return found


def align_list(
    clips: ClipList, aligner: Aligner, progress: Callable[[int, int], None] = lambda done, total: None
) -> Iterator[AlignedClip | LeftOut]:
    """Yield every clip of a list in order, aligned now or earlier.

    ``progress`` is told how many clips of how many are done. A clip that shows no face or cannot be read is
    left out with its reason.
    """
    for done, (line, entry) in enumerate(zip(clips.lines, clips.entries, strict=True), 1):
        path = clips.clip_path(entry)
        try:
            found = aligner.align(path, entry)
        except (SvfrError, OSError) as problem:
            yield LeftOut(line, path, f"It cannot be read: {reason_of(problem)}.")
        else:
            if isinstance(found, NoFace):
                yield LeftOut(line, path, "It shows no face.")
            else:
                yield AlignedClip(line, entry, path, found)
        progress(done, len(clips.entries))


class VideoClips(DegradedClips):
    """A :class:`svfr.training.batches.ClipSource` over a list of clips.

    Crops have ``crop_px`` pixels a side; only clips with at least ``least_frames`` frames of one face are
    taken. ``landmarks`` is 5, or 68 from the user's predictor: NaN where there is none, or for the five where
    the net places no face. ``left_out`` are the clips that are not used, with the reason. The clips' numbers
    in a batch are those of their lines. Without clips that are held back, the last drawn ones are watched.
    Raises what reading the list raises, and ClipsUnusable when nothing is left to train with.
    """

    def __init__(
        self,
        list_file: Path,
        task_shares: Mapping[str, float],
        *,
        crop_px: int,
        least_frames: int,
        hole_fill: HoleFill = "telea",
        hole_plane: bool = False,
        landmarks: int = 5,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        clips = read_clip_list(list_file)
        aligner = Aligner(clips)
        usable, self.left_out = _usable(align_list(clips, aligner, progress), least_frames)
        store = _VideoStore(usable, aligner, crop_px, landmarks)
        if not store.drawn:
            reasons = "; ".join(f"line {each.line}: {each.reason}" for each in self.left_out[:_MOST_REASONS])
            raise ClipsUnusable(
                f"No clip is left to train with. {reasons}",
                path=list_file,
                remedy=f"List clips that show one face for at least {least_frames} frames.",
            )
        super().__init__(store, task_shares, hole_fill, hole_plane)


@dataclass(frozen=True)
class _Usable:
    """What is kept in memory of a clip: a list may have tens of thousands."""

    line: int
    entry: ClipEntry
    path: Path
    frame_count: int


def _usable(clips: Iterable[AlignedClip | LeftOut], least_frames: int) -> tuple[list[_Usable], list[LeftOut]]:
    usable: list[_Usable] = []
    left_out: list[LeftOut] = []
    for each in clips:
        if isinstance(each, LeftOut):
            left_out.append(each)
        elif (count := len(each.alignment.crop.frames)) < least_frames:
            left_out.append(LeftOut(each.line, each.path, f"Its face is seen for {count} frames only."))
        else:
            usable.append(_Usable(each.line, each.entry, each.path, count))
    return usable, left_out


@dataclass(frozen=True)
class _OpenClip:
    plate: ClipPlate
    alignment: Alignment


class _VideoStore:
    """A :class:`svfr_lab.clips.degraded_clips.ClipStore` over aligned clips, numbered by line."""

    def __init__(self, clips: Sequence[_Usable], aligner: Aligner, crop_px: int, landmarks: int) -> None:
        self._clips = {clip.line: clip for clip in clips}
        self._aligner, self._crop_px, self._landmarks = aligner, crop_px, landmarks
        self.drawn: Sequence[int] = [clip.line for clip in clips if clip.entry.split == "train"]
        held_back = [clip.line for clip in clips if clip.entry.split == "held_back"]
        self.held_back: Sequence[int] = held_back or self.drawn
        self.shortest_frames = min((clip.frame_count for clip in clips), default=0)
        self._open: OrderedDict[int, _OpenClip] = OrderedDict()

    def frame_count(self, clip: int) -> int:
        return self._clips[clip].frame_count

    def picture_count(self, clip: int) -> int:
        return self._clips[clip].frame_count

    def read(self, clip: int, frames: Sequence[int]) -> tuple[Float32, Float32]:
        opened = self._opened(self._clips[clip])
        plate, alignment = opened.plate, opened.alignment
        domain = plate.exposed(alignment.exposure_stops)
        # movies are decoded forwards, whatever the order asked for
        pictures = {
            number: read_crop(plate, alignment.crop, domain, alignment.crop.frames[number], self._crop_px)
            for number in sorted(set(frames))
        }
        chosen = alignment.landmarks5 if self._landmarks == _FEW else alignment.landmarks68
        return np.stack([pictures[number] for number in frames]), chosen[list(frames)] * self._crop_px

    def _opened(self, clip: _Usable) -> _OpenClip:
        """Return the clip with its files open; the one that was not used for longest is closed."""
        if clip.line not in self._open:
            alignment = self._aligner.align(clip.path, clip.entry)
            if isinstance(alignment, NoFace) or len(alignment.crop.frames) != clip.frame_count:
                raise ClipsUnusable(
                    "The clip was changed while it was trained with.",
                    path=clip.path,
                    remedy="Start the training again.",
                )
            self._open[clip.line] = _OpenClip(ClipPlate.open(clip.path, clip.entry), alignment)
            if len(self._open) > _OPEN_CLIPS:
                self._open.popitem(last=False)[1].plate.close()
        self._open.move_to_end(clip.line)
        return self._open[clip.line]
