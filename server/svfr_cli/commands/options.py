"""Options that several commands share, spelled once."""

from collections.abc import Sequence
from typing import Annotated

import typer

from svfr_client.vocabulary import MISSING_POLICIES


def listed(words: Sequence[str]) -> str:
    """Return the words as a sentence names them: ``error, hold or skip``."""
    return f"{', '.join(words[:-1])} or {words[-1]}"


AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per line instead of text and progress.")
]
Frames = Annotated[
    str | None,
    typer.Option(
        "--frames", "-f", help='Frames, like "1001-1050" or "1001-1050x2,1060". Default: all of the plate.'
    ),
]
ColourSpace = Annotated[
    str | None,
    typer.Option(
        "--colorspace",
        help="Colour space of the plate: name, alias or interop id. Default: what the file says.",
    ),
]
Ocio = Annotated[
    str | None,
    typer.Option(
        "--ocio", help="OCIO config: a path or an ocio:// address. Default: the built-in studio config."
    ),
]
Plate = Annotated[
    str, typer.Argument(help="The plate: shot.%04d.exr, shot.####.exr, one picture, or a movie.")
]
Missing = Annotated[
    str, typer.Option("--missing", help=f"Frames missing in the plate: {listed(MISSING_POLICIES)}.")
]


def all_frames(plate: str) -> str:
    """Return the range of all frames of a plate, which must exist."""
    from svfr_client.frames import FrameRange
    from svfr_restore.media.plate import open_plate

    return str(FrameRange.of(open_plate(plate).frames))
