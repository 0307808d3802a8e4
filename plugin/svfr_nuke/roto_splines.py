"""Read the shapes of a Roto node as splines, frame by frame, without rendering.

Facts about ``nuke.rotopaint`` that the stubs do not tell were measured in Nuke by the project rotobridge:
positions are those before the transforms of shape and layers; tangents and feather are relative to their
point; ``list(getMatrix())`` is row-major with the translation last in its rows; attributes are asked by the
view's name; blending mode 0, ``over``, is a union. What splines cannot carry is refused in words, and the
mask can then be sent rendered.
"""

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Tuple

import nuke.rotopaint as rp

from svfr_client.frames import FrameRange
from svfr_client.masks import MaskLayer, MaskPoint, MaskShape, MaskSpline, SplineMask

from .errors import RotoNotSupported
from .upstream import skip_dots

Matrix = Tuple[float, ...]
Position = Tuple[float, float]
_IDENTITY: Matrix = (1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0)
_REMEDY = "Set the node's mask to `rendered`."
_OPACITY = rp.AnimAttributes.kOpacityAttribute
_INVERTED = rp.AnimAttributes.kInvertedAttribute
_FEATHER_ON = rp.AnimAttributes.kFeatherOnAttribute
_MUST_BE_ZERO = (
    (rp.AnimAttributes.kBlendingModeAttribute, "blends in another way than over"),
    (rp.AnimAttributes.kMotionBlurOnAttribute, "has motion blur"),
    (rp.AnimAttributes.kLifeTimeTypeAttribute, "lives only for some frames"),
    (rp.AnimAttributes.kFeatherXAttribute, "has an overall feather"),
    (rp.AnimAttributes.kFeatherYAttribute, "has an overall feather"),
)


def read_splines(node: Any, frames: FrameRange, view: str) -> SplineMask:
    """Return the shapes of the Roto or RotoPaint node that feeds the mask input, in EXR pixel space.

    Raises :class:`~svfr_nuke.errors.RotoNotSupported` for any other node, and for strokes, B-splines, open
    shapes, motion blur and the like, with the name of the shape.
    """
    roto = skip_dots(node)
    if roto is None or roto.Class() not in ("Roto", "RotoPaint"):
        raise RotoNotSupported("The mask input is no Roto node.", remedy=_REMEDY)
    width, height = roto.format().width(), roto.format().height()
    root = roto["curves"].rootLayer
    shapes: Dict[int, MaskShape] = {}
    for frame in frames:
        layers = tuple(_layers(root, frame, view, _IDENTITY, height))
        shapes[frame] = MaskShape(layers=layers, width=width, height=height)
    return SplineMask(shapes)


def _layers(layer: Any, frame: int, view: str, outer: Matrix, height: int) -> List[MaskLayer]:
    if not layer.getVisible(frame):
        return []
    matrix = _times(outer, _matrix(layer, frame))
    found: List[MaskLayer] = []
    for element in layer:
        if isinstance(element, rp.Layer):
            found += _layers(element, frame, view, matrix, height)
        elif not element.getVisible(frame):
            continue
        elif isinstance(element, rp.Shape):
            found.append(_shape(element, frame, view, matrix, height))
        else:
            raise RotoNotSupported(f'"{element.name}" is a paint stroke.', frame=frame, remedy=_REMEDY)
    # Nuke paints the list from its end; over of white is the same union in either order.
    return found


def _shape(shape: Any, frame: int, view: str, outer: Matrix, height: int) -> MaskLayer:
    attributes = shape.getAttributes()
    for name, property_text in _MUST_BE_ZERO:
        if abs(attributes.getValue(frame, name, view)) > 1e-9:
            raise RotoNotSupported(f'The shape "{shape.name}" {property_text}.', frame=frame, remedy=_REMEDY)
    if shape.getFlag(rp.FlagType.eOpenFlag):
        raise RotoNotSupported(f'The shape "{shape.name}" is open.', frame=frame, remedy=_REMEDY)
    if "bspline" in shape.serialise():
        raise RotoNotSupported(f'The shape "{shape.name}" is a B-spline.', frame=frame, remedy=_REMEDY)
    matrix = _times(outer, _matrix(shape, frame))
    has_feather = attributes.getValue(frame, _FEATHER_ON, view) > 0.5
    corners = [_place(point, frame, view, matrix) for point in shape]
    outline = [corner.centre for corner in corners]
    if has_feather and any(_contains(outline, c.feather) for c in corners if c.feather != c.centre):
        raise RotoNotSupported(f'The shape "{shape.name}" feathers inwards.', frame=frame, remedy=_REMEDY)
    return MaskLayer(
        splines=(MaskSpline(points=tuple(corner.mask_point(height, has_feather) for corner in corners)),),
        opacity=min(1.0, max(0.0, float(attributes.getValue(frame, _OPACITY, view)))),
        invert=attributes.getValue(frame, _INVERTED, view) > 0.5,
    )


@dataclass(frozen=True)
class _Corner:
    """One control point with all transforms applied, in Nuke's pixels: y up."""

    left: Position
    centre: Position
    right: Position
    feather: Position

    def mask_point(self, height: int, has_feather: bool) -> MaskPoint:
        """Return the point in EXR pixel space, y down."""
        return MaskPoint(
            left=(self.left[0], height - self.left[1]),
            centre=(self.centre[0], height - self.centre[1]),
            right=(self.right[0], height - self.right[1]),
            feather_px=math.dist(self.centre, self.feather) if has_feather else 0.0,
        )


def _place(point: Any, frame: int, view: str, matrix: Matrix) -> _Corner:
    centre = point.center.getPosition(frame, view)

    def beside(offset_point: Any) -> Position:
        offset = offset_point.getPosition(frame, view)
        return _move(matrix, centre.x + offset.x, centre.y + offset.y)

    return _Corner(
        left=beside(point.leftTangent),
        centre=_move(matrix, centre.x, centre.y),
        right=beside(point.rightTangent),
        feather=beside(point.featherCenter),
    )


def _contains(outline: List[Position], place: Position) -> bool:
    """Return whether ``place`` lies inside the polygon (even-odd rule)."""
    inside = False
    for (x0, y0), (x1, y1) in zip(outline, outline[1:] + outline[:1]):  # noqa: B905 - Python 3.9
        if (y0 > place[1]) != (y1 > place[1]) and place[0] < x0 + (place[1] - y0) * (x1 - x0) / (y1 - y0):
            inside = not inside
    return inside


def _matrix(element: Any, frame: int) -> Matrix:
    return tuple(float(value) for value in list(element.getTransform().evaluate(frame).getMatrix())[:16])


def _times(a: Matrix, b: Matrix) -> Matrix:
    return tuple(
        sum(a[4 * row + k] * b[4 * k + column] for k in range(4)) for row in range(4) for column in range(4)
    )


def _move(matrix: Matrix, x: float, y: float) -> Position:
    return (matrix[0] * x + matrix[1] * y + matrix[3], matrix[4] * x + matrix[5] * y + matrix[7])
