"""What happens when Nuke starts: callbacks always, the menu with a window. Nothing is loaded or connected."""

import sys
from typing import Any

import nuke

OLDEST_NUKE = 14
MENU = "SVFR"
VERSION_MENU, FACE_POINT, MODEL_MENU, MODEL = "version", "face_point", "model_menu", "model"
_KNOBS_OF_COLOUR = ("inputChange", "showPanel", "colour_space", "ocio_config", "ocio_context")


def on_init() -> None:
    """Register the callbacks; called by ``init.py``."""
    if nuke.NUKE_VERSION_MAJOR < OLDEST_NUKE:
        sys.stderr.write(
            f"SVFR Studio needs Nuke {OLDEST_NUKE} or newer; this is {nuke.NUKE_VERSION_STRING}.\n"
        )
        return
    nuke.addBeforeRender(_before_render)
    if nuke.GUI:
        nuke.addOnScriptLoad(_follow_again)
        nuke.addKnobChanged(_react, nodeClass="Group")


def on_menu() -> None:
    """Make Nodes > SVFR; called by ``menu.py``."""
    if nuke.NUKE_VERSION_MAJOR < OLDEST_NUKE:
        return
    menu = nuke.menu("Nodes").addMenu(MENU)
    menu.addCommand("Restore faces", "import svfr_nuke.node; svfr_nuke.node.create_from_selection()")
    menu.addCommand(
        "Restore selected nodes", "import svfr_nuke.buttons; svfr_nuke.buttons.restore_selected()"
    )


def _before_render() -> None:
    from .render_wait import before_render

    before_render()


def _follow_again() -> None:
    """Fill the menus of versions, and take up the jobs of a script that was saved while they ran."""
    from svfr_client.errors import SvfrError

    from . import node as nodes
    from . import versions
    from .knobs import add_missing
    from .session import reattach

    try:
        found = nodes.all_nodes()
    except SvfrError as error:
        sys.stderr.write(f"SVFR Studio: {error}\n")
        return
    for node in found:
        add_missing(node)
        versions.fill(node)
        try:
            reattach(node)
        except SvfrError as error:
            nodes.write_quietly(node, "status", str(error))


def _react() -> None:
    """Show the version that the artist chose, or the colour of a node whose inputs or settings changed."""
    knob = nuke.thisKnob().name()
    if knob not in _KNOBS_OF_COLOUR and knob not in (VERSION_MENU, FACE_POINT, MODEL_MENU, MODEL):
        return
    from . import node as nodes

    node: Any = nuke.thisNode()
    if not nodes.is_svfr(node):
        return
    if knob == VERSION_MENU:
        from .buttons import show_version

        show_version(node, str(node[VERSION_MENU].value()))
    elif knob in (MODEL_MENU, MODEL):
        _match_models(node, knob)
    elif knob == FACE_POINT:
        node["face_frame"].setValue(nuke.frame())  # the one that the artist is looking at
    else:
        if knob == "showPanel":
            _ask_for_models(node)
        _refresh_colour(node)


def _ask_for_models(node: Any) -> None:
    from . import model_menu
    from .knobs import add_missing

    add_missing(node)
    model_menu.ask(node)


def _match_models(node: Any, knob: str) -> None:
    from . import model_menu

    if MODEL_MENU not in node.knobs():  # a node of an earlier version, whose panel is not open
        return
    if knob == MODEL_MENU:
        model_menu.take(node)
    else:
        model_menu.follow(node)


def _refresh_colour(node: Any) -> None:
    from svfr_client.errors import SvfrError

    from . import node as nodes
    from .gather import find_colour

    try:
        nodes.write_quietly(node, "colour_found", find_colour(node).summary)
    except SvfrError as error:
        nodes.write_quietly(node, "colour_found", str(error))
