"""The geometry of a talking head: identity, expression, pose, normals and five exact landmarks.

Pure numpy. A head is the rest mesh plus linear shape targets (:mod:`svfr_lab.heads.assets`). A person is
drawn once per clip (:func:`draw_identity`), and so is the motion (:func:`draw_motion`); each frame's vertices
follow from both (:func:`posed_vertices`). Axes: +x the person's left, +y up, +z towards the viewer.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from svfr_lab.heads.assets import HeadAssets, load_head_assets

PART_SKIN, PART_HAIR, PART_EYE, PART_TEETH, PART_TONGUE, PART_LASHES = range(6)

LANDMARK_NAMES = ("eye_image_left", "eye_image_right", "nose_tip", "mouth_image_left", "mouth_image_right")
"""The order of the five points; image-left is the person's right."""

_PART_BY_GROUP = {
    "helper-hair": PART_HAIR,
    "helper-l-eye": PART_EYE,
    "helper-r-eye": PART_EYE,
    "helper-upper-teeth": PART_TEETH,
    "helper-lower-teeth": PART_TEETH,
    "helper-tongue": PART_TONGUE,
}
# Speech and blinks have tracks of their own; mouthClose only means something against an equal jawOpen.
_DRIVEN_APART = ("ex/jawOpen", "ex/mouthClose", "ex/eyeBlinkLeft", "ex/eyeBlinkRight")
_IDENTITY_TARGETS_PER_FACE = 60
_EXPRESSION_UNITS_PER_CLIP = 14
# Vertices that wider ears move at least this share of the most moved one are ears.
_EAR_SHARE = 0.02
# Random walks are filtered with this much run-in, so that both ends of a clip move like its middle.
_RUN_IN_FRAMES = 24


@dataclass(frozen=True)
class HeadModel:
    """The assets with everything derived from the rest mesh.

    ``parts`` (V,) the ``PART_*`` number of each vertex · ``lips`` and ``scalp`` (V,) float32 in 0..1 ·
    ``eye_centres`` (2, 3) rest centres of the eyeballs, the person's right (image-left) first ·
    ``eye_radius`` the eyeballs' extent towards +z · ``vertex_from_triangle`` (V, T) sparse incidence ·
    ``ears`` (V,) vertices of the ears.
    """

    assets: HeadAssets
    parts: NDArray[np.int32]
    lips: NDArray[np.float32]
    scalp: NDArray[np.float32]
    eye_vertices: tuple[NDArray[np.int64], NDArray[np.int64]]
    eye_centres: NDArray[np.float32]
    eye_radius: float
    nose_tip_vertex: int
    mouth_corner_vertices: tuple[int, int]
    identity_targets: NDArray[np.int64]
    macro_targets: NDArray[np.int64]
    expression_targets: NDArray[np.int64]
    vertex_from_triangle: scipy.sparse.csr_matrix
    ears: NDArray[np.bool_]

    @property
    def eye_level(self) -> float:
        """Height of the eyes in the rest mesh, the origin of most placements on a face."""
        return float(self.eye_centres[:, 1].mean())


@dataclass(frozen=True)
class Motion:
    """How a head moves in a clip of F frames.

    ``targets`` (K,) target numbers and ``weights`` (F, K) of expressions, jaw and eyelids ·
    ``rotation_rad`` (F, 3) yaw, pitch, roll · ``shift`` (F, 2) and ``scale`` in units of half the image ·
    ``gaze`` (F, 2) x and y of the eyes' direction beside z = 1.
    """

    targets: NDArray[np.int64]
    weights: NDArray[np.float32]
    rotation_rad: NDArray[np.float64]
    shift: NDArray[np.float64]
    scale: float
    gaze: NDArray[np.float64]

    @property
    def frame_count(self) -> int:
        """Number of frames of the clip."""
        return len(self.weights)

    def frame(self, number: int) -> "Motion":
        """Return the motion of one frame alone."""
        one = slice(number, number + 1)
        return replace(
            self,
            weights=self.weights[one],
            rotation_rad=self.rotation_rad[one],
            shift=self.shift[one],
            gaze=self.gaze[one],
        )


