"""Revision 2 of the rendered looks: what is drawn nearer to footage than revision 1 draws it.

Revision 1 was looked at where a detector trained on real faces does not find it: rims of glasses as large as
goggles that meet over the nose, hair that begins at the crown, brows halfway up the forehead, all muscles of
a face at work at once, teeth through closed lips, and faces that no camera would have left so dark.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from svfr.luma import LUMA_709
from svfr_lab.heads.appearance import (
    DARK_HAIR_RGB,
    FaceAppearance,
    Rgb,
    draw_appearance,
)
from svfr_lab.heads.mesh import (
    PART_TEETH,
    PART_TONGUE,
    HeadModel,
    Motion,
    draw_identity,
    draw_motion,
    smooth_walk,
)

_IDENTITY_STRENGTH = 0.22
_TEETH_BACK_DM = 0.09
_EXPRESSIONS_PER_CLIP = 7
# These have a side in their name without being half of a movement, or are no expression.
_ONE_SIDED = re.compile(r"ex/(jaw|mouth)(Left|Right)")
_LEFT_OUT = re.compile(r"ex/(tongueOut|eyeLook(In|Out)(Left|Right))")
_SIDE = re.compile(r"(Left|Right)$")
# The tracks of jaw and lids are the last ones of a drawn motion.
_DRIVEN_APART = 3
# Linear luma of skin that faces the viewer: a camera would have been opened or closed to about here.
_EXPOSED_LUMA = (0.10, 0.42)
_DARK_SKIN_LUMA = 0.16
_DARK_HAIR_SHARE = 0.9


@dataclass(frozen=True)
class FaceDetails:
    """More uniforms of the head shader, named as there; lengths are decimetres of the rest mesh.

    ``brow_half_height`` · ``brow_density`` 0..1 · ``hairline_fray`` how ragged the hairline is.
    """

    brow_half_height: float
    brow_density: float
    hairline_fray: float


def draw_details(rng: np.random.Generator) -> FaceDetails:
    """Return random brows and hairline."""
    return FaceDetails(
        brow_half_height=float(rng.uniform(0.035, 0.075)),
        brow_density=float(rng.uniform(0.6, 1.1)),
        hairline_fray=float(rng.uniform(0.1, 0.45)),
    )


def draw_scalp(model: HeadModel, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return where hair grows (V,), 0..1: from the forehead down the temples to before the ears."""
    _, y, z = model.assets.rest_vertices.T
    forehead = rng.uniform(0.66, 0.95)
    temple = rng.uniform(-0.1, 0.25)
    towards_front = np.clip((z - 0.35) / 0.7, 0.0, 1.0) ** rng.uniform(0.5, 1.0)
    hairline = model.eye_level + temple + (forehead - temple) * towards_front
    above = np.clip((y - hairline) * 6.0, 0.0, 1.0)
    behind = np.clip((0.15 - z) * 3.0, 0.0, 1.0) * np.clip((y - (model.eye_level - 0.6)) * 3.0, 0.0, 1.0)
    grows = np.maximum(above, behind) * (model.parts == 0) * ~model.ears
    return grows.astype(np.float32)


def draw_moderate_identity(
    model: HeadModel, scalp: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the neutral vertices (V, 3) of a random person with the teeth well behind the lips."""
    vertices = draw_identity(model, rng, _IDENTITY_STRENGTH, scalp)
    vertices[np.isin(model.parts, (PART_TEETH, PART_TONGUE)), 2] -= np.float32(_TEETH_BACK_DM)
    return vertices


def draw_calm_motion(model: HeadModel, rng: np.random.Generator, frame_count: int) -> Motion:
    """Return a motion with a few expressions at a time, left and right nearly alike."""
    drawn = draw_motion(model, rng, frame_count)
    movements = _movements(model)
    chosen = rng.choice(len(movements), _EXPRESSIONS_PER_CLIP, replace=False)
    walk = smooth_walk(rng, frame_count, len(chosen), rng.uniform(2, 6))
    strength = np.clip(walk / (walk.std(axis=0) + 1e-6) * 0.25 + rng.uniform(-0.25, 0.3, len(chosen)), 0, 0.8)
    targets, weights = [], []
    for movement, together in zip(chosen, strength.T, strict=True):
        for target in movements[movement]:
            targets.append(target)
            weights.append(together * rng.uniform(0.75, 1.0))
    return replace(
        drawn,
        targets=np.append(targets, drawn.targets[-_DRIVEN_APART:]),
        weights=np.column_stack([*weights, drawn.weights[:, -_DRIVEN_APART:]]).astype(np.float32),
    )


def draw_photographed_appearance(rng: np.random.Generator) -> FaceAppearance:
    """Return a random look with slim glasses, hair that goes with the skin, clothes, and an exposure."""
    drawn = draw_appearance(rng)
    dark_hair = DARK_HAIR_RGB[rng.integers(len(DARK_HAIR_RGB))] * rng.uniform(0.6, 1.5)
    has_dark_hair = _luma(drawn.skin_rgb) < _DARK_SKIN_LUMA and rng.random() < _DARK_HAIR_SHARE
    clothes = [_draw_cloth(rng), _draw_cloth(rng)]
    appearance = replace(
        drawn,
        clothes_rgb_1=clothes[0],
        clothes_rgb_2=clothes[1],
        hair_rgb=_rgb(dark_hair) if has_dark_hair else drawn.hair_rgb,
        specular=0.6 * drawn.specular,
        neckline_below_eyes=float(rng.uniform(1.3, 1.75)),
        neckline_drop=float(rng.uniform(0.0, 0.35)),
        glasses_radius=float(rng.uniform(0.17, 0.25)),
        glasses_rim=float(rng.uniform(0.008, 0.018)),
        glasses_aspect=float(rng.uniform(1.0, 1.5)),
    )
    return _exposed(appearance)


def _draw_cloth(rng: np.random.Generator) -> Rgb:
    """Return a linear colour, drawn as the eye sees it: evenly from dark to light, some of it vivid."""
    shown = rng.uniform(0.12, 0.9) + rng.normal(0.0, 0.18, 3) * rng.uniform(0.0, 1.4)
    return _rgb(np.clip(shown, 0.04, 0.95) ** 2.2)


def _movements(model: HeadModel) -> list[list[int]]:
    """Return the expression targets, those of both sides of one movement together."""
    by_name: dict[str, list[int]] = {}
    for target in model.expression_targets:
        name = model.assets.target_names[target]
        if _LEFT_OUT.fullmatch(name):
            continue
        key = name if _ONE_SIDED.fullmatch(name) else _SIDE.sub("", name)
        by_name.setdefault(key, []).append(int(target))
    return list(by_name.values())


def _exposed(appearance: FaceAppearance) -> FaceAppearance:
    """Return the look with all lights scaled so that skin facing the viewer has a plausible luma."""
    lights = np.array([appearance.ambient_rgb, appearance.key_rgb, appearance.fill_rgb])
    reaching = (
        0.7,
        max(0.0, 0.85 * appearance.key_direction[2] + 0.15),
        max(0.0, appearance.fill_direction[2]),
    )
    luma = _luma(np.array(appearance.skin_rgb) * (np.array(reaching) @ lights))
    gain = float(np.clip(luma, *_EXPOSED_LUMA)) / luma
    ambient, key, fill = (_rgb(light) for light in gain * lights)
    return replace(appearance, ambient_rgb=ambient, key_rgb=key, fill_rgb=fill)


def _luma(rgb: Rgb | NDArray[np.float64]) -> float:
    return float(np.asarray(rgb) @ LUMA_709)


def _rgb(values: NDArray[np.float64]) -> Rgb:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
