"""Small plates for the end-to-end tests: a real face (NASA's portrait that scikit-image carries) and none."""

import shutil
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray
from skimage import data

from svfr_ocio.curve import decode_srgb

WIDTH, HEIGHT = 480, 360
FIRST = 1001


def face_codes() -> NDArray[np.float32]:
    """Return the portrait's head, 240 x 240, as code values."""
    return np.ascontiguousarray(data.astronaut()[0:240, 110:350], np.float32) / np.float32(255)


def picture(with_face: bool, shift_px: int = 0) -> NDArray[np.float32]:
    """Return a (360, 480, 3) scene-linear picture: a soft grey ramp, with the portrait in it or without."""
    codes = np.broadcast_to(np.linspace(0.3, 0.6, WIDTH, dtype=np.float32)[None, :, None], (HEIGHT, WIDTH, 3))
    codes = np.array(codes)
    if with_face:
        codes[60:300, 100 + shift_px : 340 + shift_px] = face_codes()
    return decode_srgb(codes)


def write(path: Path, light: NDArray[np.float32], pixel_aspect: float = 1.0) -> Path:
    """Write one half-float EXR."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = oiio.ImageSpec(light.shape[1], light.shape[0], light.shape[2], "half")
    spec.attribute("PixelAspectRatio", pixel_aspect)
    image = oiio.ImageOutput.create(str(path))
    assert image.open(str(path), spec) and image.write_image(light) and image.close()
    return path


def write_sequence(folder: Path, count: int = 4, with_face: bool = True, pixel_aspect: float = 1.0) -> str:
    """Write ``count`` frames from 1001 on and return the pattern."""
    pattern = str(folder / "shot.%04d.exr")
    for index in range(count):
        write(Path(pattern % (FIRST + index)), picture(with_face, 2 * index), pixel_aspect)
    return pattern


def write_still_sequence(folder: Path, count: int) -> str:
    """Write ``count`` copies of one frame from 1001 on, which is quick, and return the pattern."""
    pattern = str(folder / "shot.%04d.exr")
    first = write(Path(pattern % FIRST), picture(True))
    for frame in range(FIRST + 1, FIRST + count):
        shutil.copyfile(first, pattern % frame)
    return pattern


def write_deep(path: Path) -> None:
    """Write a deep EXR of one sample per pixel."""
    spec = oiio.ImageSpec(8, 8, 4, "float")
    spec.channelnames = ("R", "G", "B", "A")
    spec.deep = True
    deep = oiio.DeepData()
    deep.init(64, 4, "float", ("R", "G", "B", "A"))
    for pixel in range(64):
        deep.set_samples(pixel, 1)
        for channel in range(4):
            deep.set_deep_value(pixel, channel, 0, 0.5)
    image = oiio.ImageOutput.create(str(path))
    assert image.open(str(path), spec) and image.write_deep_image(deep) and image.close()


def write_mattes(folder: Path, frames: range, width: int = WIDTH, height: int = HEIGHT) -> str:
    """Write one-channel mattes with a square in the middle and return the pattern."""
    pattern = str(folder / "matte.%04d.exr")
    for frame in frames:
        matte = np.zeros((height, width, 1), np.float32)
        matte[height // 3 : height // 2, width // 3 : width // 2] = 1.0
        write(Path(pattern % frame), matte)
    return pattern
