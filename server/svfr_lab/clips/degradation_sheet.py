"""A sheet of one clip under every set of tasks: what a recipe does, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, combinations
from pathlib import Path

import cv2
import numpy as np

from svfr.arrays import Float32
from svfr_client.vocabulary import TASKS
from svfr_lab.clips.code_plate import CodePlate
from svfr_lab.degradation.chain import NEVER_A_JPEG, ClipDegradation, Copy, FilmDegradation, degrade_clip
from svfr_lab.degradation.degrade import Degraded, degrade
from svfr_lab.degradation.holes import STILL
from svfr_lab.degradation.optics import NO_BLUR, Blur
from svfr_lab.degradation.ranges import DegradationRanges
from svfr_lab.degradation.registry import RECIPES
from svfr_lab.degradation.tone import NO_FADE, NO_FLICKER, FilmResponse
from svfr_lab.degradation.video import Codec, RateControl, VideoCoding
from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_restore.media.contact_sheet import Cell, write_contact_sheet

_CELL_PX = 300
_SMALLEST_SIDE_PX = 16


@dataclass(frozen=True, kw_only=True)
class SheetRequest:
    """Which clip is degraded how. ``clip`` numbers those of a rendered folder from 0.

    Of a plate the first ``frames`` frames are taken, the middle square of each brought to ``size_px``; a
    still stands for all of them.
    """

    data: str
    recipe: str
    seed: int
    clip: int = 0
    frames: int = 8
    size_px: int = 96


def write_degradation_sheet(path: Path, request: SheetRequest) -> ClipDegradation | None:
    """Write a PNG with a row for each set of tasks: clean, first, middle and last degraded frame, hole.

    Returns what was drawn, the same for all rows; None for the basic recipes, which draw as they go. Raises
    ArgumentOutOfRange, RenderedFolderIsUnusable, VideoCodecFailed, and what opening a plate raises.
    """
    if request.recipe not in RECIPES:
        raise ArgumentOutOfRange(
            f"Unknown degradation recipe {request.recipe!r}.", remedy=f"Choose from {', '.join(RECIPES)}."
        )
    if request.frames < 1 or request.size_px < _SMALLEST_SIDE_PX:
        raise ArgumentOutOfRange(
            f"No sheet can be made of {request.frames} frames of {request.size_px} pixels.",
            remedy=f"Ask for at least one frame and {_SMALLEST_SIDE_PX} pixels.",
        )
    clip = read_clip(request)
    recipe = RECIPES[request.recipe]
    drawn = (
        recipe.draw(np.random.default_rng(request.seed)) if isinstance(recipe, DegradationRanges) else None
    )
    rows = []
    for tasks in chain.from_iterable(combinations(TASKS, count) for count in range(len(TASKS) + 1)):
        if drawn is None:
            degraded = degrade(clip, frozenset(tasks), np.random.default_rng(request.seed), recipe)
        else:
            degraded = degrade_clip(clip, frozenset(tasks), drawn)
        rows.append(_row(clip, tasks, degraded, drawn))
    write_contact_sheet(path, rows, _CELL_PX)
    return drawn


def read_clip(request: SheetRequest) -> Float32:
    """Return the clean clip (F, H, W, 3), code values in 0..1."""
    if (Path(request.data) / "dataset.json").is_file():
        clips = open_rendered_folder(Path(request.data)).clips
        if not 0 <= request.clip < len(clips):
            raise ArgumentOutOfRange(
                f"There is no clip {request.clip}.", remedy=f"The folder has clips 0 to {len(clips) - 1}."
            )
        return clips[request.clip, : request.frames].astype(np.float32) / np.float32(255)
    plate = CodePlate.open(request.data, None, None)
    chosen = plate.plate.frames[: request.frames]
    squares = [_middle_square(plate.read(frame), request.size_px) for frame in chosen]
    return np.stack(squares + squares[-1:] * (request.frames - len(squares) if len(squares) == 1 else 0))


def _middle_square(frame: Float32, size_px: int) -> Float32:
    side = min(frame.shape[:2])
    top, left = (frame.shape[0] - side) // 2, (frame.shape[1] - side) // 2
    square = np.ascontiguousarray(frame[top : top + side, left : left + side])
    kind = cv2.INTER_AREA if size_px < side else cv2.INTER_CUBIC
    resized = cv2.resize(square, (size_px, size_px), interpolation=kind)
    return np.clip(resized, 0, 1).astype(np.float32)


def _row(
    clip: Float32, tasks: tuple[str, ...], degraded: Degraded, drawn: ClipDegradation | None
) -> list[Cell]:
    frames = (0, len(clip) // 2, len(clip) - 1)
    words = [] if drawn is None else describe(drawn, tasks)
    if drawn is None and degraded.low_resolution is not None:
        words = ["shrunk to {1} x {0}".format(*degraded.low_resolution.shape[1:3])]
    cells = [Cell(clip[0], " + ".join(tasks) or "no task: clean")]
    captions = _lines(words, len(frames))
    cells += [
        Cell(degraded.lq[frame], text or f"frame {frame}")
        for frame, text in zip(frames, captions, strict=True)
    ]
    hole = degraded.hole_of(frames[1])
    shown = np.zeros(clip.shape[1:3]) if hole is None else hole
    text = "no hole" if hole is None else f"hole of the middle frame, {100 * hole.mean():.0f} %"
    return [*cells, Cell(np.repeat(shown[..., None], 3, axis=-1).astype(np.float32), text)]


def _lines(words: list[str], count: int) -> list[str]:
    """Spread the words over ``count`` labels, about as many letters on each."""
    lines: list[list[str]] = [[] for _ in range(count)]
    whole, before = sum(map(len, words)), 0
    for word in words:
        lines[before * count // whole].append(word)
        before += len(word)
    return [", ".join(line) for line in lines]


def describe(drawn: ClipDegradation, tasks: tuple[str, ...]) -> list[str]:
    """Return in words what was drawn for these tasks, in the order it is applied."""
    words: list[str] = []
    if "colorize" in tasks:
        words.append("ortho" if drawn.film.response is FilmResponse.ORTHOCHROMATIC else "grey")
    if "bfr" in tasks:
        words += _film_words(drawn.film)
        for number, copy in enumerate(drawn.copies):
            words += ["copied"] * bool(number) + _copy_words(copy)
        words.append(f"enlarged {drawn.enlarge}")
    if "inpaint" in tasks:
        words += [
            f"{'still' if one.motion == STILL else 'moving'} {one.kind}" for one in drawn.holes.occluders
        ]
    return words


def _film_words(film: FilmDegradation) -> list[str]:
    words = _blur_words(film.blur)
    if film.grain.sd_code:
        words.append(f"grain {film.grain.sd_code * 255:.0f}")
    if film.fade != NO_FADE:
        words.append(f"fade {sum(film.fade.density_loss) / 3:.2f}")
    if film.dirt.opacity:
        words.append(f"dirt {film.dirt.specks_per_frame:.1f}+{film.dirt.scratches}")
    if film.flicker != NO_FLICKER:
        words.append(f"flicker {film.flicker.drift_sd + film.flicker.jitter_sd:.2f}")
    return words


def _copy_words(copy: Copy) -> list[str]:
    words = [*_blur_words(copy.blur), f"1/{copy.shrink.factor:.1f} {copy.shrink.filter}"]
    words.append(f"noise {copy.noise.read_sd_code * 255:.0f}+{copy.noise.shot_sd_code * 255:.0f}")
    if copy.jpeg_quality != NEVER_A_JPEG:
        words.append(f"JPEG {copy.jpeg_quality}")
    return words + _video_words(copy.video)


def _blur_words(blur: Blur) -> list[str]:
    if blur == NO_BLUR:
        return []
    swept = f"~{blur.motion_px_at_96:.0f}" if blur.motion_px_at_96 else ""
    return [f"blur {blur.long_px_at_96:.1f}x{blur.short_px_at_96:.1f}{swept}"]


def _video_words(video: VideoCoding) -> list[str]:
    if video.codec is Codec.NONE:
        return []
    unit = "q" if video.control is RateControl.QUALITY else "bpp "
    return [f"{video.codec} {unit}{video.rate:.2g} gop {video.gop}"]
