"""From the words of a command line to the parts of a job: faces, boxes, references, masks, absolute paths.

The service runs in another folder, so every path of a job is made absolute here.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer

from svfr_client.errors import BadMask, SvfrError
from svfr_client.face_words import read_face_choice
from svfr_client.files import is_folder
from svfr_client.job import Box, ColourClaim, FaceChoice, Reference
from svfr_client.json_files import read_json_file
from svfr_client.masks import SplineMask
from svfr_client.reasons import reason_of
from svfr_client.sequences import digits_of, frame_fields, is_sequence, plate_name


def absolute(path: str) -> str:
    """Return the path made absolute against the current folder; patterns keep their ``%04d``."""
    return str(Path(path).expanduser().absolute())


def parse_box(text: str) -> Box:
    """Read ``x,y,w,h`` in pixels, x right and y down from the display window's top left.

    Raises typer.BadParameter for anything else.
    """
    try:
        x, y, width, height = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f'--box "{text}" is not x,y,w,h, like 220,80,300,300') from error
    return Box(x, y, width, height)


def parse_faces(text: str, boxes: Sequence[str]) -> FaceChoice:
    """Read ``--faces`` and ``--box`` together.

    Raises typer.BadParameter when they contradict each other, and for a text that chooses no faces.
    """
    if boxes:
        if text != FaceChoice.mode:
            raise typer.BadParameter("--box takes the place of detection: leave --faces out")
        return FaceChoice(mode="box", boxes=tuple(parse_box(box) for box in boxes))
    try:
        choice = read_face_choice(text)
    except SvfrError as problem:
        raise typer.BadParameter(f"--faces {problem}") from problem
    return replace(choice, photos=tuple(absolute(photo) for photo in choice.photos))


def parse_reference(text: str) -> Reference:
    """Read ``[TRACK=]FRAME|PHOTO``: ``1010``, ``2=1010``, ``actor.png``, ``0=actor.png``."""
    before, equals, after = text.partition("=")
    track, what = (int(before), after) if equals and before.isdigit() else (None, text)
    if not what:
        raise typer.BadParameter(f'--reference "{text}" names neither a frame nor a photo')
    if what.lstrip("-").isdigit():
        return Reference(track=track, frame=int(what))
    return Reference(track=track, photo=absolute(what))


def read_mask(text: str | None) -> tuple[str | None, SplineMask | None]:
    """Return a matte sequence's path, or the splines of a ``.json`` file.

    Raises:
        BadMask: the file is missing, or no mask in the form of ``svfr_client.masks``.
    """
    if text is None:
        return None, None
    if not text.lower().endswith(".json"):
        return absolute(text), None
    try:
        body = read_json_file(Path(text))
    except (OSError, ValueError) as error:
        remedy = "Give a matte sequence, or a JSON file of splines."
        raise BadMask(f"The mask cannot be read: {reason_of(error)}.", path=text, remedy=remedy) from error
    return None, SplineMask.from_json(body)


def colour_claim(
    space: str | None,
    config: str | None,
    exposure_stops: float | None,
    context: Sequence[str] = (),
    reference_space: str | None = None,
) -> ColourClaim:
    """Build the colour claim; a config is a path or an ``ocio://`` address of a built-in one.

    ``context`` are NAME=VALUE texts; raises typer.BadParameter for one without a name.
    """
    if config is not None and not config.startswith("ocio://"):
        config = absolute(config)
    values = {}
    for text in context:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f'--ocio-context "{text}" is not NAME=VALUE, like SHOT=sh010')
        values[name] = value
    return ColourClaim(
        space=space,
        config=config,
        exposure_stops=exposure_stops,
        context=values,
        reference_space=reference_space,
    )


def model_reference(text: str) -> str:
    """Return a model's name as it is and a model folder's path made absolute."""
    return absolute(text) if is_folder(Path(text).expanduser()) else text


def default_output(plate: str) -> str:
    """Return where results go unless the user says so: a folder ``NAME_svfr`` beside the plate.

    The frame number of a sequence keeps its width; stills and movies get ``.%04d``.
    """
    fields = frame_fields(Path(plate).stem) if is_sequence(plate) else []
    name = plate_name(plate) if fields else Path(plate).stem
    digits = digits_of(fields[0]) if fields else 4
    return str(Path(absolute(plate)).parent / f"{name}_svfr" / f"{name}.%0{digits}d.exr")
