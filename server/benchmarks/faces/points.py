"""How well five points repeat: MediaPipe's mesh and the packaged net on portraits, clean, small and tilted.

``python -m benchmarks.faces.points --portraits FOLDER`` cuts each portrait as a job cuts a face, once upright
and once tilted by 30 degrees, each clean and as it is after being made four times smaller. Distances are from
the mesh's points of the clean upright crop, in distances between the eyes, and not from points that a person
marked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.faces.finders import Portrait, portraits
from svfr_restore.faces.face_mesh import FaceMesh
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.faces.model_files import MESH, installed_file

_CROP_PX, _SIDE_IN_FACES, _SHRINK = 256, 1.8, 4


def main() -> None:
    """Print the mean distance of each finder for each crop, and how often it gave no points."""
    parser = argparse.ArgumentParser(description="Measure how well the five points repeat.")
    parser.add_argument("--portraits", type=Path, help="a folder of portraits, JPEG; else heads are rendered")
    parser.add_argument("--count", type=int, default=14)
    asked = parser.parse_args()
    file = installed_file(MESH)
    if file is None:
        raise SystemExit("The mesh is not installed: run svfr install faces.")
    mesh = FaceMesh(file)
    finders: dict[str, FaceMesh | FivePointFinder] = {"mesh": mesh, "packaged net": FivePointFinder()}
    distances: dict[tuple[str, int, str], list[float]] = {}
    for person in portraits(asked.portraits, asked.count):
        upright, _ = _crop(person, 0)
        truth = mesh.five_points(upright)
        if truth is None:
            continue
        exact = _on_portrait(truth, _matrix(person, 0))
        for degrees in (0, 30):
            clean, matrix = _crop(person, degrees)
            for kind, crop in (("clean", clean), ("small", _made_small(clean))):
                for name, finder in finders.items():
                    found = finder.five_points(crop)
                    row = distances.setdefault((name, degrees, kind), [])
                    row.append(np.nan if found is None else _distance(_on_portrait(found, matrix), exact))
    for (name, degrees, kind), row in sorted(distances.items()):
        missed = int(np.isnan(row).sum())
        print(f"{name:<14}{degrees:>3} degrees {kind:<6} {100 * np.nanmean(row):5.1f} %, no points {missed}")


def _matrix(person: Portrait, degrees: int) -> NDArray[np.float64]:
    """Return the matrix (2, 3) from pixels of the crop to those of the portrait."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn * _SIDE_IN_FACES * person.box.width / _CROP_PX
    middle = np.array([person.box.centre_x, person.box.centre_y])
    return np.concatenate([linear, (middle - linear @ [_CROP_PX / 2, _CROP_PX / 2])[:, None]], axis=1)


def _crop(person: Portrait, degrees: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    matrix = _matrix(person, degrees)
    way = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (_CROP_PX, _CROP_PX)
    crop = cv2.warpAffine(person.picture, matrix, size, flags=way, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(crop, np.uint8), matrix


def _made_small(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = _CROP_PX // _SHRINK
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (_CROP_PX, _CROP_PX), interpolation=cv2.INTER_CUBIC), np.uint8)


def _on_portrait(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return points @ matrix[:, :2].T + matrix[:, 2]


def _distance(found: NDArray[np.float64], exact: NDArray[np.float64]) -> float:
    return float(np.linalg.norm(found - exact, axis=1).mean() / np.linalg.norm(exact[1] - exact[0]))


if __name__ == "__main__":
    main()
