"""Renders a numbered set of clips to a folder that a trainer can read while it grows.

``python -m svfr_lab.render_dataset --out DIR --clips N --first-seed S`` writes

- ``clips.npy`` (N, F, S, S, 3) uint8 RGB and ``landmarks.npy`` (N, F, 5, 2) float32, both memory-mappable;
- ``dataset.json``: the settings, the versions that made it and, when finished, sha256 of both arrays;
- ``done``: the number of clips that are ready, in decimal; it grows by 50.

Clip i is the clip of seed S + i. Running the same command again continues where the last run stopped; another
command on the same folder is refused.
"""

import argparse
import hashlib
import json
import platform
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_lab.backgrounds import background_bank
from svfr_lab.errors import ArgumentOutOfRange, RenderedFolderIsUnusable
from svfr_lab.face_renderer import FaceRenderer
from svfr_lab.head_assets import HEAD_ASSETS_PATH

_CLIPS_PER_REPORT = 50


@dataclass(frozen=True)
class RenderSettings:
    """What decides every pixel of a rendered folder."""

    clips: int
    first_seed: int
    size_px: int = 96
    frames: int = 8
    bank_seed: int = 5
    bank: int = 600


@dataclass(frozen=True)
class RenderedFolder:
    """The finished clips of a rendered folder, as read-only memory maps.

    ``clips`` (N, F, S, S, 3) uint8 · ``landmarks_px`` (N, F, 5, 2) float32 · ``clips_sha256`` is empty while
    the folder is still growing.
    """

    clips: NDArray[np.uint8]
    landmarks_px: NDArray[np.float32]
    settings: RenderSettings
    clips_sha256: str


def render_dataset(folder: Path, settings: RenderSettings) -> None:
    """Render what is missing in ``folder``; raises when it was begun with other settings."""
    if settings.clips < 1 or settings.frames < 1 or settings.bank < 1:
        raise ArgumentOutOfRange(
            f"Nothing to render with {settings}.", remedy="Ask for at least one clip, frame and background."
        )
    folder.mkdir(parents=True, exist_ok=True)
    first_missing = _begin_or_resume(folder, settings)
    clips, landmarks_px = (np.load(folder / name, mmap_mode="r+") for name in ("clips.npy", "landmarks.npy"))
    if first_missing < settings.clips:
        bank = background_bank(settings.bank_seed, settings.bank)
        renderer = FaceRenderer(settings.size_px, bank)
        started = time.monotonic()
        for clip in range(first_missing, settings.clips):
            rendered = renderer.render_clip(settings.first_seed + clip, settings.frames)
            clips[clip], landmarks_px[clip] = rendered.frames, rendered.landmarks_px
            ready = clip + 1
            if ready % _CLIPS_PER_REPORT == 0 or ready == settings.clips:
                clips.flush()
                landmarks_px.flush()
                _write_atomically(folder / "done", f"{ready}\n")
                rate = (ready - first_missing) * settings.frames / (time.monotonic() - started)
                print(f"{ready}/{settings.clips} clips, {rate:.1f} frames/s", flush=True)
        renderer.close()
    digests = {f"{name}_sha256": file_sha256(folder / f"{name}.npy") for name in ("clips", "landmarks")}
    _write_record(folder, settings, digests)


def open_rendered_folder(folder: Path) -> RenderedFolder:
    """Open the clips that are ready; raises :class:`RenderedFolderIsUnusable` when there are none."""
    try:
        record = json.loads((folder / "dataset.json").read_text())
        ready = int((folder / "done").read_text())
        settings = RenderSettings(**record["settings"])
        clips = np.load(folder / "clips.npy", mmap_mode="r")
        landmarks_px = np.load(folder / "landmarks.npy", mmap_mode="r")
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise RenderedFolderIsUnusable(
            f"No rendered clips can be read: {problem}.",
            path=folder,
            remedy="Render them with python -m svfr_lab.render_dataset.",
        ) from problem
    if ready == 0:
        raise RenderedFolderIsUnusable(
            "No clip of this folder is finished yet.", path=folder, remedy="Wait for the renderer."
        )
    return RenderedFolder(clips[:ready], landmarks_px[:ready], settings, record.get("clips_sha256", ""))


def file_sha256(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _begin_or_resume(folder: Path, settings: RenderSettings) -> int:
    """Make the arrays of a new folder, or check an old one; return the first clip still missing."""
    record = folder / "dataset.json"
    if record.exists():
        begun_with = json.loads(record.read_text())["settings"]
        if begun_with != asdict(settings):
            raise RenderedFolderIsUnusable(
                f"The folder was begun with {begun_with}, not with {asdict(settings)}.",
                path=folder,
                remedy="Choose an empty folder, or repeat the settings it was begun with.",
            )
        return int((folder / "done").read_text())
    n, f, s = settings.clips, settings.frames, settings.size_px
    np.lib.format.open_memmap(folder / "clips.npy", "w+", np.uint8, (n, f, s, s, 3)).flush()
    np.lib.format.open_memmap(folder / "landmarks.npy", "w+", np.float32, (n, f, 5, 2)).flush()
    _write_atomically(folder / "done", "0\n")
    _write_record(folder, settings, {})
    return 0


def _write_record(folder: Path, settings: RenderSettings, digests: dict[str, str]) -> None:
    versions = {"numpy": np.__version__, "opencv": cv2.__version__, "moderngl": version("moderngl")}
    record: dict[str, Any] = {
        "settings": asdict(settings),
        "head_assets_sha256": file_sha256(HEAD_ASSETS_PATH),
        "versions": versions | {"python": platform.python_version()},
    }
    _write_atomically(folder / "dataset.json", json.dumps(record | digests, indent=2) + "\n")


def _write_atomically(path: Path, text: str) -> None:
    """A reader sees the old text or the new one, never half of it."""
    scratch = path.with_name(path.name + ".part")
    scratch.write_text(text)
    scratch.replace(path)


def main() -> None:
    """Render the folder that the command line describes."""
    parser = argparse.ArgumentParser(description="Render seeded clips of talking heads to a folder.")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, required=True)
    parser.add_argument("--first-seed", type=int, required=True)
    parser.add_argument("--size", type=int, default=96, help="side of the square frames in pixels")
    parser.add_argument("--frames", type=int, default=8, help="frames per clip")
    parser.add_argument("--bank-seed", type=int, default=5, help="seed of the backgrounds")
    parser.add_argument("--bank", type=int, default=600, help="number of backgrounds")
    asked = parser.parse_args()
    settings = RenderSettings(
        asked.clips, asked.first_seed, asked.size, asked.frames, asked.bank_seed, asked.bank
    )
    render_dataset(asked.out, settings)


if __name__ == "__main__":
    main()
