"""A folder as the renderer writes it, of pictures that need no renderer: a bright dot at each of the five."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

SIDE_PX, FRAMES, CLIPS = 32, 4, 40


def write_rendered_folder(folder: Path, clips: int = CLIPS, side_px: int = SIDE_PX, far: int = 0) -> Path:
    """Write clips with their landmarks, each of its own colours and with ``far`` frames behind it."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(8)
    count = FRAMES + far
    landmarks_px = rng.uniform(0.3, 0.7, (clips, count, 5, 2)).astype(np.float32) * side_px
    colours = rng.integers(30, 120, (clips, 1, 1, 1, 3), dtype=np.uint8)
    pictures = np.broadcast_to(colours, (clips, count, side_px, side_px, 3)).copy()
    for (clip, frame), _ in np.ndenumerate(np.empty((clips, count))):
        for x, y in landmarks_px[clip, frame].astype(int):
            pictures[clip, frame, y, x] = 250
    np.save(folder / "clips.npy", pictures)
    np.save(folder / "landmarks.npy", landmarks_px)
    many_px = rng.uniform(0.3, 0.7, (clips, count, 68, 2)).astype(np.float32) * side_px
    np.save(folder / "landmarks68.npy", many_px)
    settings = {"clips": clips, "first_seed": 1, "size_px": side_px, "frames": FRAMES}
    settings |= {"far_frames": far} if far else {}
    (folder / "dataset.json").write_text(json.dumps({"settings": settings, "clips_sha256": "0" * 64}))
    (folder / "done").write_text(f"{clips}\n")
    return folder
