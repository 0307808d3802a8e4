"""One clip compared: its pictures past every meter, once, in order.

Pictures stream: of a clip only the frames of one short clip for FVD are held at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from svfr_client.job import Box
from svfr_lab.evaluate.clips import ClipPair, FramePair
from svfr_lab.evaluate.faces import FaceFinder, find_faces
from svfr_lab.evaluate.instruments import NO_ARCFACE, NO_I3D, NO_LPIPS, Instruments
from svfr_lab.evaluate.meters import (
    Figures,
    IdentityMeter,
    LandmarkMeter,
    LpipsMeter,
    MeasuredFrame,
    Meter,
    PictureMeter,
    VideoMeter,
)
from svfr_lab.evaluate.pictures import PictureSource
from svfr_lab.evaluate.protocol import FaceRegion, Protocol
from svfr_lab.evaluate.report import ClipReport, Figure, NotComputed, Summary
from svfr_lab.metrics.fvd import LEAST_CLIPS, frechet_distance
from svfr_restore.crops.crop_track import CropTrack

ClipProgress = Callable[[str, int], None]
"""Takes a stage, "find" or "compare", and how many frames of the clip it has done."""

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "psnr_db": ("psnr_db",),
    "ssim": ("ssim",),
    "lpips": ("lpips",),
    "ids": ("ids",),
    "vidd": ("vidd", "vidd_truth"),
    "landmark_drift": ("landmark_drift", "landmark_jitter"),
}
"""The figures that each metric of a protocol gives of a frame."""

_FACE_METRICS = frozenset({"ids", "vidd", "landmark_drift"})
NO_FACE = NotComputed(
    "No face was found in the truth.", "Show where it is with --box x,y,w,h, or say --faces frame."
)
NO_POINTS = NotComputed(
    "The face's five points could not be placed on any frame.",
    "Show a tighter square around the face with --box x,y,w,h.",
)
NO_MATTE = NotComputed("The matte is empty on every frame.", "Check the matte's frame numbers.")
FACE_LOST = NotComputed(
    "The face's five points could be placed in the truth and on no frame of the result.",
    "Look at the result: it shows no face that the finder knows.",
)
NO_NEIGHBOURS = NotComputed(
    "No two neighbouring frames showed the face's points.", "Compare consecutive frames that show the face."
)
_BETWEEN_FRAMES = frozenset({"vidd", "vidd_truth", "landmark_jitter"})


@dataclass(frozen=True)
class OpenClip:
    """A clip that was opened and found sound so far as headers tell."""

    pair: ClipPair
    source: PictureSource
    frames: tuple[FramePair, ...]


class Comparison:
    """One clip past the meters."""

    def __init__(
        self,
        clip: OpenClip,
        protocol: Protocol,
        *,
        instruments: Instruments,
        region: FaceRegion,
        box: Box | None,
        progress: ClipProgress,
    ) -> None:
        """Find the truth's face, if a measure needs it, and set up the meters."""
        self._protocol, self._clip, self._progress = protocol, clip, progress
        self._why: dict[str, NotComputed] = {}
        metrics = protocol.metrics
        self._tracks: list[CropTrack] = []
        if self._wants_faces(instruments):
            self._tracks = find_faces(clip.source, clip.frames, region, box, partial(progress, "find"))
        self._finder = FaceFinder(self._tracks, clip.source.pixel_aspect) if self._tracks else None
        self._meters: list[Meter] = [PictureMeter(metrics)]
        if "lpips" in metrics:
            self._lpips(instruments)
        self._faces(instruments)
        self._video: VideoMeter | None = None
        if "fvd" in metrics and instruments.i3d is not None:
            length, stride = protocol.fvd_clip_frames, protocol.fvd_stride_frames
            self._video = VideoMeter(instruments.i3d, length, stride)
            self._meters.append(self._video)

    def run(self) -> tuple[ClipReport, VideoMeter | None]:
        """Read every frame once; return the figures, and what was gathered for FVD."""
        rows: list[Figures] = []
        before: tuple[FramePair, int | None] | None = None
        for number, frames in enumerate(self._clip.frames):
            pair = self._clip.source.read(frames)
            face = None if self._finder is None else self._finder.face(number, pair)
            here = (frames, None if face is None else face.track)
            frame = MeasuredFrame(pair, face, follows=_follows(before, here))
            row: Figures = {}
            for meter in self._meters:
                row.update(meter.measure(frame))
            rows.append(row)
            before = here
            self._progress("compare", number + 1)
        return self._report(rows), self._video

    def _wants_faces(self, instruments: Instruments) -> bool:
        metrics = set(self._protocol.metrics)
        return "landmark_drift" in metrics or (
            bool(_FACE_METRICS & metrics) and instruments.arcface is not None
        )

    def _lpips(self, instruments: Instruments) -> None:
        if instruments.lpips is None:
            self._why["lpips"] = NO_LPIPS
        else:
            self._meters.append(LpipsMeter(instruments.lpips))

    def _faces(self, instruments: Instruments) -> None:
        metrics = self._protocol.metrics
        identity = [name for name in ("ids", "vidd") if name in metrics]
        if identity and instruments.arcface is None:
            self._why.update(dict.fromkeys(identity, NO_ARCFACE))
        if identity and instruments.arcface is not None and self._finder is not None:
            self._meters.append(IdentityMeter(instruments.arcface, identity))
        if "landmark_drift" in metrics and self._finder is not None:
            self._meters.append(LandmarkMeter(self._finder))
        if self._finder is None:
            wanting = [name for name in metrics if name in _FACE_METRICS and name not in self._why]
            self._why.update(dict.fromkeys(wanting, NO_FACE))

    def _report(self, rows: Sequence[Figures]) -> ClipReport:
        facts: dict[str, Mapping[str, Any]] = {}
        for meter in self._meters:
            facts.update(meter.facts())
        metrics: dict[str, Figure] = {}
        for metric in self._protocol.metrics:
            if metric == "fvd":
                metrics["fvd"] = NO_I3D if self._video is None else fvd_figure([self._video], self._protocol)
            elif metric in self._why:
                metrics[metric] = self._why[metric]
            else:
                for column in COLUMNS[metric]:
                    metrics[column] = _of_frames(column, rows, facts.get(column, {}))
        source = self._clip.source
        return ClipReport(
            name=self._clip.pair.name,
            result=self._clip.pair.result,
            truth=self._clip.pair.truth,
            colour={"result": source.result.colour["input"], "truth": source.truth.colour["input"]},
            frames=tuple(pair.result for pair in self._clip.frames),
            truth_frames=tuple(pair.truth for pair in self._clip.frames),
            figures=tuple(rows),
            metrics=metrics,
        )


