import numpy as np
import pytest

from svfr_lab.heads.renderer import FaceRenderer, RenderedClip
from svfr_lab.metrics.landmarks import MISSED_ERROR
from svfr_lab.preview_eval.face_measures import (
    IDENTITY_MEASURES,
    MEASURES,
    FaceMeasures,
    by_measure,
)

FRAMES = 3


class PixelEmbedder:
    """Tells pictures apart by their own pixels around the nose: enough to follow what is compared."""

    name, sha256 = "pixels", "0" * 64

    def embedding(self, crop: np.ndarray, points: np.ndarray) -> np.ndarray:
        column, row = points[2].astype(int)
        return crop[row - 4 : row + 4, column - 4 : column + 4].astype(np.float64).ravel()


@pytest.fixture(scope="module")
def rendered(renderer: FaceRenderer) -> RenderedClip:
    return renderer.render_clip(70, FRAMES)


def codes_of(rendered: RenderedClip) -> np.ndarray:
    return rendered.frames.astype(np.float32) / np.float32(255)


def test_the_truth_has_its_whole_detail_its_identity_and_misses_nothing(rendered: RenderedClip) -> None:
    measures, truth = FaceMeasures(PixelEmbedder()), codes_of(rendered)
    figures = measures.measure(truth, measures.know(truth, rendered.landmarks_px), None)
    assert set(figures) == {measure.name for measure in MEASURES} == set(measures.names())
    assert figures["detail_true"] == pytest.approx(1.0) and figures["detail_energy"] == pytest.approx(1.0)
    assert figures["identity_distance"] == 0.0 and figures["identity_step"] > 0.0
    assert figures["faces_missed"] == figures["landmarks_missed"] == 0.0
    assert figures["landmark_error"] < 0.2


def test_a_flat_picture_is_missed_on_every_frame_and_pays_for_it(rendered: RenderedClip) -> None:
    measures, truth = FaceMeasures(PixelEmbedder()), codes_of(rendered)
    known = measures.know(truth, rendered.landmarks_px)
    figures = measures.measure(np.full_like(truth, 0.5), known, None)
    assert figures["landmarks_missed"] == FRAMES and figures["landmark_error"] == MISSED_ERROR
    assert figures["faces_missed"] == FRAMES
    assert figures["detail_true"] == pytest.approx(0.0, abs=1e-9)
    assert figures["identity_step"] == 0.0 and figures["identity_distance"] > 0.0
    # What stands still moves by less than the truth, and that is no merit.
    own = measures.measure(truth, known, None)
    assert figures["identity_step_off"] == own["identity_step"] > own["identity_step_off"] == 0.0


def test_a_face_elsewhere_is_another_face(rendered: RenderedClip) -> None:
    measures, truth = FaceMeasures(None), codes_of(rendered)
    moved = rendered.landmarks_px + np.float32([60.0, 60.0])
    assert measures.measure(truth, measures.know(truth, moved), None)["faces_missed"] == FRAMES


def test_identity_is_left_out_without_an_embedder(rendered: RenderedClip) -> None:
    measures, truth = FaceMeasures(None), codes_of(rendered)
    known = measures.know(truth, rendered.landmarks_px)
    assert known.embeddings is None
    assert not set(IDENTITY_MEASURES) & set(measures.measure(truth, known, None))
    assert not set(IDENTITY_MEASURES) & set(measures.names())


def test_detail_is_that_of_the_hole_alone(rendered: RenderedClip) -> None:
    measures, truth = FaceMeasures(None), codes_of(rendered)
    known = measures.know(truth, rendered.landmarks_px)
    hole = np.zeros(truth.shape[1:3], np.bool_)
    hole[40:70, 40:80] = True
    outside = np.where(hole[None, ..., None], truth, np.float32(0.5))
    deep = np.zeros_like(hole)
    deep[48:62, 48:72] = True
    assert measures.measure(outside, known, deep)["detail_true"] == pytest.approx(1.0, abs=0.05)
    assert measures.measure(outside, known, None)["detail_true"] < 0.7


def test_figures_are_sorted_by_measure_and_method() -> None:
    clips = [{"input": {"a": 1.0, "b": 2.0}, "standard": {"a": 3.0, "b": 4.0}}] * 2
    assert by_measure(clips) == {
        "a": {"input": [1.0, 1.0], "standard": [3.0, 3.0]},
        "b": {"input": [2.0, 2.0], "standard": [4.0, 4.0]},
    }
    assert by_measure([]) == {}
