"""The demo from damage to films, with a made-up film instead of the fetched one and the identity model."""

import json
from fractions import Fraction
from pathlib import Path

import av
import cv2
import e2e_plates
import numpy as np
import pytest

from svfr_cli.demo.clip import Footage
from svfr_cli.demo.run import DemoPlan, present, run_cases


@pytest.fixture(scope="module")
def footage() -> Footage:
    """The portrait at the size of the real film, gliding over a grey wall."""
    head = cv2.resize(e2e_plates.face_codes(), (120, 120), interpolation=cv2.INTER_AREA)
    film = np.full((120, 144, 176, 3), 0.55, np.float32)
    for frame in range(120):
        left = 20 + frame // 8
        film[frame, 12:132, left : left + 120] = head
    ruined = np.stack([cv2.GaussianBlur(frame, (0, 0), 2) for frame in film])
    return Footage(film, ruined, Fraction(30))


def test_the_demo_restores_measures_and_shows(tmp_path: Path, footage: Footage) -> None:
    plan = DemoPlan(tmp_path / "out", "identity", "standard", ("inpaint", "hard"))
    results = run_cases(plan, footage)
    assert [result.case.name for result in results] == ["inpaint", "hard"]
    for result in results:
        # a model that returns its input leaves the damage as it was
        assert result.scores.restored == result.scores.damaged
        assert result.scores.baseline.inside_db != result.scores.damaged.inside_db
    sheet, *films = present(plan, results, footage.frames_per_second)
    assert cv2.imread(str(sheet)) is not None
    for film in films:
        with av.open(str(film)) as movie:
            assert len(list(movie.decode(video=0))) == 40
    figures = json.loads((plan.out / "figures.json").read_text(encoding="utf-8"))
    assert [case["case"] for case in figures["cases"]] == ["inpaint", "hard"]
    assert figures["model"] == "identity"
