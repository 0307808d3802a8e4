"""Renders a numbered set of clips to a folder that a trainer can read while it grows.

``python -m svfr_lab.heads.dataset --out DIR --clips N --first-seed S`` writes

- ``clips.npy`` (N, F + R, S, S, 3) uint8 RGB, ``landmarks.npy`` (N, F + R, 5, 2) and ``landmarks68.npy``
  (N, F + R, 68, 2) float32, all memory-mappable: F consecutive frames, and with ``--far-frames R`` behind
  them R single ones of the same person at other moments, to serve as references;
- ``dataset.json``: the settings, the versions that made it and, when finished, sha256 of the arrays;
- ``done``: the number of clips that are ready, in decimal; it grows by 50.

Clip i is the clip of seed S + i. Running the same command again continues where the last run stopped; another
command on the same folder is refused. A folder that was rendered before there were 68 landmarks gets them by
``--add-landmarks68 DIR``: they follow from the seeds, no picture is rendered again.
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

from svfr.validation import read_json_file
from svfr_client.files import whole_file, write_whole
from svfr_client.reasons import reason_of
from svfr_lab.errors import ArgumentOutOfRange, RenderedFolderIsUnusable
from svfr_lab.heads.assets import HEAD_ASSETS_PATH
from svfr_lab.heads.backgrounds import background_bank
from svfr_lab.heads.clip_scene import CURRENT_REVISION, FIRST_REVISION, check_revision, draw_scene
from svfr_lab.heads.landmarks68 import LANDMARK_COUNT
from svfr_lab.heads.mesh import load_head_model, posed_vertices
from svfr_lab.heads.renderer import FaceRenderer, projected_landmarks

_CLIPS_PER_REPORT = 50
_ARRAYS = ("clips", "landmarks", "landmarks68")
_SETTINGS = {
    "clips": "number of clips",
    "first_seed": "seed of the first one",
    "size_px": "side of the square frames in pixels",
    "frames": "frames per clip",
    "far_frames": "far frames per clip, for references",
    "bank_seed": "seed of the backgrounds",
    "bank": "number of backgrounds",
    "revision": "of the looks",
}
# A landmark that is computed again may differ in its last bits on another machine.
_SAME_LANDMARK_PX = 0.01


@dataclass(frozen=True, kw_only=True)
class RenderSettings:
    """What decides every pixel of a rendered folder; ``revision`` is that of the looks."""

    clips: int
    first_seed: int
    size_px: int = 96
    frames: int = 8
    bank_seed: int = 5
    bank: int = 600
    revision: int = CURRENT_REVISION
    far_frames: int = 0

    @property
    def pictures(self) -> int:
        """The number of pictures of each clip: its frames and the far ones."""
        return self.frames + self.far_frames

    @classmethod
    def from_record(cls, record: dict[str, int]) -> "RenderSettings":
        """Return recorded settings; those of before there were revisions are of the first one."""
        return cls(**({"revision": FIRST_REVISION} | record))


@dataclass(frozen=True, kw_only=True)
class RenderedFolder:
    """The finished clips of a rendered folder, as read-only memory maps.

    ``pictures`` (N, P, S, S, 3) uint8 · ``picture_landmarks_px`` (N, P, 5, 2) float32 ·
    ``picture_landmarks68_px`` (N, P, 68, 2) float32, None in folders that were rendered before there were any
    · ``clips_sha256`` is empty while the folder is still growing. Of the P pictures of a clip the first F are
    consecutive, the others far from them and each other; ``clips`` and what is not named after pictures are
    the consecutive ones alone.
    """

    pictures: NDArray[np.uint8]
    picture_landmarks_px: NDArray[np.float32]
    settings: RenderSettings
    clips_sha256: str
    picture_landmarks68_px: NDArray[np.float32] | None = None

    @property
    def clips(self) -> NDArray[np.uint8]:
        """The clips (N, F, S, S, 3)."""
        return self.pictures[:, : self.settings.frames]

    @property
    def landmarks_px(self) -> NDArray[np.float32]:
        """The five landmarks (N, F, 5, 2) of the clips."""
        return self.picture_landmarks_px[:, : self.settings.frames]

    @property
    def landmarks68_px(self) -> NDArray[np.float32] | None:
        """The 68 landmarks (N, F, 68, 2) of the clips, if there are any."""
        many = self.picture_landmarks68_px
        return None if many is None else many[:, : self.settings.frames]


def render_dataset(folder: Path, settings: RenderSettings) -> None:
    """Render what is missing in ``folder``; raises when it was begun with other settings."""
    if settings.clips < 1 or settings.frames < 1 or settings.bank < 1 or settings.far_frames < 0:
        raise ArgumentOutOfRange(
            f"Nothing to render with {settings}.", remedy="Ask for at least one clip, frame and background."
        )
    check_revision(settings.revision)
    folder.mkdir(parents=True, exist_ok=True)
    first_missing = _begin_or_resume(folder, settings)
    arrays = [np.load(folder / f"{name}.npy", mmap_mode="r+") for name in _ARRAYS]
    clips, landmarks_px, landmarks68_px = arrays
    if first_missing < settings.clips:
        bank = background_bank(settings.bank_seed, settings.bank)
        renderer = FaceRenderer(settings.size_px, bank, settings.revision)
        started = time.monotonic()
        for clip in range(first_missing, settings.clips):
            rendered = renderer.render_clip(settings.first_seed + clip, settings.frames, settings.far_frames)
            clips[clip], landmarks_px[clip] = rendered.frames, rendered.landmarks_px
            landmarks68_px[clip] = rendered.landmarks68_px
            ready = clip + 1
            if ready % _CLIPS_PER_REPORT == 0 or ready == settings.clips:
                for array in arrays:
                    array.flush()
                write_whole(folder / "done", f"{ready}\n")
                rate = (ready - first_missing) * settings.pictures / (time.monotonic() - started)
                print(f"{ready}/{settings.clips} clips, {rate:.1f} frames/s", flush=True)
        renderer.close()
    digests = {f"{name}_sha256": file_sha256(folder / f"{name}.npy") for name in _ARRAYS}
    _write_record(folder, settings, digests)


def add_landmarks68(folder: Path) -> None:
    """Write the 68 landmarks of a folder that has none; they follow from its seeds.

    Raises RenderedFolderIsUnusable when the folder's own five landmarks do not come out of its settings: then
    its clips are not what the settings say, a copy or other head shapes.
    """
    target = folder / "landmarks68.npy"
    if target.exists():
        return
    rendered = open_rendered_folder(folder)
    settings, model = rendered.settings, load_head_model()
    if settings.far_frames:
        raise RenderedFolderIsUnusable(
            "A folder with far frames was rendered with 68 landmarks, and has lost them.",
            path=folder,
            remedy="Render the clips again.",
        )
    landmarks68_px = np.zeros((settings.clips, settings.frames, LANDMARK_COUNT, 2), np.float32)
    for clip, known_px in enumerate(rendered.landmarks_px):
        seed, revision = settings.first_seed + clip, settings.revision
        scene = draw_scene(model, seed, settings.frames, settings.bank, revision)
        posed = posed_vertices(model, scene.identity, scene.motion)
        few_px, landmarks68_px[clip] = projected_landmarks(
            model, scene.motion, posed, settings.size_px, revision
        )
        if np.abs(few_px - known_px).max() > _SAME_LANDMARK_PX:
            raise RenderedFolderIsUnusable(
                f"Clip {clip} is not the clip of seed {seed}.",
                path=folder,
                remedy="Render the clips again to have their 68 landmarks.",
            )
    with whole_file(target) as scratch:
        np.save(scratch, landmarks68_px)


def open_rendered_folder(folder: Path) -> RenderedFolder:
    """Open the clips that are ready; raises :class:`RenderedFolderIsUnusable` when there are none."""
    try:
        record = read_json_file(folder / "dataset.json")
        ready = int((folder / "done").read_text())
        settings = RenderSettings.from_record(record["settings"])
        clips = np.load(folder / "clips.npy", mmap_mode="r")
        landmarks_px = np.load(folder / "landmarks.npy", mmap_mode="r")
        has_68 = (folder / "landmarks68.npy").exists()
        landmarks68_px = np.load(folder / "landmarks68.npy", mmap_mode="r")[:ready] if has_68 else None
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise RenderedFolderIsUnusable(
            f"No rendered clips can be read: {reason_of(problem)}.",
            path=folder,
            remedy="Render them with python -m svfr_lab.heads.dataset.",
        ) from problem
    if ready == 0:
        raise RenderedFolderIsUnusable(
            "No clip of this folder is finished yet.", path=folder, remedy="Wait for the renderer."
        )
    digest = record.get("clips_sha256", "")
    return RenderedFolder(
        pictures=clips[:ready],
        picture_landmarks_px=landmarks_px[:ready],
        settings=settings,
        clips_sha256=digest,
        picture_landmarks68_px=landmarks68_px,
    )


def file_sha256(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _begun_with(record: Path) -> RenderSettings:
    try:
        return RenderSettings.from_record(read_json_file(record)["settings"])
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise RenderedFolderIsUnusable(
            f"The folder does not say what it was begun with: {reason_of(problem)}.",
            path=record,
            remedy="Choose an empty folder.",
        ) from problem


def _begin_or_resume(folder: Path, settings: RenderSettings) -> int:
    """Make the arrays of a new folder, or check an old one; return the first clip still missing."""
    record = folder / "dataset.json"
    if record.exists():
        begun_with = _begun_with(record)
        if begun_with != settings:
            raise RenderedFolderIsUnusable(
                f"The folder was begun with {asdict(begun_with)}, not with {asdict(settings)}.",
                path=folder,
                remedy="Choose an empty folder, or repeat the settings it was begun with.",
            )
        if (ready := int((folder / "done").read_text())) > 0:
            add_landmarks68(folder)
            return ready
    n, f, s = settings.clips, settings.pictures, settings.size_px
    np.lib.format.open_memmap(folder / "clips.npy", "w+", np.uint8, (n, f, s, s, 3)).flush()
    for name, count in (("landmarks", 5), ("landmarks68", LANDMARK_COUNT)):
        np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, (n, f, count, 2)).flush()
    write_whole(folder / "done", "0\n")
    _write_record(folder, settings, {})
    return 0


def _write_record(folder: Path, settings: RenderSettings, digests: dict[str, str]) -> None:
    versions = {"numpy": np.__version__, "opencv": cv2.__version__, "moderngl": version("moderngl")}
    record: dict[str, Any] = {
        "settings": asdict(settings),
        "head_assets_sha256": file_sha256(HEAD_ASSETS_PATH),
        "versions": versions | {"python": platform.python_version()},
    }
    write_whole(folder / "dataset.json", json.dumps(record | digests, indent=2) + "\n")


def main() -> None:
    """Render the folder that the command line describes."""
    parser = argparse.ArgumentParser(description="Render seeded clips of talking heads to a folder.")
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--out", type=Path, help="the folder to render")
    target.add_argument("--add-landmarks68", type=Path, metavar="DIR", help="a folder that has only five")
    for setting, about in _SETTINGS.items():
        option = f"--{setting.removesuffix('_px').replace('_', '-')}"
        default = getattr(RenderSettings, setting, 0)
        parser.add_argument(option, dest=setting, type=int, default=default, help=about)
    asked = parser.parse_args()
    if asked.add_landmarks68 is not None:
        add_landmarks68(asked.add_landmarks68)
        return
    render_dataset(asked.out, RenderSettings(**{setting: getattr(asked, setting) for setting in _SETTINGS}))


if __name__ == "__main__":
    main()
