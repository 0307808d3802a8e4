"""Roto shapes turned into mattes: anti-aliased, feathered, layer over layer.

One rasteriser serves all hosts, so that a shape gives the same matte from Blender and from Nuke. Fill and
blends are those of Blender's mask editor; feathers run outwards by distance and ease like its smooth falloff,
but do not match either host pixel for pixel.
"""

from __future__ import annotations

import numpy as np

from svfr.arrays import Float32
from svfr_client.errors import BadMask
from svfr_client.masks import MaskLayer, MaskShape, MaskSpline
from svfr_restore.errors import MaskSizeDiffers
from svfr_restore.mattes.coverage import even_odd_coverage, union_coverage
from svfr_restore.mattes.feather import soften
from svfr_restore.mattes.outline import MOST_STEPS, drawing_pieces, flatten
from svfr_restore.media.window import Window

# A piece is a part of an outline within one row or column of pixels; so many take about 1 GB and 3 s.
MOST_PIECES = 5_000_000


def rasterise(shape: MaskShape, window: Window) -> Float32:
    """Return the matte (h, w), 0..1, over any pixels of the plate's EXR pixel space.

    Inside a shape the value is exactly 1, outside exactly 0; edge pixels hold the part that is covered.
    A shape without layers is 0 everywhere, 1 when inverted.
    """
    matte = np.zeros(window.shape, np.float32)
    for layer in shape.layers:
        matte = _blend(matte, _layer_matte(layer, window), layer)
    return np.float32(1.0) - matte if shape.invert else matte


def check_shape_size(shape: MaskShape, display: Window, frame: int | None = None) -> None:
    """Raise MaskSizeDiffers when a shape was drawn over a picture of another size than the plate's."""
    if (shape.width, shape.height) != (display.width, display.height):
        raise MaskSizeDiffers(
            f"The mask shape was drawn over {shape.width} x {shape.height} pixels, "
            f"the plate has {display.width} x {display.height}.",
            frame=frame,
            remedy="Draw the mask over the plate itself, at its full resolution.",
        )


def check_shape_cost(shape: MaskShape, display: Window, frame: int | None = None) -> None:
    """Raise BadMask for outlines that are too long to be drawn; what cannot be is not worked out."""
    splines = [spline for layer in shape.layers for spline in layer.splines]
    of_one = MOST_STEPS + 3 * (display.width + display.height)
    if sum(len(spline.points) for spline in splines) * of_one <= MOST_PIECES:
        return
    pieces = drawing_pieces(splines, display)
    if pieces > MOST_PIECES:
        raise BadMask(
            f"The mask's outlines take {pieces} pieces to draw, more than {MOST_PIECES}.",
            frame=frame,
            remedy="Draw it with fewer points, or send a matte sequence.",
        )


def _layer_matte(layer: MaskLayer, window: Window) -> Float32:
    solid = _filled([s for s in layer.splines if not s.is_hole], layer, window)
    holes = [s for s in layer.splines if s.is_hole]
    if holes:
        solid = solid * (np.float32(1.0) - _filled(holes, layer, window))
    return np.float32(1.0) - solid if layer.invert else solid


def _filled(splines: list[MaskSpline], layer: MaskLayer, window: Window) -> Float32:
    """Return the fill of splines with their feathers around it."""
    outlines = [flatten(spline, layer.feather_px) for spline in splines]
    cover = even_odd_coverage if layer.fill == "even_odd" else union_coverage
    coverage = cover(outlines, window).astype(np.float32)
    feathered = [outline for outline in outlines if outline.feather_px.max() > 0.0]
    if not feathered:
        return coverage
    soft, weight = np.zeros_like(coverage), np.zeros_like(coverage)
    for outline in feathered:
        softness = soften(outline, window, coverage < 1.0)
        soft, weight = np.maximum(soft, softness.value), np.maximum(weight, softness.weight)
    full = np.where(coverage >= 0.5, np.float32(1.0), np.maximum(soft, coverage))
    return np.asarray(coverage + weight * (full - coverage), np.float32)


def _blend(below: Float32, above: Float32, layer: MaskLayer) -> Float32:
    """Return the layer over what is below it, limited to 0..1 (invert is already in ``above``)."""
    one, opacity = np.float32(1.0), np.float32(layer.opacity)
    if layer.blend == "replace":
        return below + (above - below) * opacity
    if layer.blend == "intersect":
        return below * (one - opacity + above * opacity)
    above = above * opacity
    if layer.blend == "subtract":
        return below - above * below
    if layer.blend == "difference":
        return np.abs(below - above)
    return below + above * (one - below)
