"""Which frames the UNet sees together at each denoise step, and with what weight they are blended.

Official mode is the published rule: windows run cyclically over the whole clip, so its last and first
frames are denoised as neighbours. Studio mode never joins the ends of a shot: the same starts, not wrapped.
What lies outside the shot is left out of a window, as far as the model works on shorter ones, and filled by
reflection for context only, with weight zero, where it does not.

In both, windows overlap during the first three steps, when the coarse layout settles, and afterwards only
move by ``overlap`` frames a step, which spreads the seams.
"""

from __future__ import annotations

from dataclasses import dataclass

OVERLAPPING_STEPS = 3


@dataclass(frozen=True)
class FrameWindow:
    """One evaluation of the network: frame indices into the shot, and the blend weight of each."""

    frames: tuple[int, ...]
    weights: tuple[int, ...]


def triangle_weights(length: int) -> tuple[int, ...]:
    """Return 1, 2, ... to the middle and back to 1: min(k + 1, length - k)."""
    return tuple(min(k + 1, length - k) for k in range(length))


def window_shift(step: int, length: int, overlap: int) -> int:
    """Return by how many frames all windows of a step are moved towards the start."""
    return step * overlap % length


def _stride(step: int, length: int, overlap: int) -> int:
    return length - overlap if step < OVERLAPPING_STEPS else length


def official_windows(frame_count: int, length: int, overlap: int, step: int) -> tuple[FrameWindow, ...]:
    """Return the windows of one step as published: starts every stride, all indices modulo the clip.

    A window longer than the clip holds frames twice. ``length`` must be greater than ``overlap``.
    """
    shift, weights = window_shift(step, length, overlap), triangle_weights(length)
    return tuple(
        FrameWindow(tuple((start - shift + k) % frame_count for k in range(length)), weights)
        for start in range(0, frame_count, _stride(step, length, overlap))
    )


def reflect(index: int, frame_count: int) -> int:
    """Fold an index into the shot as between two mirrors that stand on the first and the last frame."""
    if frame_count == 1:
        return 0
    period = 2 * (frame_count - 1)
    folded = index % period
    return min(folded, period - folded)


def studio_windows(
    frame_count: int, length: int, overlap: int, step: int, shortest: int | None = None
) -> tuple[FrameWindow, ...]:
    """Return the windows of one step, anchored at the shot's first frame.

    Starts are ``k (length - overlap) - shift`` from k = 0 until the shot is covered. A shot that fits into
    one window has no seam to move: it is one window without a shift at every step, which halves its cost.
    Windows at the ends of the shot have at least ``shortest`` frames, None: ``length``. Every frame has the
    same weight whatever ``shortest`` is.
    """
    shift = 0 if frame_count <= length else window_shift(step, length, overlap)
    stride, triangle = _stride(step, length, overlap), triangle_weights(length)
    windows = []
    start = -shift
    while True:
        nominal = range(start, start + length)
        seen = _seen(nominal, frame_count, length if shortest is None else min(shortest, length))
        windows.append(
            FrameWindow(
                tuple(reflect(i, frame_count) for i in seen),
                tuple(triangle[i - start] if i in nominal and 0 <= i < frame_count else 0 for i in seen),
            )
        )
        if start + length >= frame_count:
            return tuple(windows)
        start += stride


def _seen(nominal: range, frame_count: int, shortest: int) -> range:
    """Return the indices that a window evaluates: its own inside the shot, and context up to ``shortest``.

    Context is the shot's own further frames, where there are any, before it is reflected ones. A ``shortest``
    of the window's whole length reflects everything, as the window lies.
    """
    if shortest == len(nominal):
        return nominal
    first, stop = max(nominal.start, 0), min(nominal.stop, frame_count)
    if stop - first < shortest:
        stop = min(frame_count, first + shortest)
        first = max(0, stop - shortest)
    return range(first, max(stop, first + shortest))


def segment_windows(
    shot_count: int, first: int, count: int, step: int, *, length: int, overlap: int, shortest: int | None
) -> tuple[FrameWindow, ...]:
    """Return a shot's windows that reach its part of ``count`` frames from ``first``, as indices there.

    A part of a shot that is restored alone keeps the windows of the whole shot of ``shot_count`` frames: what
    is far enough from its ends is evaluated exactly as in the whole. What lies outside the part is filled by
    reflection for context only, with weight zero.
    """
    windows = []
    for window in studio_windows(shot_count, length, overlap, step, shortest):
        weights = tuple(
            weight if first <= frame < first + count else 0
            for frame, weight in zip(window.frames, window.weights, strict=True)
        )
        if any(weights):
            windows.append(FrameWindow(tuple(reflect(f - first, count) for f in window.frames), weights))
    return tuple(windows)


@dataclass(frozen=True)
class DecodeWindow:
    """Frames ``start`` to ``stop`` (exclusive) that the picture decoder sees together.

    The first ``blend`` of them were also decoded by the window before and cross-fade from it.
    """

    start: int
    stop: int
    blend: int


def official_decode_windows(frame_count: int, length: int) -> tuple[DecodeWindow, ...]:
    """Return separate chunks, as published: a temporal decoder may show a seam between them."""
    return tuple(DecodeWindow(s, min(s + length, frame_count), 0) for s in range(0, frame_count, length))


def studio_decode_windows(frame_count: int, length: int) -> tuple[DecodeWindow, ...]:
    """Return chunks that share a quarter of their frames, anchored at the shot's first frame."""
    blend = length // 4
    windows = [DecodeWindow(0, min(length, frame_count), 0)]
    while windows[-1].stop < frame_count:
        start = windows[-1].stop - blend
        windows.append(DecodeWindow(start, min(start + length, frame_count), blend))
    return tuple(windows)
