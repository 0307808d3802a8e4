"""Chooses, once, the 68 landmarks on the head's surface: how ``data/landmarks68.json`` was made.

The 68-point scheme is that of the iBUG 300-W annotation (Sagonas et al. 2013): 17 along the jaw, 2 x 5 on the
brows, 4 + 5 on the nose, 2 x 6 around the eyes, 12 + 8 around the mouth, each row from the picture's left to
its right. Only the scheme is taken from there, no picture and no trained model. Every point is a fixed place
on the mesh, three vertices with weights, so that it follows identity, expression and pose exactly.

The places are found on the rest head seen from the front without perspective, on the picture's left half;
the right half is their mirror image.

- *Eyes*: the visible eyeball is the opening; its leftmost and rightmost points are the corners, and the lids
  are taken a third and two thirds of the way between. Each is the nearest vertex of the skin around it.
- *Inner lips*: the same with the jaw opened, at quarters of the width; teeth and tongue show the opening,
  whose very ends are the corners of the mouth.
- *Outer lips*: the border of the lip region that the shader paints, at the peaks of the upper lip, the middle
  and halfway to the corner; the lower lip at thirds of its half width.
- *Nose*: the ridge from the height of the eyes to the tip of the five points in equal steps of height; the
  base where the septum meets the lip; wings and nostrils at fixed shares of the nose's width.
- *Brows*: the upper half of the painted brow, in five equal steps across; for each revision of the looks,
  which paint them at another height.
- *Jaw*: from the level of the eyes before the ear, along the edge where the face ends before neck and ear,
  to the chin, in equal steps of length. This is the line of a face seen from the front; on a turned head it
  stays on the skin and does not become the outline of the picture.

``python -m svfr_lab.heads.choose_landmarks68 --out FILE`` makes the file again.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float64
from svfr_lab.heads.landmarks68 import LANDMARK_COUNT, MIRRORED_68, SurfacePoint, write_landmarks_68
from svfr_lab.heads.mesh import PART_EYE, PART_SKIN, PART_TEETH, PART_TONGUE, HeadModel, load_head_model
from svfr_lab.heads.shaders import BROW_HEIGHT_DM

_PX_PER_DM = 500.0
_SUBPIXEL_BITS = 6
_JAW_STEPS_PER_DM = 200
# A ray from the middle of the face leaves it where the surface turns away or jumps back this far.
_EDGE_NORMAL_Z = 0.12
_EDGE_JUMP_DM = 0.08
# No ray leaves the face before this: nearer to its middle are the folds of lips and nose.
_LEAST_RADIUS_DM = 0.72
_OPEN_JAW = 0.6


class FrontView:
    """What is seen of some vertices from the front: the triangle at every place."""

    def __init__(self, model: HeadModel, vertices: NDArray[np.float32]) -> None:
        self.model, self.vertices = model, vertices.astype(np.float64)
        self._origin = self.vertices[:, :2].min(axis=0)
        size = np.ceil((self.vertices[:, :2].max(axis=0) - self._origin) * _PX_PER_DM).astype(int) + 1
        self._shown = np.full((size[1], size[0]), -1, np.int32)
        triangles = model.assets.triangles
        parts = model.parts[triangles].max(axis=1)
        solid = np.flatnonzero(np.isin(parts, (PART_SKIN, PART_EYE, PART_TEETH, PART_TONGUE)))
        far_to_near = solid[np.argsort(self.vertices[triangles[solid], 2].mean(axis=1))]
        corners = np.rint(self._pixels(self.vertices[:, :2]) * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        for triangle in far_to_near:
            cv2.fillConvexPoly(
                self._shown, corners[triangles[triangle]], int(triangle), cv2.LINE_8, _SUBPIXEL_BITS
            )

    def parts_shown(self) -> NDArray[np.int32]:
        """Return the ``PART_*`` number at every pixel, -1 where there is nothing."""
        parts = self.model.parts[self.model.assets.triangles[np.maximum(self._shown, 0)]].max(axis=-1)
        return np.where(self._shown < 0, -1, parts)

    def places(self, pixels: Float64) -> Float64:
        """Return the mesh's x and y (N, 2) of pixels' column and row (N, 2)."""
        return pixels / _PX_PER_DM + self._origin

    def point_at(self, place: Float64) -> SurfacePoint | None:
        """Return what is seen at x and y, None where nothing is."""
        column, row = np.rint(self._pixels(place[None])[0]).astype(int)
        inside = 0 <= row < self._shown.shape[0] and 0 <= column < self._shown.shape[1]
        if not inside or self._shown[row, column] < 0:
            return None
        corners = self.model.assets.triangles[self._shown[row, column]]
        flat = np.vstack([self.vertices[corners, :2].T, np.ones(3)])
        # rounding to pixels may leave a place just outside its triangle, or the triangle seen from the side
        weights = np.clip(np.linalg.lstsq(flat, np.append(place, 1.0), rcond=None)[0], 0.0, 1.0)
        first, second, third = (float(round(value, 6)) for value in weights / weights.sum())
        return SurfacePoint((int(corners[0]), int(corners[1]), int(corners[2])), (first, second, third))

    def nearest_vertex(self, place: Float64, among: NDArray[np.bool_]) -> SurfacePoint:
        """Return the vertex nearest to x and y among those ``among`` that are seen, as a point."""
        seen = np.zeros(len(self.vertices), np.bool_)
        seen[self.model.assets.triangles[np.unique(self._shown[self._shown >= 0])]] = True
        candidates = np.flatnonzero(seen & among)
        distance = np.linalg.norm(self.vertices[candidates, :2] - place, axis=1)
        return SurfacePoint.of_vertex(int(candidates[distance.argmin()]))

    def where(self, point: SurfacePoint) -> Float64:
        """Return the position (3,) of a point."""
        return np.asarray(np.array(point.weights) @ self.vertices[list(point.vertices)])

    def _pixels(self, places: Float64) -> Float64:
        return (places - self._origin) * _PX_PER_DM


def choose_landmarks(model: HeadModel) -> dict[int, list[SurfacePoint]]:
    """Return the 68 points in iBUG order for each revision of the looks; see the module for the way."""
    rest = model.assets.rest_vertices
    front = FrontView(model, rest)
    opened = FrontView(model, rest + _OPEN_JAW * model.assets.offsets[model.assets.target("ex/jawOpen")])
    common: dict[int, SurfacePoint] = dict(enumerate(_jaw(front)))
    common |= dict(enumerate(_nose_ridge(front), 27)) | _nose_base(front)
    common |= dict(enumerate(_eye(front), 36)) | _outer_lips(front) | _inner_lips(opened)
    return {
        revision: _both_halves(model, common | dict(enumerate(_brow(front, height_dm), 17)))
        for revision, height_dm in BROW_HEIGHT_DM.items()
    }


def _both_halves(model: HeadModel, left: Mapping[int, SurfacePoint]) -> list[SurfacePoint]:
    return [
        left[number] if number in left else _mirror_image(model, left[MIRRORED_68[number]])
        for number in range(LANDMARK_COUNT)
    ]


def _eye(front: FrontView) -> list[SurfacePoint]:
    """Return the six points of the eye on the picture's left: corner, two above, corner, two below."""
    model = front.model
    places = _shown_places(front, front.parts_shown() == PART_EYE)
    places = places[places[:, 0] < 0.0]
    skin = model.parts == PART_SKIN
    outer, inner = places[places[:, 0].argmin()], places[places[:, 0].argmax()]
    thirds = outer[0] + (inner[0] - outer[0]) * np.array([1.0, 2.0]) / 3.0
    upper = [_edge(places, x, "highest") for x in thirds]
    lower = [_edge(places, x, "lowest") for x in thirds]
    order = [outer, *upper, inner, *lower[::-1]]
    return [front.nearest_vertex(place, skin) for place in order]


