"""Clips for an experiment: rendered for it, or cut from the user's rendered folder."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr_client.files import whole_folder, write_whole
from svfr_lab.experiments.kit.errors import ClipsDoNotSuffice
from svfr_lab.heads.dataset import RenderSettings, open_rendered_folder, render_dataset

# Training sets of shipped models begin at 100 000 and the frozen evaluation split at 5 000 000, with other
# banks of backgrounds: no clip of the laboratory is one that a shipped model has seen.
_SETTINGS = RenderSettings(clips=0, first_seed=20_000_000, bank_seed=77, bank=120)


def rendered_clips(cache: Path, work: Path, count: int, size_px: int, frames: int) -> Path:
    """Return the folder of ``cache`` with these clips, rendered if it is not there yet.

    Rendering goes on below ``work``, the run's own, so that a killed run finds its part and no two runs
    write to one folder; only whole folders reach the cache. Where it cannot be moved there, it stays.
    """
    settings = replace(_SETTINGS, clips=count, size_px=size_px, frames=frames)
    digest = hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode()).hexdigest()[:12]
    name = f"clips-{count}x{frames}x{size_px}-{digest}"
    kept = cache / name
    if kept.exists():
        return kept
    # what the renderer says of its progress is for people, and standard output for results
    with contextlib.redirect_stdout(sys.stderr):
        render_dataset(work / name, settings)
    cache.mkdir(parents=True, exist_ok=True)
    try:
        return (work / name).rename(kept)
    except OSError:  # another disk, or another run was first
        return work / name


def fitted_clips(data: Path, work: Path, count: int, size_px: int, frames: int) -> Path:
    """Return ``data`` if it is what was asked for, else a copy below ``work`` of its first clips, resized.

    Raises ClipsDoNotSuffice for shorter clips; a folder with fewer clips gives all it has.
    """
    given = open_rendered_folder(data)
    if given.settings.frames < frames:
        raise ClipsDoNotSuffice(
            f"The clips have {given.settings.frames} frames, the experiment needs {frames}.",
            path=data,
            remedy="Render longer clips, or leave --data out.",
        )
    count = min(count, len(given.clips))
    if (count, size_px, frames) == (len(given.clips), given.settings.size_px, given.settings.frames):
        return data
    folder = work / f"{count}x{frames}x{size_px}"
    if folder.exists():
        return folder
    clips = [_resized(clip[:frames], size_px) for clip in given.clips[:count]]
    scale = np.float32(size_px / given.settings.size_px)
    settings = replace(given.settings, clips=count, size_px=size_px, frames=frames)
    record = {"settings": asdict(settings), "copied_from_clips_sha256": given.clips_sha256}
    with whole_folder(folder) as draft:
        np.save(draft / "clips.npy", np.stack(clips))
        np.save(draft / "landmarks.npy", given.landmarks_px[:count, :frames] * scale)
        if given.landmarks68_px is not None:
            np.save(draft / "landmarks68.npy", given.landmarks68_px[:count, :frames] * scale)
        write_whole(draft / "done", f"{count}\n")
        write_whole(draft / "dataset.json", json.dumps(record, indent=1) + "\n")
    return folder


def _resized(clip: NDArray[np.uint8], size_px: int) -> NDArray[np.uint8]:
    """Return frames (F, S, S, 3) with the side ``size_px``, averaged over areas where they shrink."""
    if clip.shape[1] == size_px:
        return np.asarray(clip)
    smaller = size_px < clip.shape[1]
    way = cv2.INTER_AREA if smaller else cv2.INTER_CUBIC
    return np.stack([cv2.resize(frame, (size_px, size_px), interpolation=way) for frame in clip])
