# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Blender draws the points of a mask that follow tracking markers, which its properties do not tell.

A point that has a track or a plane track as its parent keeps its own place; Blender moves it only when it
draws the mask. What follows is how it does (``mask_evaluate.cc`` and ``mask.cc``, alike in 4.2 to 5.3): a
track shifts a point by how far its marker has gone since the parent was set, a plane track maps the plane as
it was then onto what it is now, and automatic handles are made anew between moved points.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from .errors import MaskCannotBeSent
from .mask_snapshot import LayerSnapshot, MaskSnapshot, SplineSnapshot
from .projective import Point, Projective, between_quads

_PLANE = "PLANE_TRACK"
_UNMOVED = Projective.shift(0.0, 0.0)
_CENTRE = (0.5, 0.5)
# Of curves: how far an automatic handle reaches, and how uneven its two sides may be.
_AUTO_REACH, _MOST_UNEVEN = 2.5614, 5.0


class _MaskParent(ctypes.Structure):
    """Blender's own record of a parent (``DNA_mask_types.h``): where the marker stood is only there."""

    _fields_ = (
        ("id_type", ctypes.c_int),
        ("type", ctypes.c_int),
        ("id", ctypes.c_void_p),
        ("parent", ctypes.c_char * 64),
        ("sub_parent", ctypes.c_char * 64),
        ("stood_at", ctypes.c_float * 2),
        ("corners_were", ctypes.c_float * 8),
    )


@dataclass(frozen=True)
class TrackingParent:
    """What a point follows: a clip by its names, a track of it, and where the marker or the corners were."""

    clip: tuple[str, str | None]
    tracking_object: str
    track: str
    is_plane: bool
    was: tuple[Point, ...]

    def movement(self, clip: Any, at: int) -> Projective:
        """Return how Blender moves the point at a frame of the mask; not at all where the track is gone."""
        followed = clip.tracking.objects.get(self.tracking_object)
        tracks = () if followed is None else (followed.plane_tracks if self.is_plane else followed.tracks)
        track = next((one for one in tracks if one.name == self.track), None)
        if track is None:
            return _UNMOVED
        # Blender takes a plane's corners by the mask's frame, wherever the clip begins.
        marker = track.markers.find_frame(at if self.is_plane else at - clip.frame_start + 1, exact=False)
        if marker is None:
            return _UNMOVED
        if self.is_plane:
            to_mask = _plane_to_mask(clip)
            corners = tuple((float(x), float(y)) for x, y in marker.corners)
            return to_mask.after(between_quads(self.was, corners).after(to_mask.inverse()))
        x, y = _to_mask(clip)(marker.co[0] + track.offset[0], marker.co[1] + track.offset[1])
        return Projective.shift(x - self.was[0][0], y - self.was[0][1])


class _FollowingPoint(NamedTuple):
    parent: TrackingParent | None
    handles: tuple[str, str]


Clips = Callable[[tuple[str, "str | None"]], Any]


class MaskTracking:
    """All that is needed to move the points of one mask as Blender does."""

    def __init__(self, mask: Any) -> None:
        """Read what the points of a mask follow; raises MaskCannotBeSent where Blender keeps it otherwise."""
        self._name = mask.name
        self._splines = [[_following(mask.name, s) for s in _drawn(layer)] for layer in mask.layers]

    @property
    def moves_anything(self) -> bool:
        """Return whether any point has a parent."""
        return any(spline for layer in self._splines for spline in layer)

    def moved(self, taken: MaskSnapshot, clips: Clips, at: int) -> MaskSnapshot:
        """Return a snapshot as Blender draws it at a frame of the mask; ``clips`` finds a clip by its names.

        Raises MaskCannotBeSent when a clip is gone, or the mask is no longer what it was.
        """
        if not self.moves_anything:
            return taken
        known: dict[TrackingParent, Projective] = {}

        def movement(parent: TrackingParent | None) -> Projective:
            if parent is None:
                return _UNMOVED
            if parent not in known:
                clip = clips(parent.clip)
                if clip is None:
                    raise self._changed(f'the clip "{parent.clip[0]}" was removed')
                known[parent] = parent.movement(clip, at)
            return known[parent]

        try:
            layers = tuple(
                replace(layer, splines=tuple(self._moved_splines(layer, following, movement)))
                for layer, following in zip(taken.layers, self._splines, strict=True)
            )
        except ValueError as problem:
            raise self._changed("it was changed") from problem
        return MaskSnapshot(layers)

    def _moved_splines(
        self,
        layer: LayerSnapshot,
        following: Sequence[Sequence[_FollowingPoint]],
        movement: Callable[[TrackingParent | None], Projective],
    ) -> Iterator[SplineSnapshot]:
        for spline, points in zip(layer.splines, following, strict=True):
            yield _moved_spline(spline, points, movement) if points else spline

    def _changed(self, what: str) -> MaskCannotBeSent:
        return MaskCannotBeSent(
            f'The mask "{self._name}" could not be read to its end: {what}.', remedy="Restore again."
        )


def _drawn(layer: Any) -> list[Any]:
    """Return the splines that a snapshot has too."""
    return [spline for spline in layer.splines if len(spline.points) > 0]


