"""Build the SVFR node: a Group of stock nodes, so that a script opens without the plugin.

::

    plate ──┬───────────────────────────────┐A            A
            │      ┌─ minus(plate, shown) ──┴ high detail ┐
    result ─┴─ shown ──────────────── plus(detail x high) ─ mix ─ out
    mask    (only sent)

``shown`` is a Switch: the plate until a result is there, and at every frame that was not restored. Outside
the matte plate and result are equal, so their difference, and with it the detail that is brought back, is
zero there. Every Merge works on rgb alone: the ``svfr.*`` layers and the plate's other channels come through
from the result's Read.
"""

from typing import Any, List, Optional

import nuke

from . import knobs

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
    selected = list(reversed(nuke.selectedNodes()))
    group = create(*selected[:2])
    if selected:
        group.setXYpos(selected[0].xpos(), selected[0].ypos() + 100)
    group.selectOnly()
    group.showControlPanel()
    return group


def all_nodes(group: Optional[Any] = None) -> List[Any]:
    """Return every SVFR node of the script, also inside other groups."""
    found: List[Any] = []
    for node in (group or nuke.root()).nodes():
        if is_svfr(node):
            found.append(node)
        elif node.Class() == "Group":
            found += all_nodes(node)
    return found


def find(full_name: str) -> Optional[Any]:
    """Return the node of that full name, wherever the current group is; None if there is none."""
    node: Any = nuke.root()
    for part in full_name.split("."):
        node = node.node(part) if node is not None and hasattr(node, "node") else None
    return node


def write_quietly(node: Any, knob: str, text: str) -> None:
    """Set a text that the plugin writes by itself; it is no step of the artist's to undo."""
    nuke.Undo.disable()
    try:
        node[knob].setValue(text)
    finally:
        nuke.Undo.enable()


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
    fine = _merge("Fine", "minus", a=lost, b=coarse)
    detail = nuke.nodes.Multiply(name="Amount", inputs=[fine], channels="rgb")
    detail["value"].setExpression("parent.detail")
    detailed = _merge("Detailed", "plus", a=detail, b=shown)
    mixed = _merge("Mix", "copy", a=plate, b=detailed)
    mixed["mix"].setExpression("1 - parent.mix")
    nuke.nodes.Output(name="Output1", inputs=[mixed])


def _merge(name: str, operation: str, a: Any, b: Any) -> Any:
    """Return a Merge of rgb: input 0 is B, input 1 is A; other channels are those of B."""
    return nuke.nodes.Merge2(
        name=name, operation=operation, inputs=[b, a], Achannels="rgb", Bchannels="rgb", output="rgb"
    )
