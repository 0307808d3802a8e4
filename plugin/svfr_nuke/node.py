"""Build the SVFR node: a Group of stock nodes, so that a script opens without the plugin.

::

    plate ──┬──────────── lost = plate - shown ──┬─ coarse ─┐A
            │               │                    └── kept = lost - mix x coarse
    result ─┴─ shown ───────┴──────────────────────── out = shown + kept
    mask    (only sent)

``shown`` is a Switch: the plate until a result is there, and at every frame that was not restored. ``coarse``
is what was lost, blurred as far as ``detail`` says, so that what stays in ``kept`` is the plate's own fine
detail, and at a ``mix`` below 1 the plate itself. With mix 1 and no detail it is exactly zero. Outside the
matte plate and result are equal, and with them everything that is made of their difference is zero. Every
Merge works on rgb alone: the ``svfr.*`` layers and the plate's other channels come through from the result's
Read.

Nine nodes in a group: scripts in Nuke Indie may touch ten, as its users report, and its maker is one.
"""

from contextlib import contextmanager
from typing import Any, Iterator, List, Optional, Sequence

import nuke

from . import knobs
from .errors import NodesAreHidden

MARK = "svfr_job"
RESULT, SHOWN = "Result", "Shown"
PLATE_INPUT, MASK_INPUT = 0, 1


def is_svfr(node: Any) -> bool:
    """Return whether ``node`` is one of ours."""
    return bool(node.Class() == "Group" and MARK in node.knobs())


def create(plate: Optional[Any] = None, mask: Optional[Any] = None) -> Any:
    """Make a new node in the current group, connect it and return it."""
    group = nuke.nodes.Group()
    group.setName("SVFR1")
    knobs.add_all(group)
    group.begin()
    try:
        _fill()
    finally:
        group.end()
    if plate is not None:
        group.setInput(PLATE_INPUT, plate)
    if mask is not None:
        group.setInput(MASK_INPUT, mask)
    return group


def create_from_selection() -> Any:
    """Make a node behind the selected ones: the first selected is the plate, the second the mask."""
    group = create()
    if nuke.env["indie"] or nuke.env["nc"]:
        # Making it touched as many nodes as one script may; the selection is the next script's.
        nuke.executeInMainThread(_connect_selection, (group.fullName(),))
    else:
        _connect_selection(group.fullName())
    return group


def _connect_selection(full_name: str) -> None:
    group: Any = find(full_name)
    selected = list(reversed(nuke.selectedNodes()))
    for number, node in enumerate(selected[:2]):  # PLATE_INPUT and MASK_INPUT
        group.setInput(number, node)
    if selected:
        group.setXYpos(selected[0].xpos(), selected[0].ypos() + 100)
    group.selectOnly()
    group.showControlPanel()


def all_nodes(group: Optional[Any] = None) -> List[Any]:
    """Return every SVFR node of the script, also inside other groups.

    Raises :class:`~svfr_nuke.errors.NodesAreHidden` in an edition of Nuke that shows scripts only some nodes.
    """
    found: List[Any] = []
    try:
        for node in nuke.allNodes("Group", group or nuke.root()):
            found += [node] if is_svfr(node) else all_nodes(node)
    except RuntimeError as problem:
        raise NodesAreHidden(
            "This edition of Nuke does not show all its nodes to scripts.",
            remedy="Press Refresh on an SVFR node to take up its job.",
        ) from problem
    return found


def find(full_name: str) -> Optional[Any]:
    """Return the node of that full name, wherever the current group is; None if there is none."""
    node: Any = nuke.root()
    for part in full_name.split("."):
        node = node.node(part) if node is not None and hasattr(node, "node") else None
    return node


@contextmanager
def nothing_to_undo() -> Iterator[None]:
    """Keep what the plugin does by itself out of the artist's undo."""
    nuke.Undo.disable()
    try:
        yield
    finally:
        nuke.Undo.enable()


def write_quietly(node: Any, knob: str, text: str) -> None:
    """Set a text that the plugin writes by itself; it is no step of the artist's to undo."""
    with nothing_to_undo():
        node[knob].setValue(text)


def fill_menu(menu: Any, entries: Sequence[str], chosen: str) -> None:
    """Make a menu's entries these, and let it say one of them; no step to undo."""
    with nothing_to_undo():
        if list(menu.values()) != list(entries):
            menu.setValues(list(entries))
        menu.setValue(chosen)


def _fill() -> None:
    plate = nuke.nodes.Input(name="plate")
    mask = nuke.nodes.Input(name="mask")
    plate["number"].setValue(PLATE_INPUT)
    mask["number"].setValue(MASK_INPUT)
    result = nuke.nodes.Read(name=RESULT)
    result["on_error"].setValue("error")
    shown = nuke.nodes.Switch(name=SHOWN, inputs=[plate, result])
    shown["which"].setExpression("parent.has_result")
    lost = _merge("Lost", "minus", a=plate, b=shown)
    coarse = nuke.nodes.Blur(name="Coarse", inputs=[lost], channels="rgb")
    coarse["size"].setExpression("parent.detail_size")
    coarse["mix"].setExpression("parent.detail")
    kept = _merge("Kept", "from", a=coarse, b=lost)
    kept["mix"].setExpression("parent.mix")
    nuke.nodes.Output(name="Output1", inputs=[_merge("Restored", "plus", a=kept, b=shown)])


def _merge(name: str, operation: str, a: Any, b: Any) -> Any:
    """Return a Merge of rgb: input 0 is B, input 1 is A; other channels are those of B."""
    return nuke.nodes.Merge2(
        name=name, operation=operation, inputs=[b, a], Achannels="rgb", Bchannels="rgb", output="rgb"
    )
