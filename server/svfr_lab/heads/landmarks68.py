"""The 68 landmarks as fixed places on the head mesh, and the order of landmarks seen in a mirror.

The scheme is iBUG's: 0-16 jaw, 17-26 brows, 27-35 nose, 36-47 eyes, 48-67 mouth, each row from the picture's
left to its right. :mod:`svfr_lab.heads.choose_landmarks68` says where each point lies and how it was found.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from svfr.validation import read_json_file
from svfr_client.files import write_whole
from svfr_client.reasons import Flaw, reason_of
from svfr_lab.errors import ArgumentOutOfRange, HeadAssetsDoNotMatch

LANDMARKS_68_PATH = Path(__file__).parent / "data" / "landmarks68.json"
LANDMARK_COUNT = 68
SCHEME = "ibug-68"
BROWS = range(17, 27)

MIRRORED_5 = (1, 0, 2, 4, 3)
MIRRORED_68 = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
    *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55),
    *(64, 63, 62, 61, 60, 67, 66, 65),
)
"""Which point of a picture becomes point i of its mirror image: what was right is then the picture's left."""


@dataclass(frozen=True)
class SurfacePoint:
    """A place on the mesh: three vertex numbers and their weights, which sum to 1."""

    vertices: tuple[int, int, int]
    weights: tuple[float, float, float]

    @classmethod
    def of_vertex(cls, vertex: int) -> "SurfacePoint":
        """Return the place of one vertex."""
        return cls((vertex, vertex, vertex), (1.0, 0.0, 0.0))


@dataclass(frozen=True)
class SurfacePoints:
    """L places on the mesh: ``vertices`` (L, 3) numbers and ``weights`` (L, 3) float32."""

    vertices: NDArray[np.int64]
    weights: NDArray[np.float32]

    def on(self, mesh: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the positions (..., L, 3) on meshes (..., V, 3)."""
        positions: NDArray[np.float32] = np.einsum(
            "...lcd,lc->...ld", mesh[..., self.vertices, :], self.weights
        )
        return positions


@lru_cache(maxsize=4)
def load_landmarks_68(revision: int) -> SurfacePoints:
    """Return the packaged points for a revision of the looks, which differ in the brows."""
    return read_landmarks_68(LANDMARKS_68_PATH, revision)


def read_landmarks_68(path: Path, revision: int) -> SurfacePoints:
    """Read a file of :func:`write_landmarks_68`; raises HeadAssetsDoNotMatch for anything else."""
    try:
        body = read_json_file(path)
        points = body["points"] | body["brows"][str(revision)]
        order = [points[str(number)] for number in range(LANDMARK_COUNT)]
        vertices = np.array([point["vertices"] for point in order], np.int64)
        weights = np.array([point["weights"] for point in order], np.float32)
        if vertices.shape != (LANDMARK_COUNT, 3) or weights.shape != vertices.shape:
            raise Flaw("a point is not three vertices and their weights")
        if body["scheme"] != SCHEME or not np.allclose(weights.sum(axis=1), 1.0, atol=1e-4):
            raise Flaw(f"they are not points of the scheme {SCHEME}")
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise HeadAssetsDoNotMatch(
            f"The landmark places cannot be read: {reason_of(problem)}.",
            path=path,
            remedy="Reinstall svfr-studio, or run python -m svfr_lab.heads.choose_landmarks68.",
        ) from problem
    return SurfacePoints(vertices, weights)


def write_landmarks_68(path: Path, points: Mapping[int, Sequence[SurfacePoint]]) -> None:
    """Write the points of each revision, those of the brows apart: the others must be the same."""
    common, *others = (_without_brows(each) for each in points.values())
    if any(other != common for other in others):
        raise ArgumentOutOfRange(
            "Revisions may differ in the brows alone.", remedy="Choose the points of all from one head."
        )
    brows = {
        str(revision): {str(number): vars(each[number]) for number in BROWS}
        for revision, each in points.items()
    }
    rows = ",\n".join(f'"{number}": {json.dumps(vars(point))}' for number, point in common.items())
    tables = ",\n".join(f'"{revision}": {json.dumps(table)}' for revision, table in brows.items())
    text = f'{{"scheme": "{SCHEME}", "points": {{\n{rows}\n}}, "brows": {{\n{tables}\n}}}}\n'
    write_whole(path, text)


def _without_brows(points: Sequence[SurfacePoint]) -> dict[int, SurfacePoint]:
    return {number: point for number, point in enumerate(points) if number not in BROWS}


def mirrored_order(count: int) -> list[int]:
    """Return the order of 5 or 68 landmarks in the mirror; raises ArgumentOutOfRange for other numbers."""
    orders = {len(MIRRORED_5): MIRRORED_5, len(MIRRORED_68): MIRRORED_68}
    if count not in orders:
        raise ArgumentOutOfRange(
            f"The mirror image of {count} landmarks is not known.", remedy="Use 5 or 68 landmarks."
        )
    return list(orders[count])
