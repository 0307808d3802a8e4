"""Everything that is wrong with a plate, found together before anything expensive starts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from svfr_client.errors import FrameIsMissing, SvfrError
from svfr_client.vocabulary import MissingPolicy
from svfr_restore.errors import ColourTagsDiffer, FrameSizeDiffers, NoFramesAsked
from svfr_restore.media.plate_base import FrameShape, Plate


def check_plate(
    plate: Plate, frames: Iterable[int], missing_policy: MissingPolicy, *, ask_colour: bool = False
) -> list[SvfrError]:
    """Return every problem of these frames: missing, truncated, deep, without RGB, of another size.

    Only headers and the ends of files are looked at. Under the policies hold and skip a missing frame is no
    problem, except when the plate has none of the range at all. All must have the size of the first frame of
    the range that can be read. With ``ask_colour``, when the file says what the colours are, all must say the
    same.
    """
    wanted = list(dict.fromkeys(frames))
    if not wanted:
        return [
            NoFramesAsked(
                "The frame range is empty.",
                path=plate.pattern,
                remedy="Give at least one frame, e.g. 1001-1050.",
            )
        ]
    problems: list[SvfrError] = []
    to_read = wanted
    if missing_policy != "error":
        to_read = _present(plate, wanted)
        if not to_read:
            return [_nothing_left(plate, wanted)]
    expected: FrameShape | None = None
    for frame in to_read:
        try:
            shape = plate.probe(frame)
        except SvfrError as error:
            problems.append(error)
            continue
        expected = expected or shape
        if shape != expected:
            problems.append(_other_size(plate, frame, shape, expected))
        elif ask_colour and shape.colour != expected.colour:
            problems.append(_other_colour(plate, frame, shape.colour, expected.colour))
    changed = plate.other_colour(to_read) if ask_colour and not problems else None
    if changed is not None:
        problems.append(_other_colour(plate, *changed, plate.colour_hint))
    return problems


def _other_colour(plate: Plate, frame: int, colour: str | None, expected: str | None) -> ColourTagsDiffer:
    return ColourTagsDiffer(
        f"The frame states the colour {colour or 'nothing'}, the frames before it {expected or 'nothing'}.",
        frame=frame,
        path=plate.path(frame),
        remedy="Name the space that holds for all (--colorspace), or convert the frames to one.",
    )


def _present(plate: Plate, wanted: Sequence[int]) -> list[int]:
    present = set(plate.frames)
    return [frame for frame in wanted if frame in present]


def _nothing_left(plate: Plate, wanted: list[int]) -> FrameIsMissing:
    return FrameIsMissing(
        f"The plate has none of the frames {wanted[0]} to {wanted[-1]};"
        f" it runs from {plate.frames[0]} to {plate.frames[-1]}.",
        frame=wanted[0],
        path=plate.pattern,
        remedy="Choose a range that the plate covers.",
    )


def _other_size(plate: Plate, frame: int, shape: FrameShape, expected: FrameShape) -> FrameSizeDiffers:
    return FrameSizeDiffers(
        f"The frame is {shape}, the others are {expected}.",
        frame=frame,
        path=plate.path(frame),
        remedy="Bring all frames to one size, or restore them as separate jobs.",
    )
