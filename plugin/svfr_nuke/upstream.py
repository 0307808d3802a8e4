"""Read what is connected: a bare Read whose files can be sent by path, or something to be rendered.

A Read is bare when its frames are its files: only Dots between it and the node, no retiming, no frame
outside its range, and a path with one frame field or a movie. Everything else is rendered, because only
Nuke knows what it looks like.
"""

import posixpath
import re
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, List, Optional

import nuke

from svfr_client.frames import FrameRange

from .errors import BadSetting, ProxyModeIsOn, ViewIsNotChosen

_VIEW_FIELD = re.compile(r"%[vV]")


@dataclass(frozen=True)
class Source:
    """What a plate input is. ``read`` and ``path`` are set for a bare Read, ``reason`` says why not."""

    node: Any
    read: Optional[Any] = None
    path: Optional[str] = None
    reason: str = ""


def skip_dots(node: Optional[Any]) -> Optional[Any]:
    """Return the first node upstream, ``node`` itself included, that is no Dot."""
    while node is not None and node.Class() == "Dot":
        node = node.input(0)
    return node


def find_source(node: Any, frames: FrameRange, view: str) -> Source:
    """Return how the pixels of ``node`` get to the service."""
    read = skip_dots(node)
    if read is None or read.Class() != "Read":
        return Source(node, reason="the plate is no Read")
    reason = _why_not_bare(read, frames)
    path = "" if reason else file_of(read, view)
    if not reason and len(nuke.views()) > 1 and not _VIEW_FIELD.search(_written(read)):
        reason = "one file may hold several views"  # only Nuke can take them apart
    return Source(node, reason=reason) if reason else Source(node, read, path)


def _why_not_bare(read: Any, frames: FrameRange) -> str:
    first, last = int(read["first"].value()), int(read["last"].value())
    if str(read["frame"].value() or "").strip() and not _is_identity(read, first):
        return "the Read changes frame numbers"
    if frames.first < first or frames.last > last:
        return "frames lie outside the Read's range"
    if read["disable"].value():
        return "the Read is disabled"
    return ""


def _is_identity(read: Any, first: int) -> bool:
    """Return whether the Read's frame field leaves every frame where it is."""
    mode, text = str(read["frame_mode"].value()), str(read["frame"].value()).strip()
    return (mode, text) in (("start at", str(first)), ("offset", "0"), ("expression", "frame"))


def _written(read: Any) -> str:
    """Return the Read's file, frame field kept; in proxy mode ``nuke.filename`` would name its proxy."""
    root: Any = nuke.root()
    if not root.proxy():
        return str(nuke.filename(read) or "").replace("\\", "/")
    path = str(read["file"].value() or "")
    if "[" in path:  # an expression that only nuke.filename evaluates
        raise ProxyModeIsOn("Proxy mode is on.", remedy="Turn it off, so that the full frames are sent.")
    return path.replace("\\", "/")


def file_of(read: Any, view: str) -> str:
    """Return the Read's file for ``view``: absolute, with forward slashes, frame field kept.

    Raises :class:`~svfr_nuke.errors.BadSetting` for an empty or relative path without a project folder.
    """
    path = _written(read)
    if not path:
        raise BadSetting(f"{read.name()} has no file.", remedy="Choose its file.")
    path = path.replace("%V", view).replace("%v", view[:1])
    if not is_absolute(path):
        root: Any = nuke.root()
        folder = str(root["project_directory"].getEvaluatedValue() or "").replace("\\", "/")
        if not is_absolute(folder):
            raise BadSetting(
                f"{read.name()} has a relative path and the project has no folder.",
                path=path,
                remedy="Set the project directory in the Project Settings, or write the whole path.",
            )
        path = posixpath.normpath(posixpath.join(folder, path))
    return path


def is_absolute(path: str) -> bool:
    """Return whether ``path`` is absolute here or on Windows."""
    return PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()


def choose_view(wanted: str) -> str:
    """Return the view to restore: the one that is there, or the named one of several.

    Raises :class:`~svfr_nuke.errors.ViewIsNotChosen`.
    """
    views: List[str] = list(nuke.views())
    if not wanted and len(views) == 1:
        return views[0]
    if wanted in views:
        return wanted
    text = f'There is no view "{wanted}".' if wanted else "The script has several views."
    raise ViewIsNotChosen(text, remedy="Name one in the node's view field: {}.".format(", ".join(views)))
