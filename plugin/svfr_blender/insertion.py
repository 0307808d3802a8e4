# SPDX-License-Identifier: GPL-3.0-or-later
"""The result strip: an image sequence that lies exactly over its source.

It mirrors the source as it is *now* (moved, trimmed or cut since the job was sent): same range, trims,
direction, position, crop, colour space and their animation. Every element of the source has its element in
the result; one that was not restored shows the nearest restored frame, as Blender holds a strip's last frame.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .compat import curve_collections, end_frame, first_frame, strips_of
from .errors import SourceIsGone
from .sources import Source

# Trimmed frames carried into the result on either side; a day-long rush has no use there.
MOST_TRIMMED_FRAMES = 500
_COPIED = (
    "alpha_mode",
    "blend_type",
    "blend_alpha",
    "color_multiply",
    "color_saturation",
    "color_tag",
    "multiply_alpha",
    "use_flip_x",
    "use_flip_y",
    "use_float",
)
_COPIED_INSIDE = ("transform", "crop", "colorspace_settings")
_MOST_CHANNELS = 128


@dataclass(frozen=True)
class Layout:
    """The elements of a result and where it starts; its visible range comes from the source."""

    start: int
    names: tuple[str, ...]
    is_held: bool


def layout_of(source: Source, strip: Any, paths: Mapping[int, str]) -> Layout:
    """Return the elements for a source strip as it is now; ``paths``: file by plate frame, at least one.

    ``is_held``: some visible frame was not restored and shows a neighbour.
    """
    lowest = min(index for _, index in source.shown)
    highest = max(index for _, index in source.shown)
    begin = max(strip.animation_offset_start, lowest - MOST_TRIMMED_FRAMES)
    stop = min(strip.animation_offset_start + strip.frame_duration, highest + MOST_TRIMMED_FRAMES + 1)
    restored = sorted(index for index in range(begin, stop) if source.content[index] in paths)
    if not restored:
        raise SourceIsGone(
            f'The strip "{strip.name}" shows none of the restored frames any more.',
            remedy="The frames are in " + str(Path(next(iter(paths.values()))).parent) + ".",
        )
    nearest = [_nearest(restored, index) for index in range(begin, stop)]
    names = tuple(Path(paths[source.content[index]]).name for index in nearest)
    begin_of_content = round(strip.frame_start)
    if strip.use_reverse_frames:
        start = begin_of_content + strip.frame_duration + strip.animation_offset_start - stop
    else:
        start = begin_of_content + begin - strip.animation_offset_start
    visible = {index for at, index in source.shown if source.first <= at < source.end}
    return Layout(start, names, not visible <= set(restored))


def insert_result(scene: Any, strip: Any, layout: Layout, folder: str) -> Any:
    """Add the result above its source and return it; the source itself is not touched."""
    owner = strip.parent_meta() or scene.sequence_editor
    channel = free_channel(scene.sequence_editor, owner, strip)
    first_file = str(Path(folder) / layout.names[0])
    result = strips_of(owner).new_image(
        f"{strip.name} SVFR", first_file, channel, layout.start, fit_method="ORIGINAL"
    )
    for name in layout.names[1:]:
        result.elements.append(name)
    result.select = False  # what the user has selected meanwhile stays what is selected
    _copy_look(strip, result)
    _place(result, strip, layout)
    copy_animation(scene, strip, result)
    return result


def update_result(result: Any, strip: Any, layout: Layout, folder: str) -> None:
    """Show other frames in a result that is there; what the user changed on it stays."""
    result.directory = str(Path(folder)) + "/"
    while len(result.elements) > len(layout.names):
        result.elements.pop(len(result.elements) - 1)
    for element, name in zip(result.elements, layout.names, strict=False):
        element.filename = name
    for name in layout.names[len(result.elements) :]:
        result.elements.append(name)
    result.colorspace_settings.name = strip.colorspace_settings.name
    _place(result, strip, layout)


def free_channel(editor: Any, owner: Any, strip: Any) -> int:
    """Return the lowest channel above a strip that is unlocked and free over the strip's whole range."""
    start, end = first_frame(strip), end_frame(strip)
    taken = {
        other.channel for other in strips_of(owner) if first_frame(other) < end and end_frame(other) > start
    }
    channels = owner.channels if hasattr(owner, "channels") else editor.channels
    for channel in range(strip.channel + 1, _MOST_CHANNELS + 1):
        if channel not in taken and not channels[channel].lock:
            return channel
    raise SourceIsGone(
        f'There is no free channel above the strip "{strip.name}".',
        remedy="Free or unlock a channel above it.",
    )


def copy_animation(scene: Any, strip: Any, result: Any) -> None:
    """Give the result the source's keyframes (position, crop, opacity, ...)."""
    prefix, target = strip.path_from_id() + ".", result.path_from_id() + "."
    for curves in curve_collections(scene):
        for curve in [c for c in curves if c.data_path.startswith(prefix)]:
            path = target + curve.data_path.removeprefix(prefix)
            if path.endswith(".mute") or curves.find(path, index=curve.array_index) is not None:
                continue
            made = curves.new(path, index=curve.array_index)
            made.extrapolation = curve.extrapolation
            made.keyframe_points.add(len(curve.keyframe_points))
            for old, new in zip(curve.keyframe_points, made.keyframe_points, strict=True):
                new.co, new.interpolation, new.easing = old.co, old.interpolation, old.easing
                new.handle_left_type, new.handle_right_type = old.handle_left_type, old.handle_right_type
                new.handle_left, new.handle_right = old.handle_left, old.handle_right
            made.update()


def _place(result: Any, strip: Any, layout: Layout) -> None:
    """Give the result the source's direction and visible range."""
    result.use_reverse_frames = strip.use_reverse_frames
    result.frame_start = layout.start + (strip.frame_start - round(strip.frame_start))
    result.frame_offset_start = first_frame(strip) - layout.start
    result.frame_offset_end = layout.start + len(layout.names) - end_frame(strip)


def _copy_look(strip: Any, result: Any) -> None:
    for name in _COPIED:
        if hasattr(strip, name) and hasattr(result, name):
            setattr(result, name, getattr(strip, name))
    for part in _COPIED_INSIDE:
        old, new = getattr(strip, part), getattr(result, part)
        for prop in old.bl_rna.properties:
            if not prop.is_readonly and hasattr(new, prop.identifier):
                setattr(new, prop.identifier, getattr(old, prop.identifier))


def _nearest(sorted_indices: Sequence[int], wanted: int) -> int:
    at = bisect_left(sorted_indices, wanted)
    around = sorted_indices[max(0, at - 1) : at + 1]
    return min(around, key=lambda index: abs(index - wanted))
