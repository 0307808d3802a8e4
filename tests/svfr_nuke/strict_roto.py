"""``nuke.rotopaint`` of the fake: layers and shapes with transforms, as the stubs and a real Nuke have them.

Facts that the stubs do not tell (positions before transforms, tangents relative to their point, row-major
matrices, views by name) were measured in a real Nuke by the project rotobridge.
"""

import math
from typing import Any

import strict_stubs
from strict_knobs import Knob
from strict_objects import OFFERED, check_thread, strict

_VIEW = "main"


@strict("CVec3", "rotopaint")
class CVec3:
    def __init__(self, x: float, y: float, z: float = 1.0) -> None:
        self.x, self.y, self.z = x, y, z


@strict("AnimControlPoint", "rotopaint")
class AnimControlPoint:
    """A position that moves with a constant speed in pixels a frame."""

    def __init__(self, x: float, y: float, speed: tuple[float, float] = (0.0, 0.0)) -> None:
        self._at, self._speed = (x, y), speed

    def getPosition(self, time: float, view: str) -> CVec3:
        assert view == _VIEW, f"there is no view {view!r}"
        return CVec3(self._at[0] + self._speed[0] * time, self._at[1] + self._speed[1] * time)


@strict("ShapeControlPoint", "rotopaint")
class ShapeControlPoint:
    def __init__(self, x: float, y: float, handle: tuple[float, float] = (0.0, 0.0), **more: Any) -> None:
        self.center = AnimControlPoint(x, y, more.get("speed", (0.0, 0.0)))
        self.leftTangent = AnimControlPoint(-handle[0], -handle[1])
        self.rightTangent = AnimControlPoint(*handle)
        self.featherCenter = AnimControlPoint(*more.get("feather", (0.0, 0.0)))


@strict("CMatrix4", "rotopaint")
class CMatrix4:
    def __init__(self, values: list[float]) -> None:
        self._values = values

    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> float:
        return self._values[index]


@strict("CTransform", "rotopaint")
class CTransform:
    def __init__(self, x: float, y: float, degrees: float, scale: float) -> None:
        c, s = math.cos(math.radians(degrees)) * scale, math.sin(math.radians(degrees)) * scale
        self._matrix = [c, -s, 0.0, x, s, c, 0.0, y, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]

    def getMatrix(self) -> CMatrix4:
        return CMatrix4(self._matrix)


@strict("AnimCTransform", "rotopaint")
class AnimCTransform:
    def __init__(self, x: float = 0.0, y: float = 0.0, degrees: float = 0.0, scale: float = 1.0) -> None:
        self._parts = (x, y, degrees, scale)

    def evaluate(self, time: float) -> CTransform:
        return CTransform(*self._parts)


_ATTRIBUTES = strict_stubs.load("rotopaint").classes["AnimAttributes"].attributes


@strict("AnimAttributes", "rotopaint")
class AnimAttributes:
    """Values by attribute name; the names stand for themselves here."""

    kOpacityAttribute = "kOpacityAttribute"
    kInvertedAttribute = "kInvertedAttribute"
    kFeatherOnAttribute = "kFeatherOnAttribute"
    kBlendingModeAttribute = "kBlendingModeAttribute"
    kMotionBlurOnAttribute = "kMotionBlurOnAttribute"
    kLifeTimeTypeAttribute = "kLifeTimeTypeAttribute"
    kFeatherXAttribute = "kFeatherXAttribute"
    kFeatherYAttribute = "kFeatherYAttribute"

    def __init__(self, **values: float) -> None:
        self._values = {"kOpacityAttribute": 1.0, "kFeatherOnAttribute": 1.0, **values}

    def getValue(self, time: float, indexOrName: str, view: str) -> float:
        assert view == _VIEW and indexOrName in _ATTRIBUTES
        return self._values.get(indexOrName, 0.0)


@strict("FlagType", "rotopaint")
class FlagType:
    eOpenFlag = 1


@strict("Element", "rotopaint")
class Element:
    def __init__(self, name: str, transform: AnimCTransform | None = None) -> None:
        self.name = name
        self._transform = transform or AnimCTransform()
        self._is_visible = True

    def getVisible(self, time: float) -> bool:
        return self._is_visible

    def serialise(self) -> str:
        return f"{{curvegroup {self.name} 512 bezier}}"


