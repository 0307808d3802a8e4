"""Everything in one file: template, movie, view table, figures and facts."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
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


@dataclass(frozen=True)
class FrameWarning:
    """What a job said about a frame, or about the whole (None)."""

    frame: int | None
    text: str


@dataclass(frozen=True, kw_only=True)
class PageFacts:
    """What stands around the pictures: title, the command that does it again, and what the job said."""

    title: str
    provenance: dict[str, str]
    command: str = ""
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
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="svfr-view-") as folder:
        movie = Path(folder) / "movie.mp4"
        pairs = _measured(pictures, size, figures, progress)
        write_movie(movie, pairs, shaper, fps, frames=len(pictures.frames), doubts=pictures.doubts)
        body = {
            **_facts(pictures, facts, view),
            **_movie(movie.read_bytes(), size, fps, shaper, view),
            **_figures(figures),
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


def _brightest(pictures: Pictures, size: ProxySize) -> float:
    """Return the light that one pixel of 10,000 reaches in some frames: what the movie must hold."""
    chosen = np.unique(np.linspace(0, len(pictures.frames) - 1, _METERED_FRAMES).astype(int))
    pairs = (pictures.read(pictures.frames[index], size) for index in chosen)
    light = [np.nanquantile(one, 0.9999) for pair in pairs for one in (pair.before, pair.after)]
    return float(max(light))


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


def _facts(pictures: Pictures, facts: PageFacts, view: DisplayView) -> dict[str, Any]:
    return {
        "provenance": facts.provenance,
        "display": f"Shown through the display {view.display}, view {view.view}, after the exposure.",
        "command": facts.command,
        "warnings": [{"frame": one.frame, "text": one.text} for one in facts.warnings],
        "tracks": _boxes(pictures, facts.tracks),
    }


def _boxes(pictures: Pictures, tracks: Sequence[CropTrack]) -> dict[int, list[dict[str, float]]]:
    """Return the crop squares by frame, in plate pixels from the display window's corner."""
    corner, aspect = pictures.result.display, pictures.result.pixel_aspect
    found: dict[int, list[dict[str, float]]] = {}
    for track in tracks:
        for frame in sorted(set(track.frames) & set(pictures.frames)):
            place = track.transform(frame, 1, aspect)
            box = {"x": place.left - corner.x, "y": place.top - corner.y}
            found.setdefault(frame, []).append({**box, "width": place.scale_x, "height": place.scale_y})
    return found


def _filled(title: str, body: dict[str, Any]) -> str:
    parts = resources.files("svfr_view") / "data"
    text, style, script = (
        (parts / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    # "</" would end the script element that carries the data
    packed = json.dumps(body, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    for mark, value in (("@title@", escape(title)), ("@style@", style), ("@script@", script)):
        text = text.replace(mark, value)
    return text.replace("@data@", packed)
