"""Roto shapes as a host sends them: Bezier splines in layers, one shape per keyed frame.

All positions are in EXR pixel space of the plate's display window: x to the right, y DOWN, pixel (i, j)
covers [i, i+1) x [j, j+1). Handles are absolute positions. The server turns shapes into mattes
(``svfr_restore.mattes.raster``); the JSON form below is what crosses the wire as the buffer
``mask.splines``.
"""

import math
from bisect import bisect_right
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Collection, Dict, List, Mapping, Sequence, Tuple

from .errors import BadMask
from .frames import MOST_FRAMES

FORMAT = 1
# The widest feather of a point and of a layer: what is rasterised around a mask grows with its square.
MAX_FEATHER_PX = 1000.0
# A shape beyond these is no hand's work: each point is read, checked and drawn, in every frame of its own.
MOST_POINTS = 100_000
MOST_SPLINES = 10_000
MOST_LAYERS = 10_000
SPACE = "exr_px"
BLENDS = ("add", "subtract", "intersect", "replace", "difference")
FILLS = ("union", "even_odd")

Position = Tuple[float, float]


@dataclass(frozen=True)
class MaskPoint:
    """One Bezier point: the handle before it, the point, the handle after it, and its own feather.

    ``feather_px`` is how far outside the outline the shape fades to nothing, measured from the outline; it
    is interpolated along the curve between points and comes on top of the layer's feather.
    """

    left: Position
    centre: Position
    right: Position
    feather_px: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in (*self.left, *self.centre, *self.right)):
            raise BadMask("A mask point lies at infinity or is not a number.", remedy=_RESEND)
        _check_feather(self.feather_px)


@dataclass(frozen=True)
class MaskSpline:
    """A Bezier outline. An open one has no inside: it only gives its feather. A hole cuts its layer."""

    points: Tuple[MaskPoint, ...]
    closed: bool = True
    is_hole: bool = False

    def __post_init__(self) -> None:
        if not self.points:
            raise BadMask("A mask spline has no point.", remedy=_RESEND)


@dataclass(frozen=True)
class MaskLayer:
    """Splines that are filled together and blended over the layers before.

    ``fill`` says what overlapping splines do: ``union`` (Nuke) or ``even_odd``, where a spline inside
    another cuts it (Blender's fill holes). Holes are cut after the fill. Then ``invert``, then ``opacity``
    (0..1), then ``blend``. ``feather_px`` is added to that of every point.
    """

    splines: Tuple[MaskSpline, ...]
    blend: str = "add"
    opacity: float = 1.0
    invert: bool = False
    feather_px: float = 0.0
    fill: str = "union"

    def __post_init__(self) -> None:
        if self.blend not in BLENDS:
            raise BadMask(
                f'A mask layer blends by "{self.blend}".', remedy="Use {}.".format(", ".join(BLENDS))
            )
        if self.fill not in FILLS:
            raise BadMask(
                f'A mask layer fills by "{self.fill}".', remedy="Use {}.".format(" or ".join(FILLS))
            )
        if not 0.0 <= self.opacity <= 1.0:
            raise BadMask(f"A mask layer's opacity is {self.opacity}.", remedy="It must lie between 0 and 1.")
        _check_feather(self.feather_px)


@dataclass(frozen=True)
class MaskShape:
    """The layers of one frame, drawn over an image of ``width`` x ``height`` pixels (the plate's display)."""

    layers: Tuple[MaskLayer, ...]
    width: int
    height: int
    invert: bool = False

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise BadMask(
                f"A mask shape is drawn over {self.width} x {self.height} pixels.",
                remedy="Both sides must be at least 1.",
            )
        splines = [spline for layer in self.layers for spline in layer.splines]
        _check_counts("shape", len(self.layers), len(splines), sum(len(one.points) for one in splines))

    def to_json(self) -> Dict[str, Any]:
        """Return the JSON object of one shape."""
        return {
            "width": self.width,
            "height": self.height,
            "invert": self.invert,
            "layers": [_layer_to_json(layer) for layer in self.layers],
        }

    @classmethod
    def from_json(cls, body: Any, where: str = "shape") -> "MaskShape":
        """Read :meth:`to_json`; raises BadMask that names the place and every missing or unknown key."""
        _check_keys(body, where, ("width", "height", "layers"), ("invert",))
        layers = _list(body["layers"], where + ".layers")
        _check_counts(where, *_counts_of(layers))
        return _placed(
            where,
            lambda: cls(
                layers=tuple(_layer_from_json(item, f"{where}.layers[{i}]") for i, item in enumerate(layers)),
                width=_integer(body["width"], where + ".width"),
                height=_integer(body["height"], where + ".height"),
                invert=_boolean(body.get("invert", False), where + ".invert"),
            ),
        )


