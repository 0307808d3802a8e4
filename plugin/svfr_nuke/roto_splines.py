"""Read the shapes of a Roto node as splines, frame by frame, without rendering.

Facts about ``nuke.rotopaint`` that the stubs do not tell were measured in Nuke by the project rotobridge:
positions are those before the transforms of shape and layers; tangents and feather are relative to their
point; ``list(getMatrix())`` is row-major with the translation last in its rows; attributes are asked by the
view's name; blending mode 0, ``over``, is a union. What splines cannot carry is refused in words, and the
mask can then be sent rendered.
"""

import math
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
    for name, said in _MUST_BE_ZERO:
        if abs(attributes.getValue(frame, name, view)) > 1e-9:
            raise RotoNotSupported(f'The shape "{shape.name}" {said}.', frame=frame, remedy=_REMEDY)
    if shape.getFlag(rp.FlagType.eOpenFlag):
        raise RotoNotSupported(f'The shape "{shape.name}" is open.', frame=frame, remedy=_REMEDY)
    if "bspline" in shape.serialise():
        raise RotoNotSupported(f'The shape "{shape.name}" is a B-spline.', frame=frame, remedy=_REMEDY)
    matrix = _times(outer, _matrix(shape, frame))
    has_feather = attributes.getValue(frame, _FEATHER_ON, view) > 0.5
    points = tuple(_point(point, frame, view, matrix, height, has_feather) for point in shape)
    return MaskLayer(
        splines=(MaskSpline(points=points),),
        opacity=min(1.0, max(0.0, float(attributes.getValue(frame, _OPACITY, view)))),
        invert=attributes.getValue(frame, _INVERTED, view) > 0.5,
    )


def _point(point: Any, frame: int, view: str, matrix: Matrix, height: int, has_feather: bool) -> MaskPoint:
    centre = point.center.getPosition(frame, view)
    here = _move(matrix, centre.x, centre.y)

    def beside(tangent: Any) -> Position:
        offset = tangent.getPosition(frame, view)
        return _move(matrix, centre.x + offset.x, centre.y + offset.y)

    feather = math.dist(here, beside(point.featherCenter)) if has_feather else 0.0
    left, right = beside(point.leftTangent), beside(point.rightTangent)
    return MaskPoint(
        left=(left[0], height - left[1]),
        centre=(here[0], height - here[1]),
        right=(right[0], height - right[1]),
        feather_px=feather,
    )


def _matrix(element: Any, frame: int) -> Matrix:
    return tuple(float(value) for value in list(element.getTransform().evaluate(frame).getMatrix())[:16])


def _times(a: Matrix, b: Matrix) -> Matrix:
    return tuple(
        sum(a[4 * row + k] * b[4 * k + column] for k in range(4)) for row in range(4) for column in range(4)
    )


def _move(matrix: Matrix, x: float, y: float) -> Position:
    return (matrix[0] * x + matrix[1] * y + matrix[3], matrix[4] * x + matrix[5] * y + matrix[7])
