"""Small plates with known pixels: EXR sequences, PNG sequences and movies."""

from collections.abc import Collection
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def picture(frame: int, width: int = 160, height: int = 120) -> Float32:
    """Return scene-linear RGB with detail, values above 1 and below 0; another one for every frame."""
    random = np.random.default_rng(frame)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    ramp = np.stack([x / width, y / height, (x + y) / (width + height)], axis=-1)
    pixels = ramp * 0.8 + random.random((height, width, 3), np.float32) * 0.2 + frame % 10 * 0.01
    pixels[:8, :8] = 12.0
    pixels[8:12, :8] = -0.25
    return pixels.astype(np.float16).astype(np.float32)


def write_exrs(folder: Path, frames: range, name: str = "plate") -> list[Path]:
    """Write half-float EXRs and return their paths."""
    return [write_image(folder / f"{name}.{frame}.exr", picture(frame), "half") for frame in frames]


def write_image(path: Path, pixels: Float32, kind: str) -> Path:
    height, width, channels = pixels.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    output = oiio.ImageOutput.create(str(path))
    assert output is not None, oiio.geterror()
    assert output.open(str(path), oiio.ImageSpec(width, height, channels, kind)), output.geterror()
    assert output.write_image(np.ascontiguousarray(pixels))
    output.close()
    return path


def read_image(path: Path | str) -> Float32:
    """Return the first part's RGB."""
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    pixels = np.asarray(source.read_image(0, 0, 0, 3, oiio.FLOAT), np.float32)
    source.close()
    return pixels


def write_two_parts(path: Path, pixels: Float32) -> Path:
    """Write an EXR as results with layers are: the picture, and a small part of further channels."""
    height, width = pixels.shape[:2]
    specs = [oiio.ImageSpec(width, height, 3, "half"), oiio.ImageSpec(8, 8, 1, "half")]
    for spec, name in zip(specs, ("rgb", "svfr"), strict=True):
        spec["oiio:subimagename"] = name
        spec.full_width, spec.full_height = width, height
    specs[1].channelnames = ("svfr.matte.A",)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), specs) and out.write_image(pixels), oiio.geterror()
    assert out.open(str(path), specs[1], "AppendSubimage") and out.write_image(pixels[:8, :8, :1])
    out.close()
    return path


def count_parts(path: Path | str) -> int:
    """Return how many parts an EXR has."""
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    count = 1
    while source.seek_subimage(count, 0):
        count += 1
    source.close()
    return count


def attribute(path: Path | str, name: str) -> str:
    """Return what a file's header says of ``name``; empty when it says nothing."""
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    return str(source.spec().getattribute(name) or "")


def srgb_codes(linear: Float32) -> Float32:
    """Return the sRGB code values of a linear render: what the sequencer itself holds, in 256 steps."""
    low, high = linear * 12.92, 1.055 * np.maximum(linear, 0.0) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high).astype(np.float32)


def write_transparent_png(path: Path, frame: int) -> Path:
    """Write a PNG of 8 bit with straight alpha, from clear on the left to opaque on the right."""
    colours = np.clip(picture(frame), 0.0, 1.0)
    height, width, _ = colours.shape
    alpha = np.broadcast_to(np.linspace(0.0, 1.0, width, dtype=np.float32)[:, None], (height, width, 1))
    spec = oiio.ImageSpec(width, height, 4, "uint8")
    spec.attribute("oiio:UnassociatedAlpha", 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    output = oiio.ImageOutput.create(str(path))
    assert output is not None and output.open(str(path), spec)
    assert output.write_image(np.concatenate([colours, alpha], axis=-1))
    output.close()
    return path


def write_movie(
    path: Path,
    count: int,
    fps: int = 24,
    width: int = 160,
    height: int = 120,
    dropped: Collection[int] = (),
) -> Path:
    """Write an H.264 movie, tagged Rec.709 and video range, whose frames differ.

    It is smooth, because two decoders interpolate its half-sized colour differently at edges. ``dropped``:
    the frames, 1 first, whose time passes without a picture.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "12", "preset": "ultrafast"}
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = 1, 1, 1, 1
        for number in range(count):
            if number + 1 in dropped:
                continue
            y, x = np.mgrid[0:height, 0:width] / max(width, height)
            waves = [np.sin(3 * x + number), np.sin(4 * y + number), np.sin(3 * x + 2 * y)]
            codes = 0.5 + 0.3 * np.stack(waves, axis=-1)
            frame = av.VideoFrame.from_ndarray((codes * 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            for packet in stream.encode(frame):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path
