# SPDX-License-Identifier: GPL-3.0-or-later
"""Give a result the modifiers of its source, so that a grade on the source shows on the result too.

Blender 5.0 crashes when a modifier is made while the workspace in context has no scene for its sequencer; a
window that has one is lent for the purpose, and without any such window nothing is copied.
"""

from __future__ import annotations

from typing import Any

import bpy

_OWN = ("rna_type", "name", "type", "is_active")


def copy_modifiers(strip: Any, result: Any) -> bool:
    """Copy all modifiers with all their values; returns False when Blender cannot take them now."""
    if not len(strip.modifiers):
        return True
    window = _fit_window()
    if window is None:
        return False
    with bpy.context.temp_override(window=window):
        for old in strip.modifiers:
            new = result.modifiers.new(old.name, old.type)
            if new is not None:
                _copy_values(old, new)
    return True


def _fit_window() -> Any | None:
    manager = bpy.context.window_manager
    for window in manager.windows if manager is not None else ():
        if not hasattr(window.workspace, "sequencer_scene") or window.workspace.sequencer_scene is not None:
            return window
    return None


def _copy_values(old: Any, new: Any) -> None:
    for prop in old.bl_rna.properties:
        name = prop.identifier
        if name in _OWN or prop.type == "COLLECTION":
            continue
        if not prop.is_readonly:
            setattr(new, name, getattr(old, name))
        elif prop.type == "POINTER" and getattr(old, name) is not None:
            inner = getattr(old, name)
            if hasattr(inner, "curves"):
                _copy_curves(inner, getattr(new, name))
            else:
                _copy_values(inner, getattr(new, name))


def _copy_curves(old: Any, new: Any) -> None:
    """Copy a curve mapping point by point; a curve always keeps at least two points."""
    for prop in old.bl_rna.properties:
        if not prop.is_readonly:
            setattr(new, prop.identifier, getattr(old, prop.identifier))
    for before, after in zip(old.curves, new.curves, strict=True):
        while len(after.points) > max(2, len(before.points)):
            after.points.remove(after.points[1])
        while len(after.points) < len(before.points):
            after.points.new(0.5, 0.5)
        for wanted, point in zip(before.points, after.points, strict=True):
            point.location, point.handle_type = wanted.location, wanted.handle_type
    new.update()