def _inner_lips(opened: FrontView) -> dict[int, SurfacePoint]:
    """Return the inner border of the left half, 60 to 62 and 66, 67, and the corner of the mouth, 48."""
    model = opened.model
    shown = opened.parts_shown()
    places = _shown_places(opened, (shown == PART_TEETH) | (shown == PART_TONGUE))
    skin = model.parts == PART_SKIN
    lips = skin & (model.lips > 0.5)
    width = -float(places[:, 0].min())
    quarter = -0.5 * width
    corner = places[places[:, 0].argmin()]
    near_corner = 0.5 * (_edge(places, -0.92 * width, "highest") + _edge(places, -0.92 * width, "lowest"))
    return {
        48: opened.nearest_vertex(corner, skin),
        60: opened.nearest_vertex(near_corner, skin),
        61: opened.nearest_vertex(_edge(places, quarter, "highest"), lips),
        62: opened.nearest_vertex(_edge(places, 0.0, "highest"), lips),
        66: opened.nearest_vertex(_edge(places, 0.0, "lowest"), lips),
        67: opened.nearest_vertex(_edge(places, quarter, "lowest"), lips),
    }


def _outer_lips(front: FrontView) -> dict[int, SurfacePoint]:
    """Return the outer border of the painted lips on the left half, 49 to 51 above and 57 to 59 below."""
    width = -float(front.vertices[front.model.mouth_corner_vertices[0], 0])
    across = np.linspace(0.0, -0.5 * width, 25)
    border = np.array([_lip_border(front, x) for x in across])
    peak = across[border[:, 0].argmax()]
    upper = {51: 0.0, 50: peak, 49: 0.5 * (peak - width)}
    lower = {57: 0.0, 58: -width / 3.0, 59: -2.0 * width / 3.0}
    chosen = {}
    for side, numbers in enumerate((upper, lower)):
        for number, x in numbers.items():
            chosen[number] = _seen(front, np.array([x, _lip_border(front, x)[side]]))
    return chosen


