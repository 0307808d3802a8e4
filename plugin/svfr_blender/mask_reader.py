# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an animated mask frame by frame without moving the user's playhead.

Blender evaluates a mask for every scene that is advanced. A scene of our own, made and removed within one
call, is advanced in place of the user's; neither their frame nor the mask itself changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy

from .compat import all_strips
from .errors import MaskCannotBeSent, MaskIsMissing
from .mask_shapes import shape_of
from .placement import Placement, over_frame, over_plate
from .svfr_client.masks import SplineMask

_NO_SHAPES = "Draw a closed spline on a layer that is visible in renders."


@dataclass(frozen=True)
class MaskUse:
    """A mask and how it is used: ``time`` gives the mask's own frame at a timeline frame."""

    mask: Any
    placement: Placement
    time: Callable[[int], int]


def chosen_mask(settings: Any, strip: Any, scene: Any, plate_size: tuple[int, int]) -> MaskUse | None:
    """Return the mask that the panel asks for, or None; raises MaskIsMissing."""
    frame_size = (scene.render.resolution_x, scene.render.resolution_y)
    if settings.mask_source == "NONE":
        return None
    if settings.mask_source == "MASK":
        if settings.mask is None:
            raise MaskIsMissing("No mask is chosen.", remedy="Choose a mask, or set Mask to None.")
        return MaskUse(settings.mask, over_plate(*plate_size), lambda at: at)
    if settings.mask_source == "STRIP":
        placement = over_frame(strip, plate_size, frame_size)
        return _of_strip(_named_mask_strip(settings.mask_strip, scene), placement)
    # Since 5.0 a modifier sees the picture before it is flipped.
    return _of_modifier(strip, over_frame(strip, plate_size, frame_size, bpy.app.version >= (5, 0, 0)))


def read_mask(use: MaskUse, timeline: Mapping[int, int]) -> SplineMask:
    """Return the mask's shapes by plate frame; ``timeline``: the timeline frame of every plate frame.

    Raises MaskIsMissing when no frame has a closed outline, MaskCannotBeSent for a mask that tracking moves.
    """
    if any(_is_parented(p) for layer in use.mask.layers for s in layer.splines for p in s.points):
        raise MaskCannotBeSent(
            f'The mask "{use.mask.name}" follows a tracking marker, whose movement Blender does not tell.',
            remedy="Clear the parents of its points and animate the mask with shape keys.",
        )
    with _scene_of_our_own() as scene:
        shapes = {}
        for plate_frame, at in timeline.items():
            scene.frame_set(use.time(at))
            evaluated = use.mask.evaluated_get(scene.view_layers[0].depsgraph)
            shapes[plate_frame] = shape_of(evaluated, use.placement)
    if not any(s.closed for shape in shapes.values() for layer in shape.layers for s in layer.splines):
        raise MaskIsMissing(f'The mask "{use.mask.name}" has no closed outline.', remedy=_NO_SHAPES)
    return SplineMask(shapes)


def _is_parented(point: Any) -> bool:
    """Return whether a tracking marker moves a point: the movement is in no property that can be read."""
    return point.parent.id is not None and bool(point.parent.sub_parent)


@contextmanager
def _scene_of_our_own() -> Iterator[Any]:
    scene = bpy.data.scenes.new("SVFR mask reader")
    try:
        yield scene
    finally:
        bpy.data.scenes.remove(scene)


def _named_mask_strip(name: str, scene: Any) -> Any:
    for strip in all_strips(scene.sequence_editor):
        if strip.type == "MASK" and strip.name == name:
            return strip
    raise MaskIsMissing(
        f'There is no mask strip "{name}".' if name else "No mask strip is chosen.",
        remedy="Choose a mask strip, or set Mask to None.",
    )


def _of_strip(mask_strip: Any, placement: Placement) -> MaskUse:
    mask = mask_strip.mask
    if mask is None:
        raise MaskIsMissing(f'The strip "{mask_strip.name}" has lost its mask.', remedy="Choose another one.")
    return MaskUse(mask, placement, _relative_time(mask, mask_strip))


def _of_modifier(strip: Any, placement: Placement) -> MaskUse:
    for modifier in strip.modifiers:
        if modifier.mute or not hasattr(modifier, "input_mask_type"):
            continue
        if modifier.input_mask_type == "STRIP":
            other = modifier.input_mask_strip
            if other is not None and other.type == "MASK":
                return _of_strip(other, placement)
        elif modifier.input_mask_id is not None:
            mask = modifier.input_mask_id
            relative = getattr(modifier, "mask_time", "RELATIVE") == "RELATIVE"
            return MaskUse(mask, placement, _relative_time(mask, strip) if relative else lambda at: at)
    raise MaskIsMissing(
        f'No modifier of the strip "{strip.name}" has a mask.',
        remedy="Add a Mask modifier, or choose the mask itself.",
    )


def _relative_time(mask: Any, strip: Any) -> Callable[[int], int]:
    start, first = round(strip.frame_start), int(mask.frame_start)
    return lambda at: first + at - start
