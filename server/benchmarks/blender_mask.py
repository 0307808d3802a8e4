"""How long Blender's window stands still while a mask is read: at the button, and in each tick after.

    python -m benchmarks.blender_mask --python BPY [--frames 1000] [--points 12 200]

``BPY`` is a Python with bpy, such as ``~/.cache/svfr/hosts/bpy-4.5.15/bin/python``, which the tests of the
extension make. The extension is built and installed into it as an artist does, with a user folder of its own;
the mask has one outline of so many points that moves and changes its form on every frame.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MARK = "TICKS "
INSIDE = Path(__file__).resolve().parents[2] / "tests" / "svfr_blender" / "inside"


def measure(python: Path, frames: int, points: int) -> tuple[str, float, list[float]]:
    """Run one Blender; return its version, how long the button took, and the ticks, sorted, in ms."""
    import cv2
    import numpy as np

    from svfr_client.files import write_whole
    from svfr_installer.blender_extension import EDITIONS, build_extension, edition_for

    ask = "import bpy; print('VERSION', *bpy.app.version[:2])"
    answer = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True).stdout
    major, minor = map(int, answer.split("VERSION")[1].split()[:2])
    edition = next(one for one in EDITIONS if one.name == edition_for((major, minor)).name)
    with tempfile.TemporaryDirectory(prefix="blender-mask-") as name:
        folder = Path(name)
        picture = cv2.imencode(".png", np.full((120, 160, 3), 128, np.uint8))[1].tobytes()
        for number in range(1001, 1001 + frames):
            write_whole(folder / f"plate.{number:05d}.png", picture, durable=False)
        archive = build_extension(folder, edition=edition)
        home = folder / "blender"
        home.mkdir()
        environment = {
            **{key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ},
            "BLENDER_USER_RESOURCES": str(home),
            "SVFR_HOME": str(folder / "nobody"),
            "SVFR_SERVER": str(folder / "no-svfr"),
            "OMP_NUM_THREADS": "1",
        }
        command = [str(python), str(Path(__file__)), "--inside", str(archive), "--points", str(points)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=folder)
        lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
        if not lines:
            raise SystemExit(done.stdout[-2000:] + done.stderr[-4000:])
        button, *ticks = map(float, lines[-1].removeprefix(MARK).split())
        return f"{major}.{minor}", button, sorted(ticks)


def inside(archive: Path, count: int) -> list[float]:
    """In Blender: restore a strip with the mask; return how long the button and each tick took, in ms."""
    sys.path.insert(0, str(INSIDE))
    import math

    import bpy
    from common import add_images, keyed_mask, module, opened, select_only

    scene, editor = opened({"zip": str(archive)})
    files = sorted(map(str, archive.parent.glob("plate.*.png")))
    strip = add_images(editor, files, 2, 1)

    def outline(size: float) -> list[tuple[float, float]]:
        turns = [2 * math.pi * index / count for index in range(count)]
        return [(0.5 + size * math.cos(turn), 0.5 + size * math.sin(turn)) for turn in turns]

    mask = keyed_mask("roto", {1: outline(0.1), len(files): outline(0.3)})
    settings = scene.svfr
    settings.mask_source, settings.mask, settings.model = "MASK", mask, "identity"
    select_only(scene, strip)
    began = time.perf_counter()
    assert bpy.ops.svfr.restore() == {"FINISHED"}
    session, took = module("session"), [1000 * (time.perf_counter() - began)]
    while session.controller().is_preparing:
        began = time.perf_counter()
        session._tick()
        took.append(1000 * (time.perf_counter() - began))
    return took


def main() -> int:
    """Print the figures; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, help="a Python with bpy")
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--points", type=int, nargs="+", default=[12, 200])
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside is not None:
        print(MARK, *inside(given.inside, given.points[0]), flush=True)
        os._exit(0)  # Blender's own end hangs in 4.5 when a timer is left
    for points in given.points:
        version, button, ticks = measure(given.python, given.frames, points)
        middle, late = ticks[len(ticks) // 2], ticks[min(len(ticks) - 1, int(0.99 * len(ticks)))]
        print(
            f"Blender {version}, {given.frames} frames, {points} points: button "
            f"{button:.0f} ms, {len(ticks)} ticks, p50 {middle:.0f} ms, p99 {late:.0f} ms, "
            f"max {ticks[-1]:.0f} ms",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