@dataclass(frozen=True)
class SplineMask:
    """Shapes by absolute plate frame; a shape holds until the next keyed frame, the first also before it.

    Hosts may therefore leave out every frame whose shape equals the one before.
    """

    frames: Mapping[int, MaskShape]

    def __post_init__(self) -> None:
        if not self.frames:
            raise BadMask("The mask holds no shape for any frame.", remedy="Send at least one keyed frame.")
        object.__setattr__(self, "frames", MappingProxyType(dict(sorted(self.frames.items()))))
        object.__setattr__(self, "_keyed", tuple(self.frames))

    def __hash__(self) -> int:
        return hash(tuple(self.frames.items()))

    def __reduce__(self) -> Tuple[Any, ...]:
        return (SplineMask, (dict(self.frames),))

    def at(self, frame: int) -> MaskShape:
        """Return the shape that holds at ``frame``."""
        keyed: Tuple[int, ...] = self._keyed  # type: ignore[attr-defined]
        return self.frames[keyed[max(0, bisect_right(keyed, frame) - 1)]]

    def to_json(self) -> Dict[str, Any]:
        """Return the JSON object; shapes that only repeat the one before are left out."""
        rows: List[Dict[str, Any]] = []
        before = None
        for frame, shape in self.frames.items():
            if shape != before:
                rows.append(dict(frame=frame, **shape.to_json()))
            before = shape
        return {"format": FORMAT, "space": SPACE, "frames": rows}

    @classmethod
    def from_json(cls, body: Any) -> "SplineMask":
        """Read :meth:`to_json`; raises BadMask that names the place and every missing or unknown key."""
        _check_keys(body, "mask", ("format", "space", "frames"), ())
        if body["format"] != FORMAT or body["space"] != SPACE:
            raise BadMask(
                "The mask has format {!r} in space {!r}.".format(body["format"], body["space"]),
                remedy=f'This version reads format {FORMAT} in space "{SPACE}".',
            )
        frames: Dict[int, MaskShape] = {}
        rows = _list(body["frames"], "frames")
        _check_frames(len(rows))
        for i, row in enumerate(rows):
            where = f"frames[{i}]"
            if not isinstance(row, Mapping) or "frame" not in row:
                raise BadMask(f"{where} lacks the key frame.", remedy=_RESEND)
            frame = _integer(row["frame"], where + ".frame")
            if frame in frames:
                raise BadMask(f"The mask gives frame {frame} twice.", frame=frame, remedy=_RESEND)
            frames[frame] = MaskShape.from_json({k: v for k, v in row.items() if k != "frame"}, where)
        return cls(frames)


_SPLIT = "Split the job, or send a matte sequence."
_SIMPLER = "Draw it with fewer of them, or send a matte sequence."
_RESEND = "Export the mask from the host again."


