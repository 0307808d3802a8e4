"""What is drawn from a seed for one clip, before any pixel: a person, a motion, a look, a place.

A *revision* of the looks is a way of drawing and painting that never changes again: the same revision and
seed give the same clip in every version of this package. Revision 1 is that of the frozen evaluation split
and of the first training sets. Revision 2 draws calmer expressions, hairlines, brows, glasses, clothes and an
exposure nearer to those of footage; see :mod:`svfr_lab.heads.appearance_v2`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.heads.appearance import (
    Backdrop,
    FaceAppearance,
    Wall,
    draw_appearance,
    draw_backdrop,
    draw_wall,
)
from svfr_lab.heads.appearance_v2 import (
    FaceDetails,
    draw_calm_motion,
    draw_details,
    draw_moderate_identity,
    draw_photographed_appearance,
    draw_scalp,
)
from svfr_lab.heads.mesh import HeadModel, Motion, draw_identity, draw_motion

FIRST_REVISION, CURRENT_REVISION = 1, 2

_BACKDROP_SHARE = 0.7

# Frames between two far ones: a head's drift has forgotten where it was (svfr_lab.heads.mesh.draw_motion).
_FAR_STRIDE = 24
_FAR_STREAM = 0xFA2


@dataclass(frozen=True)
class ClipScene:
    """All that is drawn from a seed for one clip, before any pixel.

    ``identity`` (V, 3) neutral vertices; ``scalp`` (V,) where hair grows, 0..1; behind the head stands
    ``backdrop``, or ``wall`` where that is None; ``details`` is None in revision 1.
    """

    identity: NDArray[np.float32]
    motion: Motion
    appearance: FaceAppearance
    wall: Wall
    backdrop: Backdrop | None
    scalp: NDArray[np.float32]
    details: FaceDetails | None


def draw_scene(
    model: HeadModel, seed: int, frame_count: int, bank_count: int, revision: int = CURRENT_REVISION
) -> ClipScene:
    """Return the scene of ``seed`` in a revision of the looks. No graphics needed.

    Raises ArgumentOutOfRange for a revision that does not exist.
    """
    check_revision(revision)
    if revision == FIRST_REVISION:
        return _first_scene(model, np.random.default_rng(seed), frame_count, bank_count)
    rng = np.random.default_rng([seed, revision])
    scalp = draw_scalp(model, rng)
    return ClipScene(
        identity=draw_moderate_identity(model, scalp, rng),
        motion=draw_calm_motion(model, rng, frame_count),
        appearance=draw_photographed_appearance(rng),
        wall=draw_wall(rng),
        backdrop=draw_backdrop(rng, bank_count) if rng.random() < _BACKDROP_SHARE else None,
        scalp=scalp,
        details=draw_details(rng),
    )


def far_scene(model: HeadModel, scene: ClipScene, seed: int, count: int, revision: int) -> ClipScene:
    """Return ``count`` single frames of the person of ``scene`` at other moments, far from each other.

    Look, light, place and size are those of the clip of ``seed``; pose and expression are drawn anew, so that
    the frames are what a reference from elsewhere in a long shot is, or from another shot.
    """
    rng = np.random.default_rng([seed, revision, _FAR_STREAM])
    draw = draw_motion if revision == FIRST_REVISION else draw_calm_motion
    motion = draw(model, rng, _FAR_STRIDE * count)
    every = slice(None, None, _FAR_STRIDE)
    far = replace(
        motion,
        weights=motion.weights[every],
        rotation_rad=motion.rotation_rad[every],
        shift=motion.shift[every],
        gaze=motion.gaze[every],
        scale=scene.motion.scale,
    )
    backdrop = scene.backdrop
    if backdrop is not None:
        backdrop = replace(backdrop, drift=backdrop.drift * _FAR_STRIDE)
    return replace(scene, motion=far, backdrop=backdrop)


def check_revision(revision: int) -> None:
    """Raise ArgumentOutOfRange for a revision of the looks that does not exist."""
    if not FIRST_REVISION <= revision <= CURRENT_REVISION:
        raise ArgumentOutOfRange(
            f"There is no revision {revision} of the rendered looks.",
            remedy=f"Use {FIRST_REVISION} to {CURRENT_REVISION}.",
        )


def _first_scene(model: HeadModel, rng: np.random.Generator, frame_count: int, bank_count: int) -> ClipScene:
    return ClipScene(
        identity=draw_identity(model, rng),
        motion=draw_motion(model, rng, frame_count),
        appearance=draw_appearance(rng),
        wall=draw_wall(rng),
        backdrop=draw_backdrop(rng, bank_count) if rng.random() < _BACKDROP_SHARE else None,
        scalp=model.scalp,
        details=None,
    )
