from dataclasses import replace
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from clip_samples import write_predictor

from svfr_lab.heads.clip_scene import CURRENT_REVISION
from svfr_lab.heads.detector_agreement import FrontalPerson, frontal_people, write_sheet
from svfr_lab.heads.landmark_agreement import landmark_distances
from svfr_lab.heads.people_sheet import COLUMNS, ROWS, SIZE_PX, clip_sheet
from svfr_lab.heads.renderer import FaceRenderer


@pytest.fixture(scope="module")
def people(renderer: FaceRenderer) -> list[FrontalPerson]:
    """A few people; the session's renderer proves that there is graphics."""
    return list(frontal_people(8_600_000, 4, CURRENT_REVISION))


@pytest.fixture(scope="module")
def predictor(people: list[FrontalPerson], tmp_path_factory: pytest.TempPathFactory) -> dlib.shape_predictor:
    path = tmp_path_factory.mktemp("predictor") / "68.dat"
    pictures, points = [p.picture for p in people], [p.landmarks68_px for p in people]
    return dlib.shape_predictor(str(write_predictor(path, pictures, points)))


def test_distances_are_shares_of_the_eyes_distance(
    people: list[FrontalPerson], predictor: dlib.shape_predictor
):
    box = dlib.rectangle(40, 40, 215, 215)
    seen = [replace(person, box=box) for person in people]
    distances = landmark_distances(seen, predictor)
    assert distances.shape == (4, 68) and distances.mean() < 0.3
    apart = np.linalg.norm(seen[0].landmarks68_px[36] - seen[0].landmarks68_px[45])
    moved = replace(seen[0], landmarks68_px=seen[0].landmarks68_px + np.float32([10 * apart, 0.0]))
    assert landmark_distances([moved], predictor).min() > 9.0


def test_people_who_were_not_found_do_not_count(people: list[FrontalPerson], predictor: dlib.shape_predictor):
    assert landmark_distances([replace(people[0], box=None)], predictor).shape == (0, 68)


def test_sheets_show_everybody(people: list[FrontalPerson], tmp_path: Path):
    write_sheet(tmp_path / "sheet.png", people[:3])
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (256, 8 * 256, 3)
    sheet = clip_sheet()
    assert sheet.shape == (ROWS * SIZE_PX, COLUMNS * SIZE_PX, 3)
    cells = sheet.reshape(ROWS, SIZE_PX, COLUMNS, SIZE_PX, 3).swapaxes(1, 2).reshape(ROWS * COLUMNS, -1)
    assert len(np.unique(cells, axis=0)) == ROWS * COLUMNS
