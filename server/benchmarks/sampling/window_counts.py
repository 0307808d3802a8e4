"""Counts the frames that studio mode sends through the UNet, beside the published rule and the least needed.

    python -m benchmarks.sampling.window_counts [--steps 30] [--window 16] [--overlap 3] [--shortest 8]

Nothing is timed: the counts are those of the windows themselves, in windows of full length.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from svfr.diffusion.windows import FrameWindow, official_windows, studio_windows

FRAMES = (1, 17, 32, 48, 100)


def in_windows(windows: Iterable[FrameWindow], length: int) -> float:
    """Return the frames that windows evaluate, in windows of ``length``."""
    return sum(len(window.frames) for window in windows) / length


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--window", type=int, default=16)
    parser.add_argument("--overlap", type=int, default=3)
    parser.add_argument("--shortest", type=int, default=8, help="of windows at the ends of a shot")
    asked = parser.parse_args()
    print("| frames | official | studio, whole windows | studio, shorter end windows | least possible |")
    print("|---|---|---|---|---|")
    for frames in FRAMES:
        studio = [
            in_windows(
                (
                    window
                    for step in range(asked.steps)
                    for window in studio_windows(frames, asked.window, asked.overlap, step, shortest)
                ),
                asked.window,
            )
            for shortest in (None, asked.shortest)
        ]
        official = "refused"
        if frames > asked.overlap:
            rule = (official_windows(frames, asked.window, asked.overlap, s) for s in range(asked.steps))
            official = str(sum(map(len, rule)))
        least = asked.steps * frames / asked.window
        print(f"| {frames} | {official} | {studio[0]:.1f} | {studio[1]:.1f} | {least:.1f} |")


if __name__ == "__main__":
    main()
