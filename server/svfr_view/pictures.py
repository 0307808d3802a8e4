"""The frames of a page: what came in, what came back, and the matte between them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

from svfr.arrays import Float32
from svfr_ocio.curve import decode_srgb
from svfr_ocio.domain import ModelDomain
from svfr_restore.media.plate import Plate
from svfr_restore.media.window import Window
from svfr_view.errors import NothingToView, PlateNeeded
from svfr_view.proxy_size import ProxySize

Square = tuple[float, float, float, float]
DOUBTS = ("invention", "spread")
"""The layers that say what of a result the plate does not bear out."""
_CHANNELS = {"delta": "RGB", "matte": "A", **dict.fromkeys(DOUBTS, "Y")}


@dataclass(frozen=True, kw_only=True)
class FramePair:
    """One frame over its display window, float32.

    ``before`` and ``after`` (H, W, 3) are linear Rec.709 light, ``matte`` (H, W) is 0..1. ``doubts`` are the
    layers of :data:`DOUBTS` that the result has, (H, W) code values under the matte; ``identity`` says how
    like its reference each face is, by its number, and ``squares`` where it is: left, top, width and height
    in the plate's pixels.
    """

    frame: int
    before: Float32
    after: Float32
    matte: Float32
    doubts: Mapping[str, Float32] = field(default_factory=dict)
    identity: Mapping[str, float] = field(default_factory=dict)
    squares: Mapping[str, Square] = field(default_factory=dict)


class Pictures:
    """Plate and result side by side; ``frames`` are those of which both sides are known."""

    def __init__(
        self, result: Plate, plate: Plate | None, domain: ModelDomain, frames: Sequence[int] | None = None
    ) -> None:
        """Lay them side by side; where there is no plate, or it lacks a frame that was held, what came in is
        the result less its delta through its matte.

        ``domain`` is that of the plate's space, without an exposure. Raises PlateNeeded when there is no such
        layer and NothingToView when no frame is common.
        """
        self.result, self.plate, self.domain = result, plate, domain
        self.odd_sizes: dict[int, str] = {}
        """Frames read so far that are not as large as the first, or whose plate is not: words for each."""
        self._of_plate = frozenset(() if plate is None else plate.frames)
        common = set(result.frames) & (self._of_plate if plate is not None else set(result.frames))
        if plate is not None and common and "delta" in _layers(result.path(min(common))):
            common = set(result.frames)
        self.frames = tuple(sorted(common if frames is None else common & set(frames)))
        if not self.frames:
            raise NothingToView(
                "The result and the plate have no frame in common.",
                path=result.pattern,
                remedy="Check both paths and the frame range.",
            )
        layers = _layers(self.result.path(self.frames[0]))
        self.doubts = tuple(name for name in DOUBTS if name in layers)
        if self.plate is None and "delta" not in layers:
            raise _plate_needed(self.result.path(self.frames[0]), self.frames[0])

    def read(self, frame: int, size: ProxySize | None = None) -> FramePair:
        """Return a frame of both, over the result's display window; raises what reading a plate raises.

        ``size``: how large, each pixel the mean of the light that it covers; None: as they are.
        """
        picture = self.result.read(frame)
        layers = _layers(picture.path)
        window = picture.display_window
        self._note_size(frame, "", window)
        after = self.domain.to_transfer(over_window(window, picture.data_window, picture.rgb))
        if self.plate is not None and frame in self._of_plate:
            source = self.plate.read(frame)
            self._note_size(frame, "of the plate ", source.display_window)
            before = self.domain.to_transfer(over_window(window, source.data_window, source.rgb))
        elif "delta" not in layers:
            raise _plate_needed(picture.path, frame)
        else:
            added = over_window(window, *layers["delta"])
            before = after - (added * over_window(window, *layers["matte"]) if "matte" in layers else added)
        if "matte" in layers:
            matte = over_window(window, *layers["matte"])[..., 0]
        else:
            is_same = (before == after) | (np.isnan(before) & np.isnan(after))
            matte = np.any(~is_same, axis=-1).astype(np.float32)

        def sized(plane: Float32) -> Float32:
            return plane if size is None else size.reduced(plane)

        made = _stated(picture.path)
        doubts = {name: over_window(window, *layers[name])[..., 0] for name in self.doubts if name in layers}
        return FramePair(
            frame=frame,
            before=self._light(before, size),
            after=self._light(after, size),
            matte=sized(matte),
            doubts={name: sized(plane * matte) for name, plane in doubts.items()},
            identity=identity_in(made.get("identity", "")),
            squares=squares_in(made.get("crops", "")),
        )

    def _note_size(self, frame: int, whose: str, window: Window) -> None:
        first = self.result.display
        if (window.width, window.height) != (first.width, first.height):
            self.odd_sizes[frame] = (
                f"The frame {whose}has {window.width} x {window.height} pixels, the first one "
                f"{first.width} x {first.height}: "
                + ("what lies outside is not shown." if whose else "it is shown stretched to that size.")
            )

    def all_stated(self, name: str) -> set[str]:
        """Return what the frames state as their attribute ``svfr/NAME``; it opens each file once."""
        return {_stated(self.result.path(frame)).get(name, "") for frame in self.frames}

    def _light(self, transfer: Float32, size: ProxySize | None) -> Float32:
        if size is None:
            return display_light(self.domain, transfer)
        if self.domain.kind == "linear":  # the mean may come first, and then all else is of few pixels
            return display_light(self.domain, size.reduced(transfer))
        return size.reduced(display_light(self.domain, transfer))


def _plate_needed(path: Path, frame: int) -> PlateNeeded:
    return PlateNeeded(
        "The result does not say what it was made from: it has no layer svfr.delta.",
        frame=frame,
        path=path,
        remedy="Name the plate with --plate, or the frames that have the layer with --frames.",
    )


def display_light(domain: ModelDomain, transfer: Float32) -> Float32:
    """Return transfer-space pixels as linear Rec.709 light, which views and movies begin with."""
    light = domain.to_light(transfer)
    return decode_srgb(light) if domain.is_passthrough else light


def config_in(made: Mapping[str, str]) -> str | None:
    """Return the built-in config that a result was made with; a studio's own is known by its hash only."""
    config = made.get("color", "").partition(" ")[0]
    return config if config.startswith("ocio://") else None


