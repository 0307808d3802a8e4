"""The demo's plates and results: scene-linear half EXR on disk, code values in memory.

The films' code values are taken as sRGB-encoded Rec.709, so that the plate's light is what a monitor shows.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the library's usual short name
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr_client.files import whole_file
from svfr_ocio.curve import decode_srgb, encode_srgb
from svfr_restore.media.plate import open_plate

from .errors import DemoFileUnreadable

COLOUR_SPACE = "lin_rec709_scene"
MATTE_CHANNEL = "svfr.matte.A"


def write_plate(pattern: Path, clip: Float32, frames: range) -> None:
    """Write code values (F, H, W, 3) as half-float EXR frames in linear Rec.709."""
    pattern.parent.mkdir(parents=True, exist_ok=True)
    for frame, codes in zip(frames, clip, strict=True):
        path = Path(str(pattern) % frame)
        height, width = codes.shape[:2]
        spec = oiio.ImageSpec(width, height, 3, "half")
        spec.attribute("compression", "zip")
        spec.attribute("colorInteropID", COLOUR_SPACE)
        light = decode_srgb(np.ascontiguousarray(codes))
        with whole_file(path, durable=False) as scratch:
            name = str(scratch)
            image = oiio.ImageOutput.create(str(scratch))
            whole = image is not None and image.open(name, spec) and image.write_image(light)
            if image is None or not whole or not image.close():
                raise DemoFileUnreadable("A plate frame could not be written.", path=path, frame=frame)


def read_codes(pattern: Path, frames: range) -> Float32:
    """Return EXR frames as code values (F, H, W, 3), clipped to 0..1 as a monitor does."""
    plate = open_plate(str(pattern))
    light = np.stack([plate.read(frame).rgb for frame in frames])
    return np.clip(encode_srgb(light), 0.0, 1.0)


def read_mattes(pattern: Path, frames: range) -> NDArray[np.float32]:
    """Return the mattes (F, H, W) that the job pasted through, 0 outside their window."""
    return np.stack([_read_matte(str(pattern) % frame, frame) for frame in frames])


def _read_matte(path: str, frame: int) -> NDArray[np.float32]:
    image = oiio.ImageInput.open(path)
    if image is None:
        raise DemoFileUnreadable("A restored frame is missing.", path=path, frame=frame)
    try:
        for number, spec in enumerate(_parts(image)):
            if MATTE_CHANNEL in spec.channelnames:
                whole = np.zeros((spec.full_height, spec.full_width), np.float32)
                channel = spec.channelindex(MATTE_CHANNEL)
                pixels = image.read_image(number, 0, channel, channel + 1, "float")
                if pixels is None:
                    break
                top, left = spec.y - spec.full_y, spec.x - spec.full_x
                whole[top : top + spec.height, left : left + spec.width] = pixels[..., 0]
                return whole
    finally:
        image.close()
    raise DemoFileUnreadable(f"A restored frame has no {MATTE_CHANNEL}.", path=path, frame=frame)


def _parts(image: oiio.ImageInput) -> Iterator[oiio.ImageSpec]:
    number = 0
    while image.seek_subimage(number, 0):
        yield image.spec()
        number += 1
