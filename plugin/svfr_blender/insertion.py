# SPDX-License-Identifier: GPL-3.0-or-later
"""The result strip: an image sequence that lies exactly over its source.

It mirrors the source as it is *now* (moved, trimmed or cut since the job was sent): same range, trims,
direction, position, crop, colour space and their animation. Every element of the source has its element in
the result; one that was not restored shows the nearest restored frame, or the one before it in a movie.
"""

from __future__ import annotations

import os
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .compat import curve_collections, end_frame, first_frame, strips_of
from .errors import SourceIsGone
from .image_elements import append_elements
from .sources import Source
from .svfr_client.sequences import frame_number_in_name

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
MOST_CHANNELS = 128


@dataclass(frozen=True)
class Layout:
    """The elements of a result, in ``folder``, and where it starts.

    ``is_held``: some visible frame was not restored and shows a neighbour.
    """

    start: int
    folder: str
    names: tuple[str, ...]
    is_held: bool


def shows_any(source: Source, paths: Mapping[int, str]) -> bool:
    """Return whether a source visibly shows one of the restored frames; ``paths``: file by plate frame."""
    return any(source.content[i] in paths for at, i in source.shown if source.first <= at < source.end)


def layout_of(source: Source, strip: Any, paths: Mapping[int, str], folder: str) -> Layout:
    """Return the elements for a source strip as it is now.

    ``paths``: file by plate frame, at least one that the strip shows. ``folder``: where the newest lie; files
    of other folders are named from there.
    """
    lowest = min(index for _, index in source.shown)
    highest = max(index for _, index in source.shown)
    begin = max(strip.animation_offset_start, lowest - MOST_TRIMMED_FRAMES)
    stop = min(strip.animation_offset_start + strip.frame_duration, highest + MOST_TRIMMED_FRAMES + 1)
    restored = sorted(index for index in range(begin, stop) if source.content[index] in paths)
    stand_in = _before if source.kind == "movie" else _nearest
    nearest = [stand_in(restored, index) for index in range(begin, stop)]
    names = tuple(_name_from(folder, paths[source.content[index]]) for index in nearest)
    begin_of_content = round(strip.frame_start)
    if strip.use_reverse_frames:
        start = begin_of_content + strip.frame_duration + strip.animation_offset_start - stop
    else:
        start = begin_of_content + begin - strip.animation_offset_start
    visible = {index for at, index in source.shown if source.first <= at < source.end}
    return Layout(start, folder, names, not visible <= set(restored))


def insert_result(scene: Any, strip: Any, layout: Layout, directory: str, channel: int) -> Any:
    """Add the result on a free channel and return it; the source itself is not touched.

    ``directory``: the layout's folder as the strip is to name it.
    """
    owner = strip.parent_meta() or scene.sequence_editor
    first_file = str(Path(layout.folder) / layout.names[0])
    result = strips_of(owner).new_image(
        f"{strip.name} SVFR", first_file, channel, layout.start, fit_method="ORIGINAL"
    )
    append_elements(result, layout.names[1:])
    result.directory = directory
    result.select = False  # what the user has selected meanwhile stays what is selected
    copy_appearance(strip, result)
    _place(result, strip, layout, first_frame(strip), end_frame(strip))
    copy_animation(scene, strip, result)
    return result


def update_result(result: Any, strip: Any, layout: Layout, directory: str, keeps_range: bool) -> None:
    """Show other frames in a result that is there; what the user changed on it stays.

    ``keeps_range``: it goes on showing the timeline frames that it shows now, not those of its source.
    """
    first, end = first_frame(result), end_frame(result)
    result.directory = directory
    while len(result.elements) > len(layout.names):
        result.elements.pop(len(result.elements) - 1)
    for element, name in zip(result.elements, layout.names, strict=False):
        element.filename = name
    append_elements(result, layout.names[len(result.elements) :])
    result.colorspace_settings.name = strip.colorspace_settings.name
    if not keeps_range:
        first, end = first_frame(strip), end_frame(strip)
    _place(result, strip, layout, first, end)


def paths_in(result: Any, abspath: Callable[[str], str]) -> dict[int, str]:
    """Return the files that a result holds, by plate frame: files are named by it."""
    folder = abspath(result.directory)
    names = {element.filename for element in result.elements}
    return {frame_number_in_name(Path(name)): os.path.normpath(Path(folder) / name) for name in names}


