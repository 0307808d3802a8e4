"""Restored faces beside their reference: the same face, another one, none."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from svfr.sampling.network_input import to_network
from svfr_lab.heads.backgrounds import background_bank
from svfr_lab.heads.renderer import FaceRenderer
from svfr_restore.plan.model_output import ModelOutput
from svfr_restore.sampling.reference_likeness import ReferenceLikeness

HEAD_PX = 180


@pytest.fixture(scope="module")
def faces() -> dict[int, np.ndarray]:
    """Two rendered people, (2, S, S, 3) code values each."""
    renderer = FaceRenderer(HEAD_PX, background_bank(seed=11, count=8))
    shown = {
        seed: renderer.render_clip(seed, 2, 1).frames.astype(np.float32) / np.float32(255)
        for seed in (50_000_002, 50_000_016)
    }
    renderer.close()
    return shown


def face(index: int, codes: np.ndarray) -> Any:
    return SimpleNamespace(index=index), ModelOutput(ends=(codes,))


def test_the_reference_itself_is_alike_to_one_and_another_person_less_than_the_next_frame(
    faces: dict[int, np.ndarray],
) -> None:
    one, other = faces.values()
    asked: list[int] = []

    def reference_of(number: int) -> torch.Tensor:
        asked.append(number)
        return to_network(one[:1])[0]

    likeness = ReferenceLikeness(reference_of)
    itself = likeness.of_faces([0], [face(7, one[0])])
    later = likeness.of_faces([0], [face(7, one[1])])
    stranger = likeness.of_faces([0, 1], [face(7, other[0]), face(9, one[0])])
    assert itself[7] == pytest.approx(1.0, abs=1e-5)
    assert 1.0 > later[7] > stranger[7]  # type: ignore[operator]
    assert list(stranger) == [7, 9] and asked == [0, 1]


def test_without_a_face_or_a_reference_nothing_is_said(faces: dict[int, np.ndarray]) -> None:
    one = next(iter(faces.values()))
    grey = np.full((HEAD_PX, HEAD_PX, 3), 0.5, np.float32)
    known = ReferenceLikeness(lambda number: to_network(one[:1])[0])
    assert known.of_faces([0], [face(0, grey)]) == {0: None}
    assert ReferenceLikeness(lambda number: None).of_faces([0], [face(0, one[0])]) == {0: None}
