# SPDX-License-Identifier: GPL-3.0-or-later
"""Read an animated mask frame by frame without moving the user's playhead, and without holding them up.

Blender evaluates a mask for every scene that is advanced. A scene of our own, made and removed within one
call, is advanced in place of the user's; neither their frame nor the mask itself changes. A long mask is read
in slices, between which Blender goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import bpy

from .compat import all_strips
from .errors import MaskIsMissing
from .mask_shapes import shape_of
from .mask_snapshot import MaskSnapshot, snapshot
from .mask_tracking import MaskTracking
from .placement import Placement, over_frame, over_plate
from .svfr_client.masks import SplineMask

# How long Blender's window may stand still for one slice.
SLICE_SECONDS = 0.025
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


class MaskReading:
    """The shapes of a mask, read from Blender a slice at a time, and made where it is convenient."""

    def __init__(self, use: MaskUse, timeline: Mapping[int, int]) -> None:
        """``timeline``: the timeline frame of every plate frame. Raises as :class:`MaskTracking`."""
        self._name = use.mask.name
        self._tracking = MaskTracking(use.mask)
        self._placement = use.placement
        self._times = [(frame, use.time(at)) for frame, at in sorted(timeline.items())]
        self._read = 0
        self._changes: dict[int, MaskSnapshot] = {}
        self._newest: MaskSnapshot | None = None

    @property
    def fraction(self) -> float:
        """Return how much is read, 0 to 1."""
        return self._read / len(self._times)

    def read_on(self, seconds: float = SLICE_SECONDS) -> bool:
        """Read for that long, one frame at the least; return whether all frames are read.

        For Blender's main thread. Raises MaskIsMissing when the mask is no longer there, and when no frame
        has a closed outline.
        """
        mask = bpy.data.masks.get(self._name)
        if mask is None:
            raise MaskIsMissing(
                f'The mask "{self._name}" was removed or renamed while it was read.', remedy="Restore again."
            )
        until = time.monotonic() + seconds
        with _scene_of_our_own() as scene:
            while not self.is_whole:
                began = time.monotonic()
                self._take(mask, scene, *self._times[self._read])
                self._read += 1
                now = time.monotonic()
                if now + (now - began) >= until:  # the next frame takes about as long
                    break
        if self.is_whole and not any(taken.has_outline for taken in self._changes.values()):
            raise MaskIsMissing(f'The mask "{self._name}" has no closed outline.', remedy=_NO_SHAPES)
        return self.is_whole

    @property
    def is_whole(self) -> bool:
        """Return whether all frames are read."""
        return self._read == len(self._times)

    def begun(self) -> SplineMask:
        """Return the first shape alone; at least one slice must be read. Raises as :meth:`mask`."""
        at, taken = next(iter(self._changes.items()))
        return SplineMask({at: shape_of(taken, self._placement)})

    def mask(self) -> SplineMask:
        """Return the shapes of what is read, by plate frame; for any thread.

        Raises MaskCannotBeSent for what has no counterpart on the server.
        """
        return SplineMask({at: shape_of(taken, self._placement) for at, taken in self._changes.items()})

    def _take(self, mask: Any, scene: Any, plate_frame: int, at: int) -> None:
        """Keep a frame's snapshot if it differs from the one before: a shape holds until the next."""
        scene.frame_set(at)
        taken = snapshot(mask.evaluated_get(scene.view_layers[0].depsgraph))
        taken = self._tracking.moved(taken, bpy.data.movieclips.get, at)
        if taken != self._newest:
            self._changes[plate_frame] = self._newest = taken


def read_mask(use: MaskUse, timeline: Mapping[int, int]) -> SplineMask:
    """Return a mask's shapes at once; raises as :class:`MaskReading`."""
    reading = MaskReading(use, timeline)
    while not reading.read_on():
        pass
    return reading.mask()


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