@lru_cache(maxsize=1)
def load_head_model() -> HeadModel:
    """Return the model of the packaged head shapes; built once per process (about 0.1 s)."""
    return build_head_model(load_head_assets())


def build_head_model(assets: HeadAssets) -> HeadModel:
    """Derive regions, landmark vertices and target lists from ``assets`` by geometry alone."""
    vertices = assets.rest_vertices
    parts = np.full(len(vertices), PART_SKIN, np.int32)
    for group in np.unique(assets.triangle_groups):
        part = PART_LASHES if "eyelashes" in group else _PART_BY_GROUP.get(str(group), PART_SKIN)
        if part != PART_SKIN:
            parts[assets.vertices_of(group)] = part
    skin = parts == PART_SKIN
    eyes = assets.vertices_of("helper-r-eye"), assets.vertices_of("helper-l-eye")
    eye_centres = np.stack([vertices[eye].mean(axis=0) for eye in eyes])
    lips = _lip_region(assets) * skin
    names = np.array(assets.target_names)
    is_identity = np.char.startswith(names, "id/") & ~np.char.startswith(names, "id/neck")
    # asymmetric eyes make the lids cross the eyeball
    is_identity &= ~((np.char.find(names, "asym") >= 0) & (np.char.find(names, "eye") >= 0))
    return HeadModel(
        assets=assets,
        parts=parts,
        lips=lips,
        scalp=_scalp_region(vertices, float(eye_centres[:, 1].mean())) * skin,
        eye_vertices=eyes,
        eye_centres=eye_centres,
        eye_radius=float(np.mean([vertices[eye, 2].max() - vertices[eye, 2].mean() for eye in eyes])),
        nose_tip_vertex=_nose_tip(assets, skin),
        mouth_corner_vertices=_mouth_corners(vertices, lips),
        identity_targets=np.flatnonzero(is_identity),
        macro_targets=np.flatnonzero(np.char.startswith(names, "macro/")),
        expression_targets=np.flatnonzero(np.char.startswith(names, "ex/") & ~np.isin(names, _DRIVEN_APART)),
        vertex_from_triangle=_incidence(assets.triangles, len(vertices)),
        ears=_ears(assets),
    )


