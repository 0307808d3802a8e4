"""The results of a node: every one stays a version that the artist can look at again.

The list lies in a hidden knob, so it is saved, copied and pasted with the node; the menu shows its names and
what the menu says is what the node shows. The menu is filled again when a script is loaded: whether Nuke
saves the entries of a menu that grew is nobody's promise.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Any, List, Optional, Tuple

import nuke

from svfr_client.files import is_file
from svfr_client.frames import FrameRange
from svfr_client.json_files import read_json
from svfr_client.output_names import output_path, version_name

from . import result
from .errors import VersionIsGone
from .node import fill_menu, write_quietly

LIST, MENU, MADE = "svfr_versions", "version", "version_made"
PLATE = "plate"


@dataclass(frozen=True)
class Version:
    """One result: the job that made it, its files and frames, and what the Read that shows it is set to.

    ``space`` is Nuke's own name of the plate's space; ``made`` says with what it was made, for the artist.
    ``plate`` is what came in, as the host sees it.
    """

    job: str
    pattern: str
    frames: str
    space: str
    raw: bool
    made: str
    plate: str = ""
    name: str = ""


def all_of(node: Any) -> Tuple[Version, ...]:
    """Return the node's results, the oldest first; none for a list that another plugin version wrote."""
    try:
        return tuple(Version(**entry) for entry in read_json(str(node[LIST].value() or "[]")))
    except (ValueError, TypeError):
        return ()


def shown(node: Any) -> Optional[Version]:
    """Return the version that the menu says, None for the plate."""
    return _named(node, str(node[MENU].value()))


def of_job(node: Any, job: str) -> Optional[Version]:
    """Return the version that a job made, None if there is none any more."""
    return next((version for version in all_of(node) if version.job == job), None)


def keep(node: Any, version: Version) -> Version:
    """Add a result to the list, or put it in the place of the one with the same files; return it, named."""
    before = all_of(node)
    same = next((other for other in before if other.pattern == version.pattern), None)
    if same is not None:
        named = replace(version, name=same.name)
        _write(node, [named if other is same else other for other in before])
    else:
        named = replace(version, name=_free_name(version.pattern, [other.name for other in before]))
        _write(node, [*before, named])
    return named


def show(node: Any, version: Version) -> None:
    """Show a version of the list, and say so in the menu; one step of undo.

    Raises as :func:`svfr_nuke.result.show`.
    """
    undo = nuke.Undo()
    undo.begin(f"SVFR {version.name}")
    try:
        fill(node)
        result.show(node, version.pattern, FrameRange.parse(version.frames), version.space, version.raw)
        node[MENU].setValue(version.name)
        node[MADE].setValue(version.made)
    finally:
        undo.end()


def choose(node: Any, name: str) -> None:
    """Show the version of that name, or the plate for ``plate``.

    Raises :class:`~svfr_nuke.errors.VersionIsGone`, and goes on showing what was shown, for a version that is
    not in the list or whose first frame is not on the disk; else as :func:`show`.
    """
    if name == PLATE:
        _show_plate(node)
        return
    version = _named(node, name)
    if version is None:
        raise VersionIsGone(f"This node has no version {name}.", remedy="Choose another, or press Restore.")
    first = output_path(version.pattern, FrameRange.parse(version.frames).first)
    if not is_file(first):
        back = _in_read(node)
        node[MENU].setValue(PLATE if back is None else back.name)
        raise VersionIsGone(
            f"The frames of {name} are not there any more.",
            path=first,
            remedy="Bring them back, or press Restore.",
        )
    if not node["has_result"].value() or _in_read(node) != version:
        show(node, version)


def fill(node: Any) -> None:
    """Make the menu's entries those of the list, and what it says what the node shows; no step to undo."""
    in_read = _in_read(node)
    entries = [PLATE, *(version.name for version in all_of(node))]
    fill_menu(node[MENU], entries, PLATE if in_read is None else in_read.name)


def _show_plate(node: Any) -> None:
    undo = nuke.Undo()
    undo.begin("SVFR plate")
    try:
        node["has_result"].setValue(False)
        node[MENU].setValue(PLATE)
        node[MADE].setValue("")
    finally:
        undo.end()


def _named(node: Any, name: str) -> Optional[Version]:
    return next((version for version in all_of(node) if version.name == name), None)


def _in_read(node: Any) -> Optional[Version]:
    """Return the version that the node shows, whatever the menu says; None for the plate."""
    if not node["has_result"].value():
        return None
    file = str(node.node(result.RESULT)["file"].value())
    return next((version for version in all_of(node) if version.pattern == file), None)


def _write(node: Any, versions: List[Version]) -> None:
    write_quietly(node, LIST, json.dumps([asdict(version) for version in versions]))


def _free_name(pattern: str, taken: List[str]) -> str:
    """Return the version in the files' name; of results in several places the later ones get a number."""
    name = wanted = version_name(pattern)
    number = 1
    while name in taken or name == PLATE:
        number += 1
        name = f"{wanted} ({number})"
    return name