def refuse_long_mask(data: bytes) -> None:
    """Raise BadMask for a mask's JSON that must hold too many frames, or too many points in one of them.

    Keys and brackets are counted, nothing is parsed; what hides its keys in escapes is counted when it is.
    """
    if b"\\" in data:
        return
    frames = data.count(b'"frame"')
    _check_frames(frames)
    lists = data.count(b"[") - sum(data.count(key) for key in (b'"points"', b'"splines"', b'"layers"'))
    if lists - 1 > max(frames, 1) * MOST_POINTS:
        _check_counts("A shape of the mask", 0, 0, (lists - 1) // max(frames, 1))


def _counts_of(layers: Sequence[Any]) -> Tuple[int, int, int]:
    """Return how many layers, splines and points a shape's JSON holds, as far as it is of the right form."""
    of_layers = [layer.get("splines") for layer in layers if isinstance(layer, Mapping)]
    splines = [spline for one in of_layers if isinstance(one, list) for spline in one]
    points = [spline.get("points") for spline in splines if isinstance(spline, Mapping)]
    return len(layers), len(splines), sum(len(one) for one in points if isinstance(one, list))


def _check_counts(where: str, layers: int, splines: int, points: int) -> None:
    for count, most, what in (
        (layers, MOST_LAYERS, "layers"),
        (splines, MOST_SPLINES, "splines"),
        (points, MOST_POINTS, "points"),
    ):
        if count > most:
            raise BadMask(f"{where} has {count} {what}, more than {most}.", remedy=_SIMPLER)


def _check_frames(count: int) -> None:
    if count > MOST_FRAMES:
        raise BadMask(f"The mask has {count} frames, more than {MOST_FRAMES}.", remedy=_SPLIT)


def _layer_to_json(layer: MaskLayer) -> Dict[str, Any]:
    return {
        "blend": layer.blend,
        "fill": layer.fill,
        "opacity": layer.opacity,
        "invert": layer.invert,
        "feather_px": layer.feather_px,
        "splines": [
            {
                "closed": spline.closed,
                "is_hole": spline.is_hole,
                "points": [[*p.left, *p.centre, *p.right, p.feather_px] for p in spline.points],
            }
            for spline in layer.splines
        ],
    }


def _layer_from_json(body: Any, where: str) -> MaskLayer:
    _check_keys(body, where, ("splines",), ("blend", "fill", "opacity", "invert", "feather_px"))
    splines = _list(body["splines"], where + ".splines")
    return _placed(
        where,
        lambda: MaskLayer(
            splines=tuple(_spline_from_json(item, f"{where}.splines[{i}]") for i, item in enumerate(splines)),
            blend=_text(body.get("blend", "add"), where + ".blend"),
            opacity=_number(body.get("opacity", 1.0), where + ".opacity"),
            invert=_boolean(body.get("invert", False), where + ".invert"),
            feather_px=_number(body.get("feather_px", 0.0), where + ".feather_px"),
            fill=_text(body.get("fill", "union"), where + ".fill"),
        ),
    )


def _spline_from_json(body: Any, where: str) -> MaskSpline:
    _check_keys(body, where, ("points",), ("closed", "is_hole"))
    points = _list(body["points"], where + ".points")
    return _placed(
        where,
        lambda: MaskSpline(
            points=tuple(_point_from_json(item, f"{where}.points[{i}]") for i, item in enumerate(points)),
            closed=_boolean(body.get("closed", True), where + ".closed"),
            is_hole=_boolean(body.get("is_hole", False), where + ".is_hole"),
        ),
    )


def _point_from_json(body: Any, where: str) -> MaskPoint:
    values = [_number(value, where) for value in _list(body, where)]
    if len(values) not in (6, 7):
        raise BadMask(
            f"{where} has {len(values)} numbers.",
            remedy="A point is left x, y, centre x, y, right x, y and, if it has one, its feather in pixels.",
        )
    feather = values[6] if len(values) == 7 else 0.0
    left, centre, right = (values[0], values[1]), (values[2], values[3]), (values[4], values[5])
    return _placed(where, lambda: MaskPoint(left, centre, right, feather))


def _placed(where: str, build: Any) -> Any:
    """Run ``build``; a BadMask without a place in its message gets one."""
    try:
        return build()
    except BadMask as error:
        if error.message.startswith(("frames[", "shape", "mask")):
            raise
        raise BadMask(f"{where}: {error.message}", remedy=error.remedy) from error


def _check_feather(feather_px: float) -> None:
    if not (math.isfinite(feather_px) and 0.0 <= feather_px <= MAX_FEATHER_PX):
        remedy = f"It must be 0 to {MAX_FEATHER_PX:g}."
        raise BadMask(f"A mask's feather is {feather_px:g} px.", remedy=remedy)


def _check_keys(body: Any, where: str, required: Sequence[str], optional: Collection[str]) -> None:
    if not isinstance(body, Mapping):
        raise BadMask(f"{where} is no JSON object.", remedy=_RESEND)
    missing = [key for key in required if key not in body]
    unknown = sorted(str(key) for key in body if key not in required and key not in optional)
    problems = ["lacks the key{} {}".format("s" * (len(missing) > 1), ", ".join(missing))] if missing else []
    problems += (
        ["has the unknown key{} {}".format("s" * (len(unknown) > 1), ", ".join(unknown))] if unknown else []
    )
    if problems:
        raise BadMask("{} {}.".format(where, " and ".join(problems)), remedy=_RESEND)


def _list(value: Any, where: str) -> Sequence[Any]:
    if not isinstance(value, (list, tuple)):
        raise BadMask(f"{where} is no list.", remedy=_RESEND)
    return value


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadMask(f"{where} holds {value!r} in place of a number.", remedy=_RESEND)
    return float(value)


def _integer(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadMask(f"{where} holds {value!r} in place of a whole number.", remedy=_RESEND)
    return value


def _boolean(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise BadMask(f"{where} holds {value!r} in place of true or false.", remedy=_RESEND)
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise BadMask(f"{where} holds {value!r} in place of a name.", remedy=_RESEND)
    return value
