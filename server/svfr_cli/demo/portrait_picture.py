"""``python -m svfr_cli.demo.portrait_picture``: the README's picture, every task on a real face.

The face is NASA's public-domain portrait of the astronaut Eileen Collins, which scikit-image's wheel carries
(``skimage.data.astronaut``); no model of this project has learnt from it. It is made to move a little,
damaged as compressed footage is (``svfr_lab.preview_eval.people.camera``), and goes through the same jobs,
server and paste-back as the demo: the face is found, not given.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from skimage import data

from svfr.arrays import Float32
from svfr_lab.degradation.degrade import Degraded, degrade
from svfr_lab.preview_eval.people import camera
from svfr_restore.media.contact_sheet import Cell, write_contact_sheet

from ..output import speaking
from .cases import SEED, Case, chosen, grey, holes
from .clip import Footage
from .roto import WanderingEllipse
from .run import CaseResult, DemoPlan, run_case, stop_server

Build = Callable[[Footage, range], Degraded]
FRAMES = range(1, 11)
SHOWN = 5
WIDTH, HEIGHT = 400, 300
LEFT = 30  # of the frame, in the portrait's 512 px
FACE_CENTRE = (194.0, 118.0)  # in the frame at rest
CLOSEUP_PX, CELL_PX = 200, 320
RATIO, HARD_RATIO = 2.5, 4.5
PICTURE = Path(__file__).parent / "before-after-truth.jpg"


def moving_portrait() -> Float32:
    """Return the portrait as (frames, HEIGHT, WIDTH, 3) code values; it drifts and turns a little."""
    portrait = data.astronaut()[:HEIGHT, LEFT : LEFT + WIDTH].astype(np.float32) / np.float32(255)
    frames = []
    for frame in FRAMES:
        moved = cv2.getRotationMatrix2D(FACE_CENTRE, 0.4 * (frame - SHOWN), 1.0 + 0.002 * (frame - SHOWN))
        moved[:, 2] += np.array([0.9, -0.4]) * (frame - SHOWN)
        seen = cv2.warpAffine(
            portrait, moved, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        frames.append(np.clip(seen, 0.0, 1.0))
    return np.stack(frames)


def portrait_cases() -> tuple[Case, ...]:
    """Return one case for each task, and blind restoration once more where it is hard."""
    drift = {
        frame: (FACE_CENTRE[0] + 0.9 * (frame - SHOWN), FACE_CENTRE[1] - 0.4 * (frame - SHOWN))
        for frame in FRAMES
    }
    roto = WanderingEllipse(FRAMES, drift, radii_px=(24.0, 20.0), reach_px=(26.0, 14.0), below_px=8.0)
    return (
        _case("bfr", "2.5 times softer, noise, JPEG", "bfr", _compressed(RATIO)),
        _case("bfr, hard", "4.5 times softer, noise, JPEG", "bfr", _compressed(HARD_RATIO)),
        _case("colorize", "Grey", "colorize", grey),
        _case("inpaint", "Lost under a roto", "inpaint", holes(roto), roto),
    )


def _case(name: str, title: str, task: str, build: Build, roto: WanderingEllipse | None = None) -> Case:
    return Case(name=name, title=title, task=task, frames=FRAMES, build=build, roto=roto)


def _compressed(ratio: float) -> Build:
    def build(footage: Footage, frames: range) -> Degraded:
        rng = np.random.default_rng(SEED)
        return degrade(chosen(footage.pristine, frames), frozenset({"bfr"}), rng, camera(ratio))

    return build


def sheet(results: Sequence[CaseResult], model: str) -> list[list[Cell]]:
    """Return two rows, before and after, of a column for each task; the truth stands last.

    All of it is one frame, around the face; so wide and low, a page of text has room for it.
    """
    columns = [(result.pictures.name, result.pictures.clips) for result in results]
    before = [_closeup(clips["before"], f"{name}: before") for name, clips in columns]
    after = [_closeup(clips["after"], f"after ({model})") for _, clips in columns]
    return [[*before, _closeup(columns[0][1]["truth"], "truth")], after]


def _closeup(clip: Float32, title: str) -> Cell:
    x, y, half = round(FACE_CENTRE[0]), round(FACE_CENTRE[1]), CLOSEUP_PX // 2
    window = (slice(max(0, y - half), max(0, y - half) + CLOSEUP_PX), slice(x - half, x + half))
    return Cell(clip[SHOWN - FRAMES.start][window], title)


def main(
    out: Annotated[Path, typer.Option("--out", help="Where plates and results go.")] = Path(
        "demo-output/portrait"
    ),
    picture: Annotated[Path, typer.Option("--picture", help="The picture.")] = PICTURE,
    model: Annotated[str, typer.Option("--model")] = "mini",
    preset: Annotated[str, typer.Option("--preset")] = "standard",
) -> None:
    """Damage the portrait in every way, restore it, and draw before, after and truth."""
    with speaking(as_json=False):
        codes = moving_portrait()
        footage = Footage(codes, codes, Fraction(24))
        cases = portrait_cases()
        plan = DemoPlan(out.absolute(), model, preset, tuple(case.name for case in cases))
        try:
            results = [run_case(case, footage, plan, n, len(cases)) for n, case in enumerate(cases, 1)]
        finally:
            stop_server(plan)
        write_contact_sheet(picture, sheet(results, model), CELL_PX)


if __name__ == "__main__":
    typer.run(main)
