"""Footage for tests of clip lists: a rendered head that moves over a plate, as pictures and as a movie."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from svfr_lab.heads.renderer import FaceRenderer

HEAD_SEED, FRAMES = 201, 6
WIDTH, HEIGHT = 352, 288


def head_pictures(renderer: FaceRenderer, seed: int = HEAD_SEED, frames: int = FRAMES) -> NDArray[np.uint8]:
    """Return (F, 288, 352, 3) uint8 RGB: a head of 192 pixels that wanders over a gradient."""
    clip = renderer.render_clip(seed, frames).frames
    ramp = np.linspace(60, 150, WIDTH, dtype=np.float32)[None, :, None]
    plate = np.broadcast_to(ramp, (frames, HEIGHT, WIDTH, 3)).astype(np.uint8)
    for frame, picture in enumerate(clip):
        head = cv2.resize(picture, (192, 192), interpolation=cv2.INTER_AREA)
        left, top = 60 + 12 * frame, 40 + 2 * frame
        plate[frame, top : top + 192, left : left + 192] = head
    return plate


def write_pictures(folder: Path, pictures: NDArray[np.uint8], first: int = 1) -> Path:
    """Write ``00000001.png`` and so on; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures, first):
        assert cv2.imwrite(str(folder / f"{number:08d}.png"), picture[..., ::-1])
    return folder


def write_movie(path: Path, pictures: NDArray[np.uint8]) -> Path:
    """Write an H.264 movie with B frames, nearly without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], "yuv420p"
        stream.options = {"crf": "4", "bf": "2", "g": "4"}
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_predictor(
    path: Path, pictures: Sequence[NDArray[np.uint8]], points_px: Sequence[NDArray[np.floating]]
) -> Path:
    """Write a small dlib shape predictor, trained in a second on pictures (256, 256, 3) and their points."""
    options = dlib.shape_predictor_training_options()
    options.tree_depth, options.cascade_depth, options.num_trees_per_cascade_level = 2, 4, 40
    options.oversampling_amount, options.num_test_splits, options.num_threads = 4, 10, 1
    box = dlib.rectangle(40, 40, 215, 215)
    shapes = [
        [dlib.full_object_detection(box, [dlib.point(round(x), round(y)) for x, y in points])]
        for points in points_px
    ]
    dlib.train_shape_predictor(list(pictures), shapes, options).save(str(path))
    return path
