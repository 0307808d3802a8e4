"""What happens when Nuke starts: callbacks always, the menu with a window. Nothing is loaded or connected."""

import sys
from typing import Any

import nuke

OLDEST_NUKE = 14
MENU = "SVFR"


def on_init() -> None:
    """Register the callbacks; called by ``init.py``."""
    if nuke.NUKE_VERSION_MAJOR < OLDEST_NUKE:
        sys.stderr.write(
            f"SVFR Studio needs Nuke {OLDEST_NUKE} or newer; this is {nuke.NUKE_VERSION_STRING}.\n"
        )
        return
    if nuke.GUI:
        nuke.addOnScriptLoad(_follow_again)
        nuke.addKnobChanged(_refresh_colour, nodeClass="Group")


def on_menu() -> None:
    """Make Nodes > SVFR; called by ``menu.py``."""
    if nuke.NUKE_VERSION_MAJOR < OLDEST_NUKE:
        return
    menu = nuke.menu("Nodes").addMenu(MENU)
    menu.addCommand("Restore faces", "import svfr_nuke.node; svfr_nuke.node.create_from_selection()")
    menu.addCommand(
        "Restore selected nodes", "import svfr_nuke.buttons; svfr_nuke.buttons.restore_selected()"
    )


def _follow_again() -> None:
    """Take up the jobs of a script that was saved while they ran."""
    from svfr_client.errors import SvfrError

    from . import node as nodes
    from .session import reattach

    for node in nodes.all_nodes():
        try:
            reattach(node)
        except SvfrError as error:
            nodes.write_quietly(node, "status", str(error))


def _refresh_colour() -> None:
    """Show the colour of a node whose inputs changed or whose panel was opened."""
    node: Any = nuke.thisNode()
    if nuke.thisKnob().name() not in (
        "inputChange",
        "showPanel",
        "colour_space",
        "ocio_config",
        "ocio_context",
    ):
        return
    from svfr_client.errors import SvfrError

    from . import node as nodes
    from .gather import find_colour

    if not nodes.is_svfr(node):
        return
    try:
        nodes.write_quietly(node, "colour_found", find_colour(node).summary)
    except SvfrError as error:
        nodes.write_quietly(node, "colour_found", str(error))