def draw_identity(
    model: HeadModel,
    rng: np.random.Generator,
    strength: float = 0.3,
    scalp: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """Return the neutral vertices (V, 3) of a random person, hair volume included.

    60 random local targets, weighted with the deviation ``strength``, plus a Dirichlet mix of the ethnic, age
    and sex macros; 7 heads of 10 get their ``scalp`` (V,), the model's by default, pushed out along the
    normals in waves.
    """
    offsets = model.assets.offsets
    local = rng.choice(model.identity_targets, _IDENTITY_TARGETS_PER_FACE, replace=False)
    local_weights = np.abs(rng.normal(0, strength, len(local))).clip(0, 0.8)
    macro_weights = rng.dirichlet(np.full(len(model.macro_targets), 0.35)) * rng.uniform(0.5, 1.0)
    chosen = np.concatenate([local, model.macro_targets])
    weights = np.concatenate([local_weights, macro_weights]).astype(np.float32)
    vertices = model.assets.rest_vertices + np.tensordot(weights, offsets[chosen], axes=1)
    volume = rng.uniform(0, 0.45) * (rng.random() < 0.7)
    scalp = model.scalp if scalp is None else scalp
    return vertices + vertex_normals(model, vertices) * _hair_height(model, scalp, volume, rng)[:, None]


def draw_motion(model: HeadModel, rng: np.random.Generator, frame_count: int) -> Motion:
    """Return smooth random expressions, speech, a blink in 35 % of clips, head pose and gaze."""
    names = model.assets.target
    units = rng.choice(model.expression_targets, _EXPRESSION_UNITS_PER_CLIP, replace=False)
    walk = smooth_walk(rng, frame_count, len(units), rng.uniform(2, 6))
    unit_weights = np.clip(walk / (walk.std(axis=0) + 1e-6) * 0.4 + rng.uniform(-0.2, 0.3, len(units)), 0, 1)
    jaw = np.clip(smooth_walk(rng, frame_count, 1, 1.5) * 0.9 + 0.1, 0, 0.8)
    blink = np.zeros((frame_count, 1))
    if rng.random() < 0.35:
        blink_frame = rng.integers(0, frame_count)
        blink[:, 0] = np.exp(-(((np.arange(frame_count) - blink_frame) / 1.2) ** 2))
    drift = smooth_walk(rng, frame_count, 5, 6.0) * [0.35, 0.18, 0.12, 0.25, 0.25]
    pose = drift + rng.normal(0, 1, 5) * [0.28, 0.13, 0.08, 0.12, 0.12]
    return Motion(
        targets=np.append(units, [names("ex/jawOpen"), names("ex/eyeBlinkLeft"), names("ex/eyeBlinkRight")]),
        weights=np.concatenate([unit_weights, jaw, blink, blink], axis=1).astype(np.float32),
        rotation_rad=pose[:, :3],
        shift=pose[:, 3:] * 0.35 - [0, 0.02],
        scale=float(rng.uniform(0.66, 1.08)),
        gaze=smooth_walk(rng, frame_count, 2, 3.0) * 0.5,
    )


def posed_vertices(model: HeadModel, identity: NDArray[np.float32], motion: Motion) -> NDArray[np.float32]:
    """Return the expressed, not yet rotated vertices (F, V, 3) of every frame."""
    offsets = model.assets.offsets[motion.targets]
    return identity + np.tensordot(motion.weights, offsets, axes=1)


def vertex_normals(model: HeadModel, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return unit normals (V, 3): area-weighted means of the adjoining triangles'."""
    first, second, third = (vertices[model.assets.triangles[:, corner]] for corner in range(3))
    e, f = second - first, third - first
    faces = np.stack(
        [
            e[:, 1] * f[:, 2] - e[:, 2] * f[:, 1],
            e[:, 2] * f[:, 0] - e[:, 0] * f[:, 2],
            e[:, 0] * f[:, 1] - e[:, 1] * f[:, 0],
        ],
        axis=1,
    )
    normals = model.vertex_from_triangle @ faces
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)


def rotation_matrix(yaw_rad: float, pitch_rad: float, roll_rad: float) -> NDArray[np.float64]:
    """Return the 3 x 3 rotation that rolls, then pitches, then turns a head."""
    cy, sy = np.cos(yaw_rad), np.sin(yaw_rad)
    cp, sp = np.cos(pitch_rad), np.sin(pitch_rad)
    cr, sr = np.cos(roll_rad), np.sin(roll_rad)
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return yaw @ pitch @ roll


def view_matrix(model: HeadModel, motion: Motion, frame: int) -> NDArray[np.float64]:
    """Return the 4 x 4 orthographic matrix from head coordinates to OpenGL clip space."""
    pivot = np.array([0, model.eye_level - 0.22, 0.55])
    rotation = rotation_matrix(*motion.rotation_rad[frame])
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * motion.scale
    matrix[:3, 3] = -(rotation @ pivot) * motion.scale
    matrix[:2, 3] += motion.shift[frame]
    matrix[2] *= -0.2  # the whole head fits the depth range, nearer is smaller
    return matrix


def five_points(model: HeadModel, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the landmarks (5, 3) of one frame's vertices (V, 3), in ``LANDMARK_NAMES`` order.

    An eye's point is the front pole of the eyeball: where the iris is when the person looks straight ahead.
    """
    pole = np.array([0, 0, model.eye_radius], np.float32)
    eyes = [vertices[eye].mean(axis=0) + pole for eye in model.eye_vertices]
    rest = [vertices[vertex] for vertex in (model.nose_tip_vertex, *model.mouth_corner_vertices)]
    return np.stack(eyes + rest)


def project(points: NDArray[np.float32], matrix: NDArray[np.float64], size_px: int) -> NDArray[np.float32]:
    """Return image positions (N, 2) in pixels, x right, y down; the first pixel's centre is (0.5, 0.5)."""
    clip = points @ matrix[:3, :3].T + matrix[:3, 3]
    return (np.stack([0.5 + 0.5 * clip[:, 0], 0.5 - 0.5 * clip[:, 1]], axis=1) * size_px).astype(np.float32)


def smooth_walk(
    rng: np.random.Generator, frame_count: int, channels: int, sigma_frames: float
) -> NDArray[np.float64]:
    """Return random walks (frame_count, channels) around 0, smoothed by a Gaussian over time."""
    noise = rng.normal(0, 1, (frame_count + 2 * _RUN_IN_FRAMES, channels))
    smooth = gaussian_filter1d(noise, sigma_frames, axis=0)
    return smooth[_RUN_IN_FRAMES : _RUN_IN_FRAMES + frame_count]


def _strength(assets: HeadAssets, name: str) -> NDArray[np.float32]:
    """Return how much the target ``name`` moves each vertex (V,), relative to the most moved one."""
    length = np.linalg.norm(assets.offsets[assets.target(name)], axis=1)
    return length / length.max()


def _lip_region(assets: HeadAssets) -> NDArray[np.float32]:
    upper = _strength(assets, "id/mouth/mouth-upperlip-volume-incr")
    lower = _strength(assets, "id/mouth/mouth-lowerlip-volume-incr")
    return np.clip(np.clip(2 * upper, 0, 1) + np.clip(2 * lower, 0, 1), 0, 1)


def _scalp_region(vertices: NDArray[np.float32], eye_level: float) -> NDArray[np.float32]:
    """Return 1 above a hairline that recedes towards the temples, and behind the ears."""
    _, y, z = vertices.T
    above = np.clip((y - (eye_level + 0.62) - 0.42 * np.clip(z - 0.6, 0, 1)) * 4, 0, 1)
    behind = np.clip((0.15 - z) * 3, 0, 1) * np.clip((y - (eye_level - 0.6)) * 3, 0, 1)
    return np.maximum(above, behind)


def _hair_height(
    model: HeadModel, scalp: NDArray[np.float32], volume: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return how far each vertex (V,) is pushed out: ``volume`` modulated by two waves, 0 off the scalp."""
    rest = model.assets.rest_vertices
    phase = rng.uniform(0, 6, 2)
    frequency = rng.uniform(1, 4, 3)
    waves = 0.35 * np.sin(rest @ frequency + phase[0]) + 0.15 * np.sin(
        rest @ (3 * frequency[::-1]) + phase[1]
    )
    above_jaw = np.clip((rest[:, 1] - (model.eye_level - 1.0)) * 1.5, 0, 1)
    return (scalp * above_jaw * volume * (0.75 + waves)).astype(np.float32)


def _ears(assets: HeadAssets) -> NDArray[np.bool_]:
    both = [_strength(assets, f"id/ears/{side}-ear-wing-incr") for side in ("l", "r")]
    return np.maximum(*both) > _EAR_SHARE


def _nose_tip(assets: HeadAssets, skin: NDArray[np.bool_]) -> int:
    nose = np.flatnonzero(skin & (_strength(assets, "id/nose/nose-scale-depth-incr") > 0.3))
    return int(nose[assets.rest_vertices[nose, 2].argmax()])


def _mouth_corners(vertices: NDArray[np.float32], lips: NDArray[np.float32]) -> tuple[int, int]:
    inside = np.flatnonzero(lips > 0.25)
    x = vertices[inside, 0]
    return int(inside[x.argmin()]), int(inside[x.argmax()])


def _incidence(triangles: NDArray[np.int32], vertex_count: int) -> scipy.sparse.csr_matrix:
    columns = np.repeat(np.arange(len(triangles)), 3)
    ones = np.ones(triangles.size, np.float32)
    return scipy.sparse.csr_matrix(
        (ones, (triangles.reshape(-1), columns)), shape=(vertex_count, len(triangles))
    )
