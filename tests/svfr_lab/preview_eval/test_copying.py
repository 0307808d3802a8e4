"""Whether a result looks like somebody trained with is told by distances, not by likeness alone."""

import numpy as np
import pytest

from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.preview_eval.copying import main, nearest, verdict

TRAINED = np.array([[10.0, 0.0], [0.0, 10.0]])


def test_a_result_near_its_truth_is_nobody_else() -> None:
    found = nearest(np.array([1.0, 0.0]), np.array([0.0, 0.0]), TRAINED)
    assert (found.result_to_truth, found.result_to_nearest, found.truth_to_nearest) == (1.0, 9.0, 10.0)
    assert not found.is_somebody_else


def test_a_result_that_moved_to_somebody_trained_with_is_found() -> None:
    assert nearest(np.array([9.0, 0.0]), np.array([0.0, 0.0]), TRAINED).is_somebody_else


def test_a_stranger_who_looks_like_somebody_trained_with_is_no_copy() -> None:
    truth = np.array([9.9, 0.0])
    assert not nearest(np.array([9.0, 0.0]), truth, TRAINED).is_somebody_else


def test_a_verdict_counts_people_and_gives_means() -> None:
    copied = nearest(np.array([9.0, 0.0]), np.array([0.0, 0.0]), TRAINED)
    kept = nearest(np.array([1.0, 0.0]), np.array([0.0, 0.0]), TRAINED)
    summary = verdict([copied, kept])
    assert (summary.people, summary.somebody_else, summary.result_to_truth) == (2, 1, 5.0)


def test_without_an_embedder_it_says_which_weights_it_needs(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SVFR_DLIB_FACES", raising=False)
    with pytest.raises(ArgumentOutOfRange, match="face recognition") as failure:
        main(["--portraits", f"{tmp_path}/none.jsonl", "--out", f"{tmp_path}/o.json", "--model", "mini"])
    assert "--dlib-faces" in str(failure.value.remedy)