def channel_for_result(editor: Any, owner: Any, strip: Any, may_move: bool) -> tuple[int, bool]:
    """Return a channel where a result takes its source's place in the stack, and whether it really does.

    That is the channel right above the source while nothing lies between. Else the source itself makes room:
    it moves to a free channel, where it is muted, and its own channel is the result's; ``may_move`` allows
    that. Raises SourceIsGone when no channel is free.
    """
    start, end = first_frame(strip), end_frame(strip)
    over = [
        other
        for other in strips_of(owner)
        if other != strip
        and other.channel > strip.channel
        and first_frame(other) < end
        and end_frame(other) > start
    ]
    channels = owner.channels if hasattr(owner, "channels") else editor.channels
    taken = {other.channel for other in over}
    free = [
        number
        for number in range(strip.channel + 1, MOST_CHANNELS + 1)
        if number not in taken and not channels[number].lock and not channels[number].mute
    ]
    if not free:
        raise SourceIsGone(
            f'There is no free channel above the strip "{strip.name}".',
            remedy="Free, unlock or unmute a channel above it.",
        )
    shown = [other for other in over if not other.mute and other.type != "SOUND"]
    between = [other for other in shown if other.channel < free[0]]
    cameras = any(other.type == "MULTICAM" for other in shown)  # they choose their picture by channel
    if not between and not cameras and not users_of(owner, strip):
        return free[0], True
    if not may_move or strip.lock or channels[strip.channel].lock:
        return free[0], False
    channel, strip.channel = strip.channel, free[0]
    return channel, True


def users_of(owner: Any, strip: Any) -> list[tuple[Any, str]]:
    """Return the effect strips that take a strip as an input, with the name of that input."""
    return [
        (other, name)
        for other in strips_of(owner)
        for name in ("input_1", "input_2")
        if getattr(other, name, None) == strip
    ]


def copy_animation(scene: Any, strip: Any, result: Any) -> None:
    """Give the result the source's keyframes and drivers (position, crop, opacity, ...)."""
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
    if scene.animation_data is not None:
        _copy_drivers(scene.animation_data, prefix, target)


def _copy_drivers(data: Any, prefix: str, target: str) -> None:
    for driver in [d for d in data.drivers if d.data_path.startswith(prefix)]:
        path = target + driver.data_path.removeprefix(prefix)
        if not path.endswith(".mute") and data.drivers.find(path, index=driver.array_index) is None:
            made = data.drivers.from_existing(src_driver=driver)
            made.data_path = path


def _place(result: Any, strip: Any, layout: Layout, first: int, end: int) -> None:
    """Give the result the source's direction and the visible range ``first`` to ``end``, end exclusive."""
    length = len(layout.names)
    first = min(max(first, layout.start), layout.start + length - 1)
    end = max(min(end, layout.start + length), first + 1)
    result.use_reverse_frames = strip.use_reverse_frames
    result.frame_start = layout.start + (strip.frame_start - round(strip.frame_start))
    result.frame_offset_start = first - layout.start
    result.frame_offset_end = layout.start + length - end


def _name_from(folder: str, path: str) -> str:
    """Return how a strip with that folder names a file, which may lie in another one."""
    return Path(path).name if Path(path).parent == Path(folder) else os.path.relpath(path, folder)


def copy_appearance(strip: Any, result: Any) -> None:
    """Give the result the source's place in the picture, blend and colour, as they are now."""
    for name in _COPIED:
        if hasattr(strip, name) and hasattr(result, name):
            setattr(result, name, getattr(strip, name))
    for part in _COPIED_INSIDE:
        old, new = getattr(strip, part), getattr(result, part)
        for prop in old.bl_rna.properties:
            if not prop.is_readonly and hasattr(new, prop.identifier):
                setattr(new, prop.identifier, getattr(old, prop.identifier))


def _before(sorted_indices: Sequence[int], wanted: int) -> int:
    """Return the index itself or the last before it, as Blender shows movies that lack a frame."""
    return sorted_indices[max(0, bisect_right(sorted_indices, wanted) - 1)]


def _nearest(sorted_indices: Sequence[int], wanted: int) -> int:
    at = bisect_left(sorted_indices, wanted)
    around = sorted_indices[max(0, at - 1) : at + 1]
    return min(around, key=lambda index: abs(index - wanted))
