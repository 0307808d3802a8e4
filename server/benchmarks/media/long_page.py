"""Print what the page of a long shot costs: its size, the time to make it, the time until it can be seen.

    python -m benchmarks.media.long_page                      # 1,000 frames of 4096 x 2160
    python -m benchmarks.media.long_page --frames 100 --browser chromium --playwright ENV/bin/python

A few grainy frames are restored by a real job and stand under all the numbers, as links. The page is opened
by Chromium without a network, from the disk, three times; what counts is the time from the address to the
first picture, in the slowest of them. The movie inside has one size for all plates of more than 512 px, so
that a smaller plate tells the same of page and opening, sooner.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

import svfr_restore
from svfr_client.job import Box, FaceChoice
from svfr_ocio.config import open_config
from svfr_ocio.domain import ModelDomain
from svfr_ocio.view import open_view
from svfr_restore.media.plate import open_plate
from svfr_view.page import PageFacts, write_page
from svfr_view.pictures import Pictures

FIRST = 1001
SPACE = "lin_rec709_scene"
OPENING = """
import sys, time
from playwright.sync_api import sync_playwright
with sync_playwright() as play:
    arguments = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    chromium = play.chromium.launch(executable_path=sys.argv[1], args=arguments)
    for address in [sys.argv[3], sys.argv[2]] * 3:
        page = chromium.new_context(offline=True).new_page()
        page.set_default_timeout(120_000)
        watch = page.context.new_cdp_session(page)
        watch.send("Performance.enable", {"timeDomain": "threadTicks"})
        began = time.monotonic()
        page.goto(address, wait_until="commit")
        page.wait_for_selector("body[data-ready=yes]", state="attached")
        took = time.monotonic() - began
        told = {m["name"]: m["value"] for m in watch.send("Performance.getMetrics")["metrics"]}
        print(took, told["TaskDuration"], flush=True)
        page.context.close()
    chromium.close()
"""


def grainy(width: int, height: int, frame: int) -> np.ndarray:
    """Return a picture (h, w, 3), linear: soft waves that drift, a highlight, and grain.

    The grain is as coarse as a pixel of the page's pictures, where it is worst for the movie's size.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    waves = [0.3 + 0.2 * np.sin(0.004 * x + 0.003 * c * y + 0.3 * frame) for c in (1, 2, 3)]
    picture = np.stack(waves, axis=-1)
    picture[height // 8 : height // 6, width // 8 : width // 6] = 12.0
    coarse = np.random.default_rng(frame).normal(1.0, 0.06, (height * 512 // width, 512, 3))
    noise = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(picture * noise, np.float32)


def write(path: Path, pixels: np.ndarray) -> None:
    """Write one half-float EXR."""
    out = oiio.ImageOutput.create(str(path))
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "half")
    if out is None or not out.open(str(path), spec) or not out.write_image(pixels):
        raise OSError(oiio.geterror())
    out.close()


def make_shot(folder: Path, size: tuple[int, int], distinct: int, frames: int) -> tuple[str, str]:
    """Return the patterns of a plate and its restored frames, ``distinct`` pictures under all numbers."""
    plate, result = folder / "plate", folder / "out"
    plate.mkdir()
    for number in range(distinct):
        write(plate / f"shot.{FIRST + number}.exr", grainy(*size, number))
    side = size[1] / 2
    box = Box(size[0] / 2 - side / 2, size[1] / 2 - side / 2, side, side)
    made = svfr_restore.restore(
        plate / "shot.%04d.exr",
        result / "shot.%04d.exr",
        tasks=["bfr"],
        space=SPACE,
        model="probe",
        faces=FaceChoice("box", boxes=(box,)),
        layers=("delta", "matte", "invention"),
        device="cpu",
    )
    assert len(made.outputs) == distinct
    for number in range(distinct, frames):
        for side_folder in (plate, result):
            source = side_folder / f"shot.{FIRST + number % distinct}.exr"
            os.link(source, side_folder / f"shot.{FIRST + number}.exr")
    return str(plate / "shot.%04d.exr"), str(result / "shot.%04d.exr")


def opening_seconds(page: Path, folder: Path, browser: str, python: str) -> dict[str, float]:
    """Return the slowest of three openings of an empty page and of this one, in turns.

    ``script_processor_seconds`` is what the page's own thread computed: a machine that others use does not
    change it.
    """
    empty = folder / "empty.html"
    empty.write_text("<!doctype html><body data-ready=yes>")
    command = [python, "-c", OPENING, browser, page.as_uri(), empty.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    took = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    return {
        "empty_page_opens_seconds": round(max(seconds for seconds, _ in took[::2]), 2),
        "opens_seconds": round(max(seconds for seconds, _ in took[1::2]), 2),
        "script_processor_seconds": round(max(busy for _, busy in took[1::2]), 2),
    }


def main() -> None:
    """Make the shot and its page, and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--width", type=int, default=4096)
    parser.add_argument("--height", type=int, default=2160)
    parser.add_argument("--distinct", type=int, default=6)
    parser.add_argument("--browser", default="", help="A Chromium; without it the page is not opened.")
    parser.add_argument("--playwright", default="python3", help="A Python that has playwright.")
    parser.add_argument("--keep", type=Path, help="Keep the page here.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="svfr-long-page-") as name:
        folder = Path(name)
        plate, result = make_shot(folder, (given.width, given.height), given.distinct, given.frames)
        domain = ModelDomain.build(open_config(None), SPACE)
        pictures = Pictures(open_plate(result), open_plate(plate), domain)
        page = given.keep or folder / "page.html"
        began, processor = time.monotonic(), time.process_time()
        view = open_view(open_config(None), domain)
        size = write_page(page, pictures, view, PageFacts(title="A long shot", provenance={}))
        figures = {
            "frames": len(pictures.frames),
            "plate": f"{given.width} x {given.height}",
            "page_mb": round(size / 1e6, 2),
            "seconds": round(time.monotonic() - began, 1),
            "processor_seconds": round(time.process_time() - processor, 1),
        }
        print(json.dumps(figures), flush=True)
        if given.browser:
            print(json.dumps(opening_seconds(page, folder, given.browser, given.playwright)))


if __name__ == "__main__":
    main()
