"""Show a finished job: the Read inside the node, with the plate's own frames and colour space."""

from typing import Any

import nuke

from svfr_client.frames import FrameRange

from .colour import names_of
from .errors import ResultSpaceNotSet
from .node import RESULT, SHOWN

_MOST_STRETCHES = 40


def show(node: Any, pattern: str, frames: FrameRange, space: str, raw: bool) -> None:
    """Load the frames into the node's Read and switch to them; at every other frame the plate is shown.

    ``space`` is Nuke's own name of the plate's space. Raises
    :class:`~svfr_nuke.errors.ResultSpaceNotSet`, and goes on showing the plate, if the Read does not take
    it; the undo step is one.
    """
    first, last = frames.first, frames.last
    undo = nuke.Undo()
    undo.begin("SVFR result")
    try:
        read = node.node(RESULT)
        read["file"].fromUserText(pattern)
        for knob, value in (("first", first), ("last", last), ("origfirst", first), ("origlast", last)):
            read[knob].setValue(value)
        read["raw"].setValue(raw)
        if not raw:
            _set_space(read, space)
        read["reload"].execute()
        node.node(SHOWN)["which"].setExpression(f"parent.has_result && ({_among(frames)})")
        node["has_result"].setValue(True)
    finally:
        undo.end()


def _set_space(read: Any, space: str) -> None:
    knob = read["colorspace"]
    wanted = [name for name in nuke.getColorspaceList(knob) if space in names_of(name)]
    wanted.sort(key=lambda name: "\t" in name)  # the space itself before a role that means it
    if wanted:
        knob.setValue(wanted[0].split("\t")[0])
    shown = str(knob.value())
    if space not in names_of(next((name for name in wanted if name.split("\t")[0] == shown), shown)):
        raise ResultSpaceNotSet(
            f'The result\'s Read does not take the colour space "{space}"; it says "{knob.value()}".',
            remedy=f"Open the group and set the colour space of the Read {RESULT} by hand.",
        )


def _among(frames: FrameRange) -> str:
    """Return Nuke's expression that is true at these frames; for very many stretches, between them too."""
    parts = frames.progressions()
    if len(parts) > _MOST_STRETCHES:
        parts = ((frames.first, frames.last, 1),)
    return " || ".join(_within(*part) for part in parts)


def _within(first: int, last: int, step: int) -> str:
    text = f"frame >= {first} && frame <= {last}"
    return f"({text})" if step == 1 else f"({text} && (frame - ({first})) % {step} == 0)"
