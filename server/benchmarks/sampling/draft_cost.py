"""Counts what each saving of a draft leaves to compute at the official size, and prints a table.

    python -m benchmarks.sampling.draft_cost [--frames 100]

Nothing is timed: networks of the official shapes on torch's meta device are counted, one window at a time,
and multiplied by the windows of both passes. The first row is the published code, which evaluates both
branches in both passes, with each crop encoded once as in ours; all others are ours, in studio mode with
shorter end windows.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.sampling.memory_cards import official
from benchmarks.sampling.official_size import OfficialOperations, official_operations
from svfr.diffusion.schedule import AYS_SVD_SIGMAS
from svfr.diffusion.windows import (
    official_decode_windows,
    official_windows,
    studio_decode_windows,
    studio_windows,
)
from svfr.models.convert import FAST_DRAFT, PRESETS
from svfr.models.spec import Preset
from svfr_restore.plan.compute_cost import window_cost

WINDOW, SHORTEST = (16, 3), 8


def presets() -> Iterator[tuple[str, Preset]]:
    """Yield what is counted, each by name."""
    yield "final, 50 + 30 steps", PRESETS["final"]
    yield "standard, 30 + 30 steps", PRESETS["standard"]
    ays = PRESETS["draft"]
    yield "draft, 10 + 10 levels of AYS", ays
    low = replace(ays, sigmas=AYS_SVD_SIGMAS[1:], steps=9, reference_steps=9)
    yield "the same from level 54.5, 9 + 9", low
    for every in (2, 3):
        yield f"draft, `guidance_every` {every}", replace(ays, guidance_every=every)
    for every in (2, 3):
        yield f"draft, `deep_every` {every}", replace(ays, deep_every=every)
    yield "fast draft: from 54.5, both 2", FAST_DRAFT
    yield "from 54.5, both 3", replace(FAST_DRAFT, guidance_every=3, deep_every=3)


def unet_operations(preset: Preset, frames: int, counted: OfficialOperations) -> float:
    """Return the operations of both passes in studio mode, end windows counted by their length."""
    length, overlap = WINDOW
    total = 0.0
    for step in range(preset.reference_steps):
        is_deep = preset.reuse.is_deep(step, conditional=True)
        total += counted.unconditional if is_deep else counted.unconditional_top
    for step in range(preset.steps):
        windows = studio_windows(frames, length, overlap, step, SHORTEST)
        is_deep = preset.reuse.is_deep(step, conditional=True)
        each = counted.conditional if is_deep else counted.conditional_top
        if preset.reuse.has_unconditional(step):
            is_deep = preset.reuse.is_deep(step, conditional=False)
            each += counted.unconditional if is_deep else counted.unconditional_top
        total += each * sum(len(window.frames) for window in windows) / length
    return total


def published_operations(preset: Preset, frames: int, counted: OfficialOperations) -> float:
    """Return the same of the published code, which evaluates both branches of every window."""
    length, overlap = WINDOW
    windows = sum(len(official_windows(length, length, overlap, s)) for s in range(preset.reference_steps))
    windows += sum(len(official_windows(frames, length, overlap, s)) for s in range(preset.steps))
    return float(windows * counted.published)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=100, help="16 or more")
    frames = parser.parse_args().frames
    counted, cost = official_operations(), window_cost(official())
    length = WINDOW[0]
    encoding = -(-frames // length) * cost.encode
    decoding = (1 + len(studio_decode_windows(frames, length))) * cost.decode
    print(
        f"TFLOP of a window of {length} frames: both branches as published {counted.published / 1e12:.2f}, "
        f"conditional {counted.conditional / 1e12:.2f}, unconditional {counted.unconditional / 1e12:.2f}, "
        f"their topmost level {counted.conditional_top / 1e12:.2f} and "
        f"{counted.unconditional_top / 1e12:.2f}, decoding {cost.decode / 1e12:.2f}.\n"
    )
    print(f"| {frames} frames | UNet, PFLOP | with encoding and decoding | times less |\n|---|---|---|---|")
    final = PRESETS["final"]
    official_decoding = (1 + len(official_decode_windows(frames, length))) * cost.decode
    most = published_operations(final, frames, counted)
    rows = [("published, 50 + 30 steps", most, most + encoding + official_decoding)]
    for name, preset in presets():
        unet = unet_operations(preset, frames, counted)
        rows.append((name, unet, unet + encoding + decoding))
    for name, unet, total in rows:
        print(f"| {name} | {unet / 1e15:.2f} | {total / 1e15:.2f} | {rows[0][2] / total:.1f} |")


if __name__ == "__main__":
    main()