def _follows(before: tuple[FramePair, int | None] | None, here: tuple[FramePair, int | None]) -> bool:
    if before is None or before[1] != here[1]:
        return False
    return here[0] == FramePair(before[0].result + 1, before[0].truth + 1)


def _of_frames(column: str, rows: Sequence[Figures], facts: Mapping[str, Any]) -> Figure:
    values = [value for row in rows if (value := row.get(column)) is not None]
    if values:
        return Summary.over(values, "frames", facts)
    if column in ("psnr_db", "ssim", "lpips"):
        return NO_MATTE
    if column in _BETWEEN_FRAMES:
        return NO_NEIGHBOURS
    return FACE_LOST if facts.get("missed") else NO_POINTS


def fvd_figure(videos: Sequence[VideoMeter], protocol: Protocol) -> Figure:
    """Return FVD over the short clips of all these together."""
    result = [features for video in videos for features in video.result]
    truth = [features for video in videos for features in video.truth]
    if len(truth) < LEAST_CLIPS:
        return NotComputed(
            f"FVD compares sets of {protocol.fvd_clip_frames}-frame clips, and there are {len(truth)}.",
            f"Compare {LEAST_CLIPS * protocol.fvd_clip_frames} frames or more, or folders of clips.",
        )
    return Summary.over(
        [frechet_distance(result, truth)],
        "sets",
        {"clips": len(truth), "clip_frames": protocol.fvd_clip_frames},
    )