@strict("Layer", "rotopaint")
class Layer(Element):
    def __init__(self, name: str, *elements: Any, transform: AnimCTransform | None = None) -> None:
        super().__init__(name, transform)
        self._elements = list(elements)

    def getTransform(self) -> AnimCTransform:
        return self._transform

    def append(self, element: Element) -> None:
        self._elements.append(element)

    def __len__(self) -> int:
        return len(self._elements)

    def __getitem__(self, index: int) -> Any:
        return self._elements[index]

    def __iter__(self) -> Any:
        return iter(self._elements)


@strict("Shape", "rotopaint")
class Shape(Element):
    """A Bezier shape; ``kind`` "bspline" and ``is_open`` make one that splines cannot carry."""

    def __init__(self, name: Any, points: list[ShapeControlPoint] | None = None, **more: Any) -> None:
        # Nuke's own scripts make one as Shape(curves); the tests also name theirs.
        super().__init__("Shape1" if isinstance(name, CurveKnob) else name, more.get("transform"))
        self._points = points or []
        self._attributes = AnimAttributes(**more.get("attributes", {}))
        self._is_open = bool(more.get("is_open"))
        self._curve = str(more.get("kind", "bezier"))

    def append(self, shapeControlPoint: ShapeControlPoint) -> None:
        self._points.append(shapeControlPoint)

    def getTransform(self) -> AnimCTransform:
        return self._transform

    def getAttributes(self) -> AnimAttributes:
        return self._attributes

    def getFlag(self, flag: int) -> bool:
        return self._is_open if flag == FlagType.eOpenFlag else False

    def serialise(self) -> str:
        return f"{{curvegroup {self.name} 512 {self._curve}}}"

    def __len__(self) -> int:
        return len(self._points)

    def __getitem__(self, index: int) -> ShapeControlPoint:
        return self._points[index]

    def __iter__(self) -> Any:
        return iter(self._points)


@strict("Stroke", "rotopaint")
class Stroke(Element):
    pass


@strict("CurveKnob", "_curveknob")
class _CurveKnobStub:
    rootLayer = None


class CurveKnob(Knob):
    """The knob ``curves``: its class in the stubs inherits from Knob of another file."""

    rootLayer: Layer

    def __init__(self, name: str) -> None:
        super().__init__(name)
        object.__setattr__(self, "rootLayer", Layer("Root"))

    def polygons(self, frame: int) -> list[list[tuple[float, float]]]:
        """For the fake's own picture: visible closed shapes as polygons, all transforms applied."""
        check_thread("polygons")
        return _polygons(self.rootLayer, frame, [])


OFFERED.discard(("CurveKnob", "polygons"))


def _polygons(layer: Layer, frame: int, outer: list[AnimCTransform]) -> list[list[tuple[float, float]]]:
    found: list[list[tuple[float, float]]] = []
    chain = [*outer, layer._transform]
    for element in layer._elements:
        if isinstance(element, Layer):
            found += _polygons(element, frame, chain)
        elif isinstance(element, Shape) and element._is_visible:
            found.append([_moved(p, [*chain, element._transform]) for p in _outline(element, frame)])
    return found


def _moved(point: tuple[float, float], chain: list[AnimCTransform]) -> tuple[float, float]:
    """Apply the innermost transform first: scale and rotate about the origin, then translate."""
    x, y = point
    for transform in reversed(chain):
        dx, dy, degrees, scale = transform._parts
        c, s = math.cos(math.radians(degrees)) * scale, math.sin(math.radians(degrees)) * scale
        x, y = c * x - s * y + dx, s * x + c * y + dy
    return x, y


def _outline(shape: Shape, frame: int) -> list[tuple[float, float]]:
    at = lambda p: (p._at[0] + p._speed[0] * frame, p._at[1] + p._speed[1] * frame)  # noqa: E731
    found: list[tuple[float, float]] = []
    for index, here in enumerate(shape._points):
        there = shape._points[(index + 1) % len(shape._points)]
        a, d = at(here.center), at(there.center)
        b = tuple(a[i] + at(here.rightTangent)[i] for i in (0, 1))
        c = tuple(d[i] + at(there.leftTangent)[i] for i in (0, 1))
        for step in range(16):
            t = step / 16
            weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
            found.append(
                tuple(sum(w * p[i] for w, p in zip(weights, (a, b, c, d), strict=True)) for i in (0, 1))
            )
    return found
