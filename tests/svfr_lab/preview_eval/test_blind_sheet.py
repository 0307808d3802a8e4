"""A blind sheet's order tells nothing, and choices are counted by its key."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from svfr_lab.degradation.degrade import Degraded
from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.preview_eval.blind_sheet import best_simple, counted, drawn_orders, main
from svfr_lab.preview_eval.split import EvaluationSample

KEY = [["new", "simple", "before"], ["simple", "new", "before"]]


def test_every_row_has_every_method_and_places_are_shared_out() -> None:
    orders = drawn_orders(["a", "b", "c"], 300, seed=1)
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert all(80 <= times <= 120 for times in Counter(order[0] for order in orders).values())


def test_the_same_seed_gives_the_same_orders() -> None:
    assert drawn_orders(["a", "b", "c"], 24, seed=3) == drawn_orders(["a", "b", "c"], 24, seed=3)


def test_choices_are_counted_by_the_key() -> None:
    assert counted(KEY, {"1": "A", "2": "b"}) == Counter({"new": 2})


@pytest.mark.parametrize("choices", [{"0": "A"}, {"3": "A"}, {"x": "A"}, {"1": "D"}, {"1": ""}, {"1": "AB"}])
def test_choices_that_are_not_on_the_sheet_are_refused(choices: dict[str, str]) -> None:
    with pytest.raises(ArgumentOutOfRange, match="not on the sheet"):
        counted(KEY, choices)


def test_the_best_simple_method_is_found_on_the_samples_themselves() -> None:
    rng = np.random.default_rng(0)
    truth = np.full((2, 48, 48, 3), 0.5, np.float32)
    noisy = np.clip(truth + rng.normal(0, 0.05, truth.shape), 0, 1).astype(np.float32)
    sample = EvaluationSample(0, truth, Degraded(noisy, None, None))
    restored = best_simple([sample], "bfr")(sample.degraded)
    assert np.abs(restored - truth).mean() < np.abs(noisy - truth).mean()


def test_choices_in_a_file_are_counted_and_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    (tmp_path / "choices.json").write_text('{"1": "A", "2": "A"}')
    main(["--folder", str(tmp_path), "--choices", str(tmp_path / "choices.json")])
    assert capsys.readouterr().out == "new: chosen in 1 of 2 rows\nsimple: chosen in 1 of 2 rows\n"
