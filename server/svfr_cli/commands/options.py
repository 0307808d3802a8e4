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
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="FOLDER|FILE",
        help="A server elsewhere: the folder that svfr key join made, or its connection.json. Default: the "
        "folder in SVFR_HOME, else this machine's own server.",
    ),
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
OcioContext = Annotated[
    list[str] | None,
    typer.Option(
        "--ocio-context", metavar="NAME=VALUE", help="A context variable of the OCIO config; may be repeated."
    ),
]
ReferenceSpace = Annotated[
    str | None,
    typer.Option(
        "--reference-space",
        help="The reference space of an OCIO config that does not state its own, e.g. lin_rec709_scene.",
    ),
]
PlateLayer = Annotated[str | None, typer.Option("--layer", help="Layer of the plate's EXR to restore.")]
PlatePart = Annotated[str | None, typer.Option("--part", help="Part of the plate's EXR, by name or number.")]
PlateView = Annotated[str | None, typer.Option("--view", help="View of a stereo EXR: left, right.")]
Plate = Annotated[
    str, typer.Argument(help="The plate: shot.%04d.exr, shot.####.exr, one picture, or a movie.")
]
Missing = Annotated[
    str, typer.Option("--missing", help=f"Frames missing in the plate: {listed(MISSING_POLICIES)}.")
]


def all_frames(plate: str, layer: str | None = None, part: str | None = None, view: str | None = None) -> str:
    """Return the range of a whole plate, which must exist; what opens plates is loaded when it is needed."""
    from svfr_restore.media.plate_base import PictureChoice
    from svfr_restore.plan.frames import all_frames

    return all_frames(plate, PictureChoice(layer=layer, part=part, view=view))
