"""Open whatever an artist points at as a plate."""

from __future__ import annotations

import os
from pathlib import Path

from svfr_client.files import is_folder
from svfr_restore.errors import PlateFormatNotSupported
from svfr_restore.media.exr.plate import ExrPlate
from svfr_restore.media.movie_plate import MOVIE_SUFFIXES, MoviePlate
from svfr_restore.media.plate_base import ANY_PICTURE, FrameShape, PictureChoice, Plate, PlateFrame, PlateKind
from svfr_restore.media.still_plate import STILL_SUFFIXES, StillPlate

__all__ = ["FrameShape", "PictureChoice", "Plate", "PlateFrame", "PlateKind", "open_plate"]


def open_plate(pattern_or_path: str | os.PathLike[str], choice: PictureChoice | None = None) -> Plate:
    """Open ``shot.%04d.exr``, ``shot.####.png``, one picture or one movie, by the ending of its name.

    ``choice`` says which picture of a multi-layer EXR is meant; other files hold one.

    Raises PlateFormatNotSupported, PlateNotFound, BadPathPattern, and the first frame's own error when no
    frame can be read.
    """
    text = os.fspath(pattern_or_path)
    suffix = Path(text).suffix.lower()
    if suffix == ".exr":
        return ExrPlate(text, choice or ANY_PICTURE)
    if suffix in STILL_SUFFIXES:
        return StillPlate(text)
    if suffix in MOVIE_SUFFIXES:
        return MoviePlate(text)
    known = ", ".join((".exr", *STILL_SUFFIXES, *MOVIE_SUFFIXES))
    kind = "folder" if is_folder(Path(text)) else f"{suffix} file" if suffix else "file without an ending"
    raise PlateFormatNotSupported(
        f"A plate cannot be a {kind}.",
        path=text,
        remedy=f"Use one of {known}.",
    )
