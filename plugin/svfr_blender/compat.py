# SPDX-License-Identifier: GPL-3.0-or-later
"""The few names that differ between Blender 4.2 and 5.x, each behind one function.

4.2 calls strips "sequences", 4.5 has both names, 5.0 only the new one. 5.0 gives the sequencer a scene of
its own choice; 5.1 renames the timing of strips.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def strips_of(owner: Any) -> Any:
    """Return the collection of strips directly in a sequence editor or a meta strip."""
    return owner.strips if hasattr(owner, "strips") else owner.sequences


def all_strips(editor: Any) -> Any:
    """Return every strip of a sequence editor, those inside metas too."""
    return editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all


def first_frame(strip: Any) -> int:
    """Return the first visible timeline frame of a strip."""
    return int(strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start)


def end_frame(strip: Any) -> int:
    """Return the timeline frame after the last visible one."""
    return int(strip.right_handle if hasattr(strip, "right_handle") else strip.frame_final_end)


def sequencer_scene(context: Any) -> Any:
    """Return the scene whose sequencer the user sees, or None when a workspace shows none."""
    if hasattr(context, "sequencer_scene"):
        return context.sequencer_scene or context.scene
    return context.scene


def active_strip(context: Any) -> Any:
    """Return the active strip, or None."""
    scene = sequencer_scene(context)
    editor = None if scene is None else scene.sequence_editor
    return None if editor is None else editor.active_strip


def selected_strips(context: Any) -> list[Any]:
    """Return the selected strips in the open meta or at the top, in timeline order."""
    scene = sequencer_scene(context)
    if scene is None or scene.sequence_editor is None:
        return []
    stack = scene.sequence_editor.meta_stack
    shown = strips_of(stack[-1] if stack else scene.sequence_editor)
    return sorted((s for s in shown if s.select), key=lambda s: (first_frame(s), s.channel))


def curve_collections(scene: Any) -> Iterator[Any]:
    """Yield the collections of a scene's animation curves; since 5.0 they lie in layered actions."""
    data = scene.animation_data
    action = None if data is None else data.action
    if action is None:
        return
    if hasattr(action, "fcurves"):
        yield action.fcurves
        return
    for layer in action.layers:
        for part in layer.strips:
            bag = part.channelbag(data.action_slot)
            if bag is not None:
                yield bag.fcurves
