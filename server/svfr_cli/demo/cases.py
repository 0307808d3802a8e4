"""The demo's four cases: which frames, how they are damaged, which task restores them. All of it is seeded.

A case is a pure function of the footage, so that everybody's demo starts from the same pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from svfr.arrays import Float32
from svfr.luma import luma_601
from svfr_client.json_files import read_json_file
from svfr_lab.degradation.basic import BasicRecipe
from svfr_lab.degradation.degrade import HOLE_CODE, Degraded, degrade
from svfr_lab.preview_eval.baselines import (
    BASELINES_PATH,
    ColourFit,
    DenoiseAndEnlarge,
    Denoiser,
    baseline_methods,
)
from svfr_restore.mattes.hole import THRESHOLD
from svfr_restore.mattes.raster import rasterise
from svfr_restore.media.window import Window

from .clip import Footage
from .roto import WanderingEllipse

SEED = 20250123
# Milder than the evaluation recipe (a quarter of the size): the face detector must still see this face,
# which is only 52 pixels wide.
BFR = BasicRecipe(
    blur_sigma_px=(0.5, 0.5), usual_scale=2.5, noise_sd_code=(2 / 255, 2 / 255), jpeg_quality=(85, 86)
)
# The square that the crop of a face found here would be; as wide as the preview model's crop.
HARD_BOX = "29,18,96,96"
ROTO = WanderingEllipse(
    frames=range(81, 121),
    face_centres={81: (70.0, 62.0), 89: (65.0, 68.0), 97: (64.0, 70.0), 105: (67.0, 69.0), 113: (70.0, 65.0)},
    radii_px=(8.5, 7.0),
    reach_px=(13.0, 9.0),
    below_px=8.0,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the demo.

    ``frames`` are numbers of the film, from 1; ``build`` gives the damaged frames; ``options`` are added to
    ``svfr restore``. ``roto`` is where the picture is lost, which the job gets as its mask.
    """

    name: str
    title: str
    task: str
    frames: range
    build: Callable[[Footage, range], Degraded]
    options: tuple[str, ...] = ()
    roto: WanderingEllipse | None = None

    def truth(self, footage: Footage) -> Float32:
        """Return the undamaged frames (F, H, W, 3) in code values."""
        return chosen(footage.pristine, self.frames)


def chosen(clip: Float32, frames: range) -> Float32:
    """Return the frames of a film by number; its first frame is number 1."""
    return clip[frames.start - 1 : frames.stop - 1]


def low_resolution(footage: Footage, frames: range) -> Degraded:
    """Blur, shrink to 2.5 times less, add noise, compress, enlarge again."""
    rng = np.random.default_rng(SEED)
    return degrade(chosen(footage.pristine, frames), frozenset({"bfr"}), rng, BFR)


def grey(footage: Footage, frames: range) -> Degraded:
    """Keep only the luma."""
    luma = luma_601(chosen(footage.pristine, frames))
    return Degraded(np.repeat(luma, 3, axis=-1), None, None)


def holes(roto: WanderingEllipse) -> Callable[[Footage, range], Degraded]:
    """Return damage that loses everything under the ellipse; its ``hole`` stays None because it moves."""

    def build(footage: Footage, frames: range) -> Degraded:
        clip = chosen(footage.pristine, frames).copy()
        height, width = clip.shape[1:3]
        for index, frame in enumerate(frames):
            clip[index, roto.lost(frame, width, height)] = HOLE_CODE
        return Degraded(clip, None, None)

    return build


def compressed(footage: Footage, frames: range) -> Degraded:
    """Take the copy that a compressor ruined; for a denoiser its frames are small ones of full size."""
    clip = chosen(footage.distorted, frames)
    return Degraded(clip, None, clip)


CASES: tuple[Case, ...] = (
    Case(
        name="bfr", title="Low resolution, noise, JPEG", task="bfr", frames=range(1, 41), build=low_resolution
    ),
    Case(name="colorize", title="Grey", task="colorize", frames=range(41, 81), build=grey),
    Case(
        name="inpaint",
        title="Lost under a moving roto",
        task="inpaint",
        frames=ROTO.frames,
        build=holes(ROTO),
        roto=ROTO,
    ),
    Case(
        name="hard",
        title="Ruined by compression",
        task="bfr",
        frames=range(41, 81),
        build=compressed,
        options=("--box", HARD_BOX),
    ),
)


def baselines(case: Case, degraded: Degraded) -> dict[str, Float32]:
    """Return what simple methods make of the damaged frames, by name, tuned by
    ``svfr_lab.preview_eval.baselines``.

    They are given what the job is given: the artist's roto, not the damage's exact outline.
    """
    tuned = read_json_file(Path(BASELINES_PATH))
    bfr = DenoiseAndEnlarge(Denoiser(**tuned["bfr"]["denoiser"]), tuned["bfr"]["neighbour_weight"])
    colour = ColourFit(tuple(tuned["colour"]["tint"]), tuple(map(tuple, tuned["colour"]["cubic"])))
    methods = baseline_methods(bfr, colour)[case.task]
    names = [name for name in methods if name != "input"]
    if case.roto is None:
        return {name: methods[name](degraded) for name in names}
    height, width = degraded.lq.shape[1:3]
    mask, window = case.roto.mask(width, height), Window(0, 0, width, height)
    single = [
        Degraded(degraded.lq[i : i + 1], rasterise(mask.at(frame), window) >= THRESHOLD, None)
        for i, frame in enumerate(case.frames)
    ]
    return {name: np.concatenate([methods[name](one) for one in single]) for name in names}