def _following(mask: str, spline: Any) -> list[_FollowingPoint]:
    """Return what each point of a spline follows; nothing when none follows anything."""
    parents = [_parent_of(mask, point) for point in spline.points]
    if not any(parents):
        return []
    handles = [(point.handle_left_type, point.handle_right_type) for point in spline.points]
    return [_FollowingPoint(*both) for both in zip(parents, handles, strict=True)]


def _parent_of(mask: str, point: Any) -> TrackingParent | None:
    parent = point.parent
    clip = parent.id
    if clip is None or not parent.sub_parent:
        return None
    record = _MaskParent.from_address(parent.as_pointer())
    names = (parent.parent.encode(), parent.sub_parent.encode())
    is_plane = parent.type == _PLANE
    if record.id != clip.as_pointer() or (record.parent, record.sub_parent) != names:
        raise MaskCannotBeSent(
            f'The mask "{mask}" follows a tracking marker, and this version of Blender keeps such parents '
            "in another way.",
            remedy="Clear the parents of its points and animate the mask with shape keys.",
        )
    values = record.corners_were if is_plane else record.stood_at
    was = tuple((float(values[n]), float(values[n + 1])) for n in range(0, len(values), 2))
    library = None if clip.library is None else clip.library.filepath
    return TrackingParent(
        clip=(clip.name, library),
        tracking_object=parent.parent,
        track=parent.sub_parent,
        is_plane=is_plane,
        was=was,
    )


def _to_mask(clip: Any) -> Projective:
    """Return the map from a clip's coordinates, 0..1 along each side, to those of masks over it."""
    width, height = _size(clip)
    longer = max(width, height)
    return Projective.scale(width / longer, height / longer, about=_CENTRE)


def _plane_to_mask(clip: Any) -> Projective:
    """Return the map that Blender takes for planes: of a clip that is taller than wide it is another."""
    width, height = _size(clip)
    x, y = (1.0, height / width) if width > height else (height / width, 1.0)
    return Projective.scale(x, y, about=_CENTRE)


def _size(clip: Any) -> tuple[float, float]:
    """Return a clip's sides as they are shown; a square for one whose file is gone."""
    width, height = (float(side) for side in clip.size)
    aspect_x, aspect_y = clip.display_aspect
    height *= aspect_y / aspect_x / clip.tracking.camera.pixel_aspect
    return (width, height) if width > 0.0 and height > 0.0 else (1.0, 1.0)


def _moved_spline(
    spline: SplineSnapshot,
    following: Sequence[_FollowingPoint],
    movement: Callable[[TrackingParent | None], Projective],
) -> SplineSnapshot:
    """Move every point of a spline with its handles, and make automatic handles anew."""
    points = [
        [movement(follows.parent)(*place) for place in (point.handle_left, point.co, point.handle_right)]
        for point, follows in zip(spline.points, following, strict=True)
    ]
    centres = [centre for _, centre, _ in points]
    for index, follows in enumerate(following):
        if follows.handles[0] in ("AUTO", "VECTOR"):
            _make_handles(points[index], _neighbours(centres, index, spline.use_cyclic), follows.handles)
    values = array("f")
    for part in range(3):
        values.extend(number for point in points for number in point[part])
    values.extend(point.weight for point in spline.points)
    return replace(spline, values=values.tobytes())


def _neighbours(centres: Sequence[Point], index: int, is_cyclic: bool) -> tuple[Point | None, Point | None]:
    last = len(centres) - 1
    if last == 0:
        return None, None
    before = centres[index - 1] if index > 0 or is_cyclic else None
    after = centres[(index + 1) % len(centres)] if index < last or is_cyclic else None
    return before, after


def _make_handles(
    point: list[Point], neighbours: tuple[Point | None, Point | None], handles: tuple[str, str]
) -> None:
    """Set a point's automatic and vector handles as Blender does for curves (``BKE_nurb_handle_calc``)."""
    centre, (before, after) = point[1], neighbours
    if before is None and after is None:
        return
    before = before or _mirrored(after, centre)
    after = after or _mirrored(before, centre)
    incoming = (centre[0] - before[0], centre[1] - before[1])
    outgoing = (after[0] - centre[0], after[1] - centre[1])
    length_in, length_out = (_length(side) or 1.0 for side in (incoming, outgoing))
    along = (
        outgoing[0] / length_out + incoming[0] / length_in,
        outgoing[1] / length_out + incoming[1] / length_in,
    )
    reach = _length(along) * _AUTO_REACH
    lengths = (min(length_in, _MOST_UNEVEN * length_out), min(length_out, _MOST_UNEVEN * length_in))
    for side, kind, sign, vector in ((0, handles[0], -1.0, incoming), (1, handles[1], 1.0, outgoing)):
        if kind == "VECTOR":
            step = sign / 3.0
        elif kind == "AUTO" and reach != 0.0:
            vector, step = along, sign * lengths[side] / reach
        else:
            continue
        point[2 * side] = (centre[0] + vector[0] * step, centre[1] + vector[1] * step)


def _mirrored(point: Point | None, centre: Point) -> Point:
    assert point is not None
    return 2.0 * centre[0] - point[0], 2.0 * centre[1] - point[1]


def _length(vector: Sequence[float]) -> float:
    return float((vector[0] ** 2 + vector[1] ** 2) ** 0.5)
