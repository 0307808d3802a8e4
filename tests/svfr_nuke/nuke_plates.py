"""Small plates for the tests of the Nuke plugin, written and read bit by bit by OpenImageIO."""

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

WIDTH, HEIGHT = 64, 48
FRAMES = range(1001, 1004)


def write_plate(folder: Path, name: str = "shot.%04d.exr", kind: str = "half") -> str:
    """Write a plate with negative and bright values and an AOV; return its pattern, forward slashes."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in FRAMES:
        random = np.random.default_rng(frame)
        ramp = np.linspace(-0.01, 4.0, WIDTH, dtype=np.float32)[None, :, None]
        rgb = ramp * np.array([1.0, 0.8, 0.6], np.float32) + random.normal(0, 0.01, (HEIGHT, WIDTH, 3))
        extra = np.stack([np.ones((HEIGHT, WIDTH)), random.random((HEIGHT, WIDTH))], axis=-1)
        pixels = np.concatenate([rgb, extra], axis=-1).astype(np.float32)
        spec = oiio.ImageSpec(WIDTH, HEIGHT, 5, kind)
        spec.channelnames = ("R", "G", "B", "A", "diffuse.R")
        spec["compression"] = "zip"
        out = oiio.ImageOutput.create("x.exr")
        path = str(folder / (name % frame))
        assert out is not None and out.open(path, spec) and out.write_image(pixels), oiio.geterror()
        out.close()
    return (folder / name).as_posix()


def rgb_of(path: str | Path) -> NDArray[np.float32]:
    """Return R, G, B of a file's first part."""
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    spec = source.spec()
    pixels = source.read_image(0, 0, 0, spec.nchannels, "float")
    names = list(spec.channelnames)
    return np.stack([pixels[..., names.index(c)] for c in "RGB"], axis=-1)


def attribute(path: str | Path, name: str) -> str:
    """Return what a file's header says of ``name``; empty when it says nothing."""
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    return str(source.spec().getattribute(name) or "")


def same_bits(one: str | Path, other: str | Path) -> bool:
    a, b = rgb_of(one), rgb_of(other)
    return a.shape == b.shape and bool(np.array_equal(a.view(np.uint32), b.view(np.uint32)))
