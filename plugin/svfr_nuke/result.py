"""Show a finished job: the Read inside the node, with the plate's own frames and colour space."""

import re
from typing import Any

import nuke

from .colour import normalised
from .errors import ResultSpaceNotSet
from .node import RESULT

_FRAME_DIGITS = re.compile(r"(-?\d+)(?=\.exr\Z)", re.IGNORECASE)


def pattern_of(path: str, frame: int) -> str:
    """Return the pattern of a result's file: ``a/shot_v002.%04d.exr`` for ``a/shot_v002.1001.exr``.

    The service chooses the version, so the pattern is taken from what it wrote. A path without that frame
    number is one file and stays.
    """
    path = path.replace("\\", "/")
    match = _FRAME_DIGITS.search(path)
    if match is None or int(match.group(1)) != frame:
        return path
    return f"{path[: match.start()]}%0{len(match.group(1))}d{path[match.end() :]}"


def show(node: Any, pattern: str, first: int, last: int, space: str, raw: bool) -> None:
    """Load the frames into the node's Read and switch to them.

    ``space`` is Nuke's own name of the plate's space. Raises
    :class:`~svfr_nuke.errors.ResultSpaceNotSet`, and goes on showing the plate, if the Read does not take
    it; the undo step is one.
    """
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
        node["has_result"].setValue(True)
    finally:
        undo.end()


def hide(node: Any) -> None:
    """Show the plate again."""
    node["has_result"].setValue(False)


def _set_space(read: Any, space: str) -> None:
    knob = read["colorspace"]
    wanted = [name for name in nuke.getColorspaceList(knob) if normalised(name) == space]
    if wanted:
        knob.setValue(wanted[0])
    if normalised(str(knob.value())) != space:
        raise ResultSpaceNotSet(
            f'The result\'s Read does not take the colour space "{space}"; it says "{knob.value()}".',
            remedy=f"Open the group and set the colour space of the Read {RESULT} by hand.",
        )
