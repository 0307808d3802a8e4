"""The comparison of two plates, or of two sets of clips, from what was asked to the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from svfr_client.errors import SvfrError, each_of, raise_problems
from svfr_client.frames import FrameRange
from svfr_client.job import Box
from svfr_client.masks import SplineMask
from svfr_lab.clips.code_plate import CodePlate
from svfr_lab.evaluate.clips import ClipPair, find_clips, pair_frames
from svfr_lab.evaluate.comparison import Comparison, OpenClip, fvd_figure
from svfr_lab.evaluate.instruments import NO_I3D, Instruments, Weights
from svfr_lab.evaluate.meters import VideoMeter
from svfr_lab.evaluate.pictures import PictureSource
from svfr_lab.evaluate.protocol import FaceRegion, Protocol
from svfr_lab.evaluate.report import ClipReport, Figure, NotComputed, Report, Summary
from svfr_lab.metrics.errors import ClipsDoNotMatch, FrameSizesDiffer
from svfr_restore.mattes.mask_feed import MaskFeed, SplineFeed
from svfr_restore.mattes.sequence import MatteSequence
from svfr_restore.media.plate_check import check_plate

Progress = Callable[[str, int, int], None]
"""Takes a stage, "find" (the face) or "compare", how many frames it has done, and of how many."""


@dataclass(frozen=True)
class Request:
    """What is compared with what.

    ``result`` and ``truth`` are plates, or folders of clips. ``matte`` is a matte sequence's path and
    ``splines`` its drawn form, at most one of both, in the result's geometry. Colour spaces None mean what
    the files state. ``face_region`` None is the protocol's.
    """

    result: str
    truth: str
    protocol: Protocol
    weights: Weights = field(default_factory=Weights)
    frames: FrameRange | None = None
    matte: str | None = None
    splines: SplineMask | None = None
    box: Box | None = None
    face_region: FaceRegion | None = None
    result_space: str | None = None
    truth_space: str | None = None
    config: str | None = None


def evaluate(request: Request, progress: Progress = lambda stage, done, total: None) -> Report:
    """Compare every clip and return the figures.

    What can be known beforehand is raised together: plates that cannot be opened, truncated frames, colour
    spaces that are not known, frame counts and sizes that differ, mattes with gaps, weights that cannot be
    used. A file whose damage shows only when it is decoded raises its own error with the frame.
    """
    clips, problems = _opened(request)
    try:
        instruments = Instruments.load(request.weights, request.protocol.metrics)
    except SvfrError as problem:
        problems += each_of(problem)
    raise_problems(problems)
    total = sum(len(clip.frames) for clip in clips)
    reports: list[ClipReport] = []
    features: list[VideoMeter] = []
    done = 0
    for clip in clips:
        region = request.face_region or request.protocol.face_region
        advance = partial(_advance, progress, done, total)
        comparison = Comparison(
            clip=clip,
            protocol=request.protocol,
            instruments=instruments,
            region=region,
            box=request.box,
            progress=advance,
        )
        report, video = comparison.run()
        reports.append(report)
        features += [] if video is None else [video]
        done += len(clip.frames)
    metrics = reports[0].metrics if len(reports) == 1 else _of_set(request.protocol, reports, features)
    matte = request.matte if request.matte is not None else "splines" if request.splines is not None else None
    return Report(
        protocol=request.protocol.to_json(),
        matte=matte,
        clips=tuple(reports),
        metrics=metrics,
        notes=_notes(request.protocol, clips),
    )


def _advance(progress: Progress, before: int, total: int, stage: str, done: int) -> None:
    progress(stage, before + done, total)


def _opened(request: Request) -> tuple[list[OpenClip], list[SvfrError]]:
    pairs = find_clips(request.result, request.truth)
    if len(pairs) > 1 and (request.matte is not None or request.splines is not None):
        raise ClipsDoNotMatch(
            f"A matte belongs to one clip, and these folders hold {len(pairs)}.",
            path=request.result,
            remedy="Compare that clip alone.",
        )
    clips: list[OpenClip] = []
    problems: list[SvfrError] = []
    for pair in pairs:
        try:
            clips.append(_open(request, pair))
        except SvfrError as problem:
            problems += each_of(problem)
    return clips, problems


def _open(request: Request, pair: ClipPair) -> OpenClip:
    """Open both sides of a clip; raises everything that headers tell is wrong with its files."""
    problems: list[SvfrError] = []
    sides: list[CodePlate] = []
    for path, space in ((pair.result, request.result_space), (pair.truth, request.truth_space)):
        try:
            sides.append(CodePlate.open(path, space, request.config))
        except SvfrError as problem:
            problems.append(problem)
    raise_problems(problems)
    result, truth = sides
    protocol = request.protocol
    frames = pair_frames(result.plate.frames, truth.plate.frames, request.frames, protocol.first_frames)
    problems += check_plate(result.plate, (frame.result for frame in frames), "error")
    problems += check_plate(truth.plate, (frame.truth for frame in frames), "error")
    if protocol.size_px is None and result.plate.shape() != truth.plate.shape():
        problems.append(
            FrameSizesDiffer(
                f"The result is {result.plate.shape()}, the truth {truth.plate.shape()}.",
                path=pair.result,
                remedy="Bring both to one size, or use a protocol that does.",
            )
        )
    matte = _matte(request, result)
    problems += [] if matte is None else matte.check(frame.result for frame in frames)
    raise_problems(problems)
    source = PictureSource(
        result=result,
        truth=truth,
        matte=matte,
        size_px=protocol.size_px,
        resize_filter=protocol.resize_filter,
    )
    return OpenClip(pair, source, tuple(frames))


def _matte(request: Request, result: CodePlate) -> MaskFeed | None:
    if request.splines is not None:
        return SplineFeed(request.splines, result.plate.display)
    return None if request.matte is None else MatteSequence.open(request.matte, result.plate.display)


def _of_set(
    protocol: Protocol, reports: Sequence[ClipReport], videos: Sequence[VideoMeter]
) -> dict[str, Figure]:
    """Return the means over clips of their frames' means; FVD is of all clips at once."""
    metrics: dict[str, Figure] = {}
    for name in dict.fromkeys(name for report in reports for name in report.metrics):
        figures = [report.metrics[name] for report in reports if name in report.metrics]
        if name == "fvd":
            metrics["fvd"] = fvd_figure(videos, protocol) if videos else NO_I3D
            continue
        means = [figure.mean for figure in figures if isinstance(figure, Summary)]
        reasons = [figure for figure in figures if isinstance(figure, NotComputed)]
        facts: dict[str, Any] = {"without": len(reports) - len(means)} if len(means) < len(reports) else {}
        for key in ("missed", "unseen"):
            counts = [f.facts[key] for f in figures if isinstance(f, Summary) and key in f.facts]
            facts |= {key: sum(counts)} if counts else {}
        metrics[name] = Summary.over(means, "clips", facts) if means else reasons[0]
    return metrics


def _notes(protocol: Protocol, clips: Sequence[OpenClip]) -> tuple[str, ...]:
    notes = []
    if protocol.clip_count is not None and protocol.clip_count != len(clips):
        notes.append(f"{protocol.title} has {protocol.clip_count} clips; {len(clips)} were compared.")
    renumbered = [clip.pair.name for clip in clips if any(f.result != f.truth for f in clip.frames)]
    if renumbered:
        notes.append(
            f"Frame numbers differ between result and truth of {', '.join(renumbered)}; first was compared"
            " with first."
        )
    return tuple(notes)
