"""Everything in one file: template, movie, view table, figures and facts."""

from __future__ import annotations

import base64
import json
import math
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from svfr_client.files import write_whole
from svfr_ocio.view import DisplayView
from svfr_restore.crops.crop_track import CropTrack
from svfr_view.figures import Figures
from svfr_view.pictures import FramePair, Pictures
from svfr_view.proxy import write_movie
from svfr_view.proxy_size import ProxySize
from svfr_view.shaper import MAX_TOP, TOE, Shaper

VIEW_EDGE = 49
_METERED_FRAMES = 12
Boxes = dict[int, list[dict[str, float]]]


@dataclass(frozen=True)
class FrameWarning:
    """What a job said about a frame, or about the whole (None)."""

    frame: int | None
    text: str


@dataclass(frozen=True, kw_only=True)
class PageFacts:
    """What stands around the pictures: title, the command that does it again, and what the job said.

    ``command_note`` says what the command leaves open. ``tracks``: the squares that are drawn, in place of
    those that the files note.
    """

    title: str
    provenance: dict[str, str]
    command: str = ""
    command_note: str = ""
    warnings: Sequence[FrameWarning] = ()
    tracks: Sequence[CropTrack] = field(default=())


def write_page(
    path: Path,
    pictures: Pictures,
    view: DisplayView,
    facts: PageFacts,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Write the page and return its size in bytes; the file appears whole or not at all.

    Frames are read one after the other and only their proxies are kept. Raises what reading a plate raises,
    and FileCannotBeWritten.
    """
    height, width = pictures.result.display.shape
    aspect = pictures.result.pixel_aspect
    size = ProxySize.of(width, height, aspect, len(pictures.frames))
    fps = pictures.result.fps or (pictures.plate.fps if pictures.plate else None) or Fraction(24)
    shaper = Shaper.of(_brightest(pictures, size))
    figures, tracks = Figures(), _boxes(pictures, facts.tracks)
    with tempfile.TemporaryDirectory(prefix="svfr-view-") as folder:
        movie = Path(folder) / "movie.mp4"
        pairs = _measured(pictures, size, figures, progress)
        if not facts.tracks:
            pairs = _with_squares(pairs, pictures, tracks)
        write_movie(movie, pairs, shaper, fps, frames=len(pictures.frames), doubts=pictures.doubts)
        body = {
            **_facts(facts, view, pictures.odd_sizes),
            **_movie(movie.read_bytes(), size, fps, shaper, view),
            **_figures(figures),
            "tracks": tracks,
            "doubts": list(pictures.doubts),
            "plate_width": width,
            "plate_height": height,
        }
    text = _filled(facts.title, body)
    write_whole(path, text)
    return len(text.encode())


def _measured(
    pictures: Pictures, size: ProxySize, figures: Figures, progress: Callable[[int, int], None]
) -> Iterator[FramePair]:
    for done, frame in enumerate(pictures.frames, 1):
        pair = pictures.read(frame, size)
        figures.add(pair)
        yield pair
        progress(done, len(pictures.frames))


def _with_squares(pairs: Iterator[FramePair], pictures: Pictures, tracks: Boxes) -> Iterator[FramePair]:
    """Pass the frames on, and note in ``tracks`` where their files say that faces are."""
    corner = pictures.result.display
    for pair in pairs:
        for left, top, width, height in pair.squares.values():
            box = {"x": left - corner.x, "y": top - corner.y, "width": width, "height": height}
            tracks.setdefault(pair.frame, []).append(box)
        yield pair


def _brightest(pictures: Pictures, size: ProxySize) -> float:
    """Return the light that one pixel of 10,000 reaches in some frames: what the movie must hold."""
    chosen = np.unique(np.linspace(0, len(pictures.frames) - 1, _METERED_FRAMES).astype(int))
    pairs = (pictures.read(pictures.frames[index], size) for index in chosen)
    finite = [one[np.isfinite(one)] for pair in pairs for one in (pair.before, pair.after)]
    return max((float(np.quantile(one, 0.9999)) for one in finite if one.size), default=0.0)


def _movie(movie: bytes, size: ProxySize, fps: Fraction, shaper: Shaper, view: DisplayView) -> dict[str, Any]:
    levels = Shaper(MAX_TOP).decode(np.linspace(0, 1, VIEW_EDGE, dtype=np.float32))
    table = np.rint(view.table(levels) * 255).astype(np.uint8)
    return {
        "fps": float(fps),
        "width": size.width,
        "height": size.height,
        "shaper": {"top": shaper.top, "toe": TOE, "view_top": MAX_TOP},
        "edge": VIEW_EDGE,
        "view": base64.b64encode(table.tobytes()).decode(),
        "movie": base64.b64encode(movie).decode(),
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return {
        "frames": figures.frames,
        "changed": figures.changed,
        "flicker_before": figures.flicker_before,
        "flicker_after": figures.flicker_after,
        "doubt": {name: figures.aligned(values) for name, values in figures.doubts.items()},
        "identity": {name: figures.aligned(values) for name, values in figures.identity.items()},
    }


def _facts(facts: PageFacts, view: DisplayView, odd_sizes: Mapping[int, str]) -> dict[str, Any]:
    found = [FrameWarning(frame, text) for frame, text in sorted(odd_sizes.items())]
    return {
        "provenance": facts.provenance,
        "display": f"Shown through the display {view.display}, view {view.view}, after the exposure.",
        "command": facts.command,
        "command_note": facts.command_note,
        "warnings": [{"frame": one.frame, "text": one.text} for one in (*facts.warnings, *found)],
    }


def _boxes(pictures: Pictures, tracks: Sequence[CropTrack]) -> Boxes:
    """Return the crop squares by frame, in plate pixels from the display window's corner."""
    corner, aspect = pictures.result.display, pictures.result.pixel_aspect
    found: Boxes = {}
    for track in tracks:
        for frame in sorted(set(track.frames) & set(pictures.frames)):
            place = track.transform(frame, 1, aspect)
            box = {"x": place.left - corner.x, "y": place.top - corner.y}
            found.setdefault(frame, []).append({**box, "width": place.scale_x, "height": place.scale_y})
    return found


def _finite(value: Any) -> Any:
    """Return plain data with null for numbers that JSON cannot say: a layer may hold infinities."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _filled(title: str, body: dict[str, Any]) -> str:
    parts = resources.files("svfr_view") / "data"
    text, style, script = (
        (parts / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    # "</script" would end the element that carries the data, and "<!--<script" would keep it open
    packed = json.dumps(_finite(body), separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    filled = {"title": escape(title), "style": style, "script": script, "data": packed}
    # in one go: a file's name may hold a mark
    whole = re.sub("@(title|style|script|data)@", lambda mark: filled[mark[1]], text)
    return whole.encode("utf-8", "replace").decode("utf-8")  # a file's name may be no text