def space_in(made: Mapping[str, str]) -> str | None:
    """Return the colour space that a result says it is in, if it does."""
    return made.get("color", "").partition(" ")[2] or None


def _stated(path: Path) -> dict[str, str]:
    return provenance(path) if is_exr(path) else {}


def provenance(path: Path) -> dict[str, str]:
    """Return the ``svfr/...`` attributes of a restored EXR, by name without the prefix."""
    picture = oiio.ImageInput.open(str(path))
    if picture is None:
        oiio.geterror()  # taken, or the library prints it at the program's end
        return {}
    found = {a.name[5:]: str(a.value) for a in picture.spec().extra_attribs if a.name.startswith("svfr/")}
    picture.close()
    return found


def identity_in(text: str) -> dict[str, float]:
    """Return the likenesses in an attribute such as ``0=0.9731,2=unknown``, by the face's number."""
    found: dict[str, float] = {}
    for entry in text.split(","):
        number, _, value = entry.partition("=")
        with contextlib.suppress(ValueError):  # unknown, or no figure of ours
            if math.isfinite(float(value)):
                found[number] = float(value)
    return found


def squares_in(text: str) -> dict[str, Square]:
    """Return the squares in an attribute such as ``0=612.5 80 300 300``, by the face's number."""
    found: dict[str, Square] = {}
    for entry in text.split(","):
        number, _, words = entry.partition("=")
        with contextlib.suppress(ValueError):  # no squares of ours
            left, top, width, height = map(float, words.split())
            if all(map(math.isfinite, (left, top, width, height))):
                found[number] = (left, top, width, height)
    return found


def is_exr(path: Path) -> bool:
    """Return whether a file is an EXR by its name."""
    return path.suffix.lower() == ".exr"


def _layers(path: Path) -> dict[str, tuple[Window, Float32]]:
    """Return the layers of a restored EXR that a page shows, (h, w, C), with their windows."""
    if not is_exr(path):
        return {}
    picture = oiio.ImageInput.open(str(path))
    found: dict[str, tuple[Window, Float32]] = {}
    part = 1
    while picture is not None and picture.seek_subimage(part, 0):
        spec = picture.spec()
        for layer, names in _CHANNELS.items():
            channels = [f"svfr.{layer}.{name}" for name in names]
            if set(channels) <= set(spec.channelnames):
                pixels = np.asarray(picture.read_image(part, 0, 0, spec.nchannels, "float"))
                order = [spec.channelnames.index(name) for name in channels]
                found[layer] = (
                    Window(spec.x, spec.y, spec.width, spec.height),
                    np.ascontiguousarray(pixels.reshape(spec.height, spec.width, -1)[..., order]),
                )
        part += 1
    if picture is not None:
        picture.close()
    return found


def over_window(window: Window, place: Window, pixels: Float32) -> Float32:
    """Return pixels that lie over ``place`` laid into ``window``; zero elsewhere."""
    laid = np.zeros((*window.shape, pixels.shape[-1]), np.float32)
    common = place.intersect(window)
    if not common.is_empty:
        laid[common.slices_in(window)] = pixels[common.slices_in(place)]
    return laid
