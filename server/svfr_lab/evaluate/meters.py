"""What takes the measures: each meter sees the frames of one clip in order and returns figures of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from svfr.arrays import Float64
from svfr_lab.evaluate.faces import FaceFinder, FaceView
from svfr_lab.evaluate.pictures import PicturePair
from svfr_lab.metrics import landmarks
from svfr_lab.metrics.arcface import ArcFace, identity_similarity, identity_step
from svfr_lab.metrics.fvd import ClipCutter, I3d
from svfr_lab.metrics.lpips import Lpips
from svfr_lab.metrics.psnr_ssim import psnr_db, ssim

Figures = dict[str, float | None]


@dataclass(frozen=True)
class MeasuredFrame:
    """One frame as meters see it.

    ``follows`` says that it is the frame after the one seen before, on both sides and in the same shot's
    face; only then may figures between frames be taken.
    """

    pair: PicturePair
    face: FaceView | None
    follows: bool


class Meter(Protocol):
    """Takes one or more measures of the frames of one clip."""

    def measure(self, frame: MeasuredFrame) -> Figures:
        """Return the figures of a frame by name, None where it has none."""

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what else is to be said about a measure, by its name, once all frames were seen."""


class PictureMeter:
    """PSNR and SSIM."""

    def __init__(self, names: Sequence[str]) -> None:
        self._takes = {name: take for name, take in (("psnr_db", psnr_db), ("ssim", ssim)) if name in names}

    def measure(self, frame: MeasuredFrame) -> Figures:
        """Compare the pictures, under the matte where there is one."""
        pair = frame.pair
        if pair.matte is not None and not pair.matte.any():
            return dict.fromkeys(self._takes)
        return {name: take(pair.result, pair.truth, pair.matte) for name, take in self._takes.items()}

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """Nothing more is to be said."""
        return {}


@dataclass(frozen=True)
class LpipsMeter:
    """LPIPS, with the name of its backbone."""

    lpips: Lpips

    def measure(self, frame: MeasuredFrame) -> Figures:
        """Compare the pictures, under the matte where there is one."""
        pair = frame.pair
        return {"lpips": self.lpips.distance(pair.result, pair.truth, pair.matte)}

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """Name the backbone: figures of different ones do not compare."""
        return {"lpips": {"backbone": self.lpips.backbone}}


@dataclass
class IdentityMeter:
    """IDS and VIDD; both sides are aligned by the truth's points."""

    arcface: ArcFace
    names: Sequence[str]
    _before: tuple[Float64, Float64] | None = None

    def measure(self, frame: MeasuredFrame) -> Figures:
        """Compare the face with the truth's, and with the face of the frame before."""
        figures: Figures = dict.fromkeys(self._names())
        face, before = frame.face, self._before
        self._before = None
        if face is None or face.points is None:
            return figures
        result = self.arcface.embedding(face.result, face.points)
        truth = self.arcface.embedding(face.truth, face.points)
        self._before = (result, truth)
        taken = {"ids": identity_similarity(result, truth)}
        if frame.follows and before is not None:
            taken["vidd"] = identity_step(before[0], result)
            taken["vidd_truth"] = identity_step(before[1], truth)
        return {name: taken.get(name) for name in figures}

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """Name the depth of the network, as insightface counts it."""
        return {name: {"arcface_blocks": list(self.arcface.blocks)} for name in self._names()}

    def _names(self) -> list[str]:
        return [name for name in ("ids", "vidd", "vidd_truth") if name.removesuffix("_truth") in self.names]


@dataclass
class LandmarkMeter:
    """Drift of the five points, and its jitter.

    A frame whose points are found in the truth and not in the result has no drift; it is counted as missed.
    One whose points are not found in the truth cannot be judged; it is counted as unseen.
    """

    finder: FaceFinder
    _before: Float64 | None = None
    _missed: int = 0
    _unseen: int = 0

    def measure(self, frame: MeasuredFrame) -> Figures:
        """Find the result's points in the truth's crop and compare."""
        figures: Figures = {"landmark_drift": None, "landmark_jitter": None}
        before, self._before = self._before, None
        if frame.face is None or frame.face.points is None:
            self._unseen += 1
            return figures
        points = self.finder.five_points(frame.face.result)
        if points is None:
            self._missed += 1
            return figures
        self._before = landmarks.offsets(points, frame.face.points)
        figures["landmark_drift"] = landmarks.drift(self._before)
        if frame.follows and before is not None:
            figures["landmark_jitter"] = landmarks.jitter(before, self._before)
        return figures

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """Return on how many frames the result's points were not found, and on how many the truth's."""
        return {"landmark_drift": {"missed": self._missed, "unseen": self._unseen}}


@dataclass
class VideoMeter:
    """Gathers the features of both sides' short clips; FVD itself is of all of them together."""

    i3d: I3d
    clip_frames: int
    stride_frames: int
    result: list[Float64] = field(default_factory=list)
    truth: list[Float64] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._cutters = [ClipCutter(self.clip_frames, self.stride_frames) for _ in range(2)]

    def measure(self, frame: MeasuredFrame) -> Figures:
        """Take the pictures; there is no figure of one frame."""
        sides = (frame.pair.result, frame.pair.truth)
        kept = (self.result, self.truth)
        for cutter, picture, features in zip(self._cutters, sides, kept, strict=True):
            clip = cutter.add(picture)
            if clip is not None:
                features.append(self.i3d.features(clip))
        return {}

    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """Nothing more is to be said."""
        return {}
