# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender's own proxies of results: small pictures beside the frames, in its own colours, for playing.

EXR frames play slowly. Blender draws a strip's proxies where the preview's size is set to theirs, and renders
from the frames all the same, so that nothing else has to change.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import bpy

from .compat import all_strips

_SIZES = ("build_25", "build_50", "build_75", "build_100")


def wants_proxies(results: Iterable[Any], parts: Iterable[Any], is_asked: bool) -> list[Any]:
    """Return the results that are to have proxies: all where that is asked, else those whose source has."""
    with_proxies = any(part.use_proxy for part in parts)
    return [result for result in results if is_asked or with_proxies or result.use_proxy]


def build_proxies(scene: Any, results: Iterable[Any], parts: Iterable[Any]) -> str:
    """Have Blender build proxies of the results, of their sources' sizes or half; return what to tell.

    In its window that is one of Blender's background jobs; without a window it is waited for.
    """
    results = list(results)
    if not results:
        return ""
    sizes = {name for part in parts if part.use_proxy for name in _SIZES if getattr(part.proxy, name)}
    for result in results:
        result.use_proxy = True
        for name in _SIZES:
            setattr(result.proxy, name, name in (sizes or {"build_50"}))
    selected = {strip.name: strip.select for strip in all_strips(scene.sequence_editor)}
    for strip in all_strips(scene.sequence_editor):
        strip.select = strip in results
    try:
        return _build()
    finally:
        for strip in all_strips(scene.sequence_editor):
            strip.select = selected[strip.name]


def _build() -> str:
    """Build those of the selected strips; the operator takes no others."""
    manager = bpy.context.window_manager
    windows = [] if manager is None else list(manager.windows)
    lent = bpy.context.temp_override(window=windows[0]) if windows else nullcontext()
    how = "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"
    with lent:
        try:
            bpy.ops.sequencer.rebuild_proxy(how)
        except RuntimeError:
            return "Blender could not build the proxies: use Strip > Movie Strip > Rebuild Proxy."
    return ""
