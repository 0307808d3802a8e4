"""``python -m svfr_cli.demo.render_picture``: the README's picture, three tasks on a rendered face.

The face is a render that the preview model was not trained on (the first of the evaluation split), so the
picture belongs to nobody else. It goes through the same jobs, server and paste-back as the demo; the whole
frame is the crop.
"""

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from svfr_lab.degradation.degrade import Degraded, degrade
from svfr_lab.heads.backgrounds import background_bank
from svfr_lab.heads.renderer import FaceRenderer, RenderedClip
from svfr_lab.preview_eval.people import camera
from svfr_restore.media.contact_sheet import Cell, write_contact_sheet

from ..output import speaking
from .cases import SEED, Case, chosen, grey, holes
from .clip import Footage
from .roto import WanderingEllipse
from .run import CaseResult, DemoPlan, run_case, stop_server

SIZE_PX, FRAME_COUNT, SHOWN = 192, 16, 8
RATIO = 2.5
# The evaluation split's first clip, and its backgrounds (svfr_lab/preview_eval/data/evaluation_split.json).
FACE_SEED, BANK_SEED, BANK_COUNT, REVISION = 5_000_000, 991, 600, 1
CELL_PX = 320
WHOLE_FRAME = ("--faces", "frame")
PICTURE = Path(__file__).parent / "before-after-truth.png"


def rendered_cases(rendered: RenderedClip) -> tuple[Case, ...]:
    """Return the three tasks over a rendered clip, damaged as the model's evaluation does."""
    frames = range(1, FRAME_COUNT + 1)
    centres = {
        frame: (float(points[:, 0].mean()), float(points[:, 1].mean()))
        for frame, points in zip(frames, rendered.landmarks_px, strict=True)
    }
    roto = WanderingEllipse(frames, centres, radii_px=(26.0, 22.0), reach_px=(30.0, 16.0), below_px=8.0)
    return (
        Case(
            name="bfr",
            title="Low resolution, noise, JPEG",
            task="bfr",
            frames=frames,
            build=soft_and_compressed,
            options=WHOLE_FRAME,
        ),
        Case(name="colorize", title="Grey", task="colorize", frames=frames, build=grey, options=WHOLE_FRAME),
        Case(
            name="inpaint",
            title="Lost under a roto",
            task="inpaint",
            frames=frames,
            build=holes(roto),
            options=WHOLE_FRAME,
            roto=roto,
        ),
    )


def soft_and_compressed(footage: Footage, frames: range) -> Degraded:
    """Damage as compressed footage has it, the one that docs/results.md measures."""
    rng = np.random.default_rng(SEED)
    return degrade(chosen(footage.pristine, frames), frozenset({"bfr"}), rng, camera(RATIO))


def render() -> RenderedClip:
    """Render the face; the same picture on every machine up to the graphics driver's rounding."""
    renderer = FaceRenderer(SIZE_PX, background_bank(BANK_SEED, BANK_COUNT), REVISION)
    try:
        return renderer.render_clip(FACE_SEED, FRAME_COUNT)
    finally:
        renderer.close()


def cells(result: CaseResult) -> list[Cell]:
    """Return before, after and truth of one frame."""
    pictures = result.pictures
    three = {"before": pictures.damaged, "after": pictures.restored, "truth": pictures.truth}
    return [Cell(clip[SHOWN], f"{pictures.name}: {title}") for title, clip in three.items()]


def main(
    out: Annotated[Path, typer.Option("--out", help="Where plates and results go.")] = Path(
        "demo-output/render"
    ),
    picture: Annotated[Path, typer.Option("--picture", help="The picture.")] = PICTURE,
    model: Annotated[str, typer.Option("--model")] = "mini",
    preset: Annotated[str, typer.Option("--preset")] = "standard",
) -> None:
    """Render a face, damage it three ways, restore it, and draw before, after and truth."""
    with speaking(as_json=False):
        rendered = render()
        codes = rendered.frames.astype(np.float32) / np.float32(255)
        footage = Footage(codes, codes, Fraction(24))
        cases = rendered_cases(rendered)
        plan = DemoPlan(out.absolute(), model, preset, tuple(case.name for case in cases))
        try:
            results = [run_case(case, footage, plan, n, len(cases)) for n, case in enumerate(cases, 1)]
        finally:
            stop_server(plan)
        write_contact_sheet(picture, [cells(result) for result in results], CELL_PX)


if __name__ == "__main__":
    typer.run(main)