def _lip_border(front: FrontView, x: float) -> tuple[float, float]:
    """Return the heights at which the painted lips begin and end at ``x``."""
    middle = float(front.vertices[front.model.mouth_corner_vertices[0], 1])
    heights = np.arange(middle - 0.3, middle + 0.3, 0.002)
    inside = []
    for y in heights:
        point = front.point_at(np.array([x, y]))
        if point is not None and np.array(point.weights) @ front.model.lips[list(point.vertices)] > 0.5:
            inside.append(float(y))
    return max(inside), min(inside)


def _nose_ridge(front: FrontView) -> list[SurfacePoint]:
    tip = float(front.vertices[front.model.nose_tip_vertex, 1])
    heights = np.linspace(front.model.eye_level, tip, 4)
    ridge = [_seen(front, np.array([0.0, y])) for y in heights[:3]]
    return [*ridge, SurfacePoint.of_vertex(front.model.nose_tip_vertex)]


def _nose_base(front: FrontView) -> dict[int, SurfacePoint]:
    """Return wing, nostril and septum: 31, 32 and 33."""
    model = front.model
    tip = front.vertices[model.nose_tip_vertex]
    wings = np.linalg.norm(model.assets.offsets[model.assets.target("id/nose/nose-flaring-incr")], axis=1)
    width = float(np.abs(front.vertices[wings > 0.5 * wings.max(), 0]).max())
    lip_top = _lip_border(front, 0.0)[0]
    heights = np.linspace(lip_top, tip[1], 100)
    profile = np.array([front.where(_seen(front, np.array([0.0, y])))[2] for y in heights])
    # the septum meets the lip where the profile lies deepest behind the straight line from lip to tip
    straight = profile[0] + (profile[-1] - profile[0]) * np.linspace(0.0, 1.0, 100)
    base = float(heights[(straight - profile).argmax()])
    rise = 0.25 * (tip[1] - base)
    places = {31: (-width, base + 1.2 * rise), 32: (-0.5 * width, base + 0.4 * rise), 33: (0.0, base)}
    return {number: _seen(front, np.array(place)) for number, place in places.items()}


def _brow(front: FrontView, height_dm: float) -> list[SurfacePoint]:
    """Return the five points of the brow on the picture's left, outermost first; the shader's own curve."""
    across = np.linspace(0.58, 0.13, 5)
    arch = 0.10 * np.sin(np.clip((across - 0.1) / 0.6, 0.0, 1.0) * 3.0) - 0.06 * across
    heights = front.model.eye_level + height_dm + arch + 0.03
    return [_seen(front, np.array([-x, y])) for x, y in zip(across, heights, strict=True)]


