"""How far the exact 68 landmarks of rendered faces are from those that a trained predictor finds.

``python -m svfr_lab.heads.landmark_agreement PREDICTOR`` takes a dlib shape predictor of the user's, such as
``shape_predictor_68_face_landmarks.dat``, and the frontal people of :mod:`svfr_lab.heads.detector_agreement`
whose face the detector finds. Distances are in shares of that between the outer corners of the eyes, as 300-W
counts. Nothing here depends on a predictor: it is a second opinion on the places that
:mod:`svfr_lab.heads.choose_landmarks68` chose by geometry.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

import dlib
import numpy as np
from numpy.typing import NDArray

from svfr_lab.heads.clip_scene import CURRENT_REVISION
from svfr_lab.heads.detector_agreement import FIRST_SEED, PEOPLE, FrontalPerson, frontal_people

PARTS: Mapping[str, range] = MappingProxyType(
    {
        "jaw": range(17),
        "brows": range(17, 27),
        "nose": range(27, 36),
        "eyes": range(36, 48),
        "mouth": range(48, 68),
        "all": range(68),
    }
)
_OUTER_EYE_CORNERS = (36, 45)


def landmark_distances(
    people: Iterable[FrontalPerson], predictor: dlib.shape_predictor
) -> NDArray[np.float64]:
    """Return the distance (N, 68) of every landmark of those people whose face was found."""
    rows = []
    for person in people:
        if person.box is None:
            continue
        # dlib counts from the first pixel's centre
        parts = predictor(person.picture, person.box).parts()
        found = np.array([(part.x + 0.5, part.y + 0.5) for part in parts])
        left, right = (person.landmarks68_px[corner] for corner in _OUTER_EYE_CORNERS)
        rows.append(np.linalg.norm(found - person.landmarks68_px, axis=1) / np.linalg.norm(left - right))
    return np.array(rows).reshape(-1, len(PARTS["all"]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Compare the exact landmarks with a predictor's.")
    parser.add_argument("predictor", type=Path)
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--revision", type=int, default=CURRENT_REVISION, help="of the looks")
    asked = parser.parse_args()
    people = frontal_people(asked.first_seed, asked.people, asked.revision)
    distances = landmark_distances(people, dlib.shape_predictor(str(asked.predictor)))
    print(f"{len(distances)} of {asked.people} people, in shares of the distance between outer eye corners")
    for name, numbers in PARTS.items():
        part = distances[:, numbers]
        of_person = part.mean(axis=1)
        figures = (
            f"mean {part.mean():.3f}  median {np.median(part):.3f}  sd over people {of_person.std():.3f}"
        )
        print(f"{name:6} {figures}")


if __name__ == "__main__":
    main()
