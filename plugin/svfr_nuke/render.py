"""Render an input to EXR: raw, 32 bit, same frame numbers, through a Write that is gone afterwards."""

from pathlib import Path
from typing import Any, List, Optional, Tuple

import nuke

from svfr_client.files import is_file
from svfr_client.frames import FrameRange
from svfr_client.reasons import in_one_line

from .errors import ProxyModeIsOn, RenderCancelled, RenderFailed
from .exr_size import picture_size
from .node import nothing_to_undo


def render_exr(
    node: Any,
    pattern: str,
    frames: FrameRange,
    *,
    view: str,
    channels: str,
    mask_channel: Optional[str] = None,
) -> None:
    """Render ``node`` to ``pattern`` (forward slashes, ``%04d``).

    ``channels`` are those of the Write; with ``mask_channel`` that channel is copied into alpha first and
    ``channels`` is ``alpha``. Pixels are written as Nuke has them, without a colour transform. Raises
    :class:`~svfr_nuke.errors.RenderCancelled`, :class:`~svfr_nuke.errors.RenderFailed` also for files that
    are missing, empty or of another size afterwards, and :class:`~svfr_nuke.errors.ProxyModeIsOn`.
    """
    if nuke.root().proxy():
        raise ProxyModeIsOn("Proxy mode is on.", remedy="Turn it off, so that full frames are rendered.")
    # A button's script runs inside its own group; the Write belongs beside the node that it renders.
    around = node.parent() or nuke.root()
    temporary: List[Any] = []
    with nothing_to_undo():
        around.begin()
        try:
            source = node
            if mask_channel is not None:
                source = _copy_to_alpha(node, mask_channel)
                temporary.append(source)
            write = _write(source, pattern, channels)
            temporary.append(write)
            _execute(write, frames, view, pattern)
        finally:
            for made in reversed(temporary):
                nuke.delete(made)
            around.end()
    form = node.format()
    _check_files(pattern, frames, (form.width(), form.height()))


def _copy_to_alpha(node: Any, channel: str) -> Any:
    if channel not in nuke.channels(node):
        raise RenderFailed(
            f'The mask input has no channel "{channel}".',
            remedy="Name one of these in the mask channel field: {}.".format(
                ", ".join(nuke.channels(node)[:20])
            ),
        )
    copy = nuke.nodes.Copy(inputs=[node, node])
    copy["from0"].setValue(channel)
    copy["to0"].setValue("rgba.alpha")
    return copy


def _write(source: Any, pattern: str, channels: str) -> Any:
    write = nuke.nodes.Write(inputs=[source], file=pattern, file_type="exr")
    write["channels"].setValue(channels)
    write["create_directories"].setValue(True)
    write["raw"].setValue(True)
    # These two exist only once the file type is exr.
    write["datatype"].setValue("32 bit float")
    write["compression"].setValue("Zip (16 scanlines)")
    return write


def _execute(write: Any, frames: FrameRange, view: str, pattern: str) -> None:
    try:
        for first, last in frames.runs():
            nuke.execute(write, first, last, 1, [view])
    except (RuntimeError, nuke.CancelledError) as problem:
        if isinstance(problem, nuke.CancelledError) or "cancel" in str(problem).lower():
            raise RenderCancelled("The rendering of the inputs was cancelled.") from problem
        raise RenderFailed(
            f"Nuke could not render the input: {in_one_line(problem)}.",
            path=pattern,
            remedy="Render it with a Write of your own to see what is wrong.",
        ) from problem


def _check_files(pattern: str, frames: FrameRange, wanted: Tuple[int, int]) -> None:
    for frame in frames:
        path = Path(pattern % frame)
        if not is_file(path) or path.stat().st_size == 0:
            raise RenderFailed(
                "Nuke rendered no file for a frame.",
                frame=frame,
                path=path,
                remedy="See whether the disk is full.",
            )
        size = picture_size(path)
        if size is not None and size != wanted:
            raise RenderFailed(
                f"Nuke wrote {_times(size)} pixels of a picture of {_times(wanted)}.",
                frame=frame,
                path=path,
                remedy="Nuke Indie and Non-commercial write no larger ones. Connect the plate's Read itself: "
                "its files are sent as they are.",
            )


def _times(size: Tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