def _jaw(front: FrontView) -> list[SurfacePoint]:
    """Return the nine points from before the ear on the picture's left to the chin."""
    middle = np.array([0.0, 0.5 * (front.model.eye_level + front.vertices[front.model.nose_tip_vertex, 1])])
    ears = front.model.ears
    angles = np.linspace(-1.1 * np.pi, -0.5 * np.pi, 217)
    contour = np.array([_face_edge(front, middle, np.array([np.cos(a), np.sin(a)]), ears) for a in angles])
    contour = contour[contour[:, 1] <= front.model.eye_level]
    # the mesh is coarse along the jaw: a contour of edges of triangles is smoothed before it is divided
    kernel = np.hanning(23)[1:-1]
    padded = np.pad(contour, ((10, 10), (0, 0)), mode="reflect", reflect_type="odd")
    smooth = np.stack([np.convolve(padded[:, i], kernel / kernel.sum(), "valid") for i in (0, 1)], axis=1)
    length = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(smooth, axis=0), axis=1)))
    wanted = np.linspace(0.0, length[-1], 9)
    places = np.stack([np.interp(wanted, length, smooth[:, i]) for i in (0, 1)], axis=1)
    places[-1, 0] = 0.0
    return [_seen(front, middle + 0.995 * (place - middle)) for place in places]


def _face_edge(front: FrontView, middle: Float64, direction: Float64, ears: NDArray[np.bool_]) -> Float64:
    """Return where a ray from ``middle`` leaves the face; ``ears`` (V,) are their vertices."""
    before: float | None = None
    reached = middle
    for step in range(1, 3 * _JAW_STEPS_PER_DM):
        place = middle + direction * (step / _JAW_STEPS_PER_DM)
        point = front.point_at(place)
        if point is None:
            return reached
        depth = float(front.where(point)[2])
        jumped = before is not None and before - depth > _EDGE_JUMP_DM
        turned_away = _normal_z(front, point) < _EDGE_NORMAL_Z
        on_ear = bool(ears[list(point.vertices)].any())
        if step > _LEAST_RADIUS_DM * _JAW_STEPS_PER_DM and (jumped or turned_away or on_ear):
            return reached
        before, reached = depth, place
    return reached


def _normal_z(front: FrontView, point: SurfacePoint) -> float:
    first, second, third = front.vertices[list(point.vertices)]
    normal = np.cross(second - first, third - first)
    return float(normal[2] / np.linalg.norm(normal))


def _seen(front: FrontView, place: Float64) -> SurfacePoint:
    point = front.point_at(place)
    assert point is not None, place
    return point


def _shown_places(front: FrontView, shown: NDArray[np.bool_]) -> Float64:
    rows, columns = np.nonzero(shown)
    return front.places(np.stack([columns, rows], axis=1).astype(np.float64))


def _edge(places: Float64, x: float, end: Literal["highest", "lowest"]) -> Float64:
    """Return the highest or lowest of ``places`` near ``x``."""
    near = places[np.abs(places[:, 0] - x) < 1.5 / _PX_PER_DM]
    return near[near[:, 1].argmax() if end == "highest" else near[:, 1].argmin()]


def _mirror_image(model: HeadModel, point: SurfacePoint) -> SurfacePoint:
    """Return the point of the other half; the mesh is mirror symmetric, vertex by vertex."""
    rest = model.assets.rest_vertices
    first, second, third = (
        int(np.linalg.norm(rest - rest[vertex] * [-1, 1, 1], axis=1).argmin()) for vertex in point.vertices
    )
    return SurfacePoint((first, second, third), point.weights)


def main() -> None:
    """Write the chosen points to a file."""
    parser = argparse.ArgumentParser(description="Choose the 68 landmarks of the head mesh.")
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    write_landmarks_68(out, choose_landmarks(load_head_model()))


if __name__ == "__main__":
    main()
