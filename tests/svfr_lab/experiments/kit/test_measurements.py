import numpy as np
import pytest
from matplotlib.figure import Figure

from svfr_lab.experiments.kit.experiment import NOT_MEASURED
from svfr_lab.experiments.kit.measurements import (
    Measure,
    Measurements,
    Score,
    dotplot,
    estimate_cells,
    is_significant,
    markdown,
    row_over_seeds,
)
from svfr_lab.metrics.statistics import Estimate

PSNR = "PSNR, dB"


def measured() -> Measurements:
    """Three clips under two seeds: b is 1 dB better than a, and 2 dB with the second seed."""
    return Measurements.of(
        [Score("a", PSNR, 20.0 + clip, seed=seed) for seed in (7, 8)]
        + [Score("b", PSNR, 21.0 + clip + (seed == 8), seed=seed) for seed in (8, 7)]
        + [Score(method="a", measure=PSNR, value=5.0, task="other task", seed=7)]
        for clip in range(3)
    )


def test_values_are_by_seed_and_clip_whatever_the_order_they_came_in():
    table = measured()
    assert (table.clips, table.seeds) == (3, 2)
    np.testing.assert_array_equal(table.values("b", PSNR), [[21, 22, 23], [22, 23, 24]])


def test_tasks_are_kept_apart():
    np.testing.assert_array_equal(measured().values("a", PSNR, "other task"), [[5, 5, 5]])


def test_a_difference_is_taken_on_the_same_clips_and_seeds():
    np.testing.assert_array_equal(measured().difference("b", "a", PSNR), [[1, 1, 1], [2, 2, 2]])
    assert measured().paired_difference("b", "a", PSNR).mean == 1.5


def test_seeds_are_averaged_before_the_interval_over_clips():
    estimate = measured().mean_interval("b", PSNR)
    assert (estimate.mean, estimate.n) == (22.5, 3)


def test_rows_name_methods_and_comparisons():
    rows = measured().rows(["a", "b"], [Measure(PSNR)], [("b", "a")])
    assert [row["method"] for row in rows] == ["a", "b", "b minus a"]
    assert rows[-1]["measure"] == f"{PSNR}, difference"
    assert rows[-1]["mean"] == 1.5


def test_a_method_without_figures_has_none():
    assert measured().values("c", PSNR).size == 0
    assert measured().mean_interval("c", PSNR).text() == NOT_MEASURED


def test_what_is_not_known_of_an_estimate_says_so():
    expected = {"mean": 1.0, "low": NOT_MEASURED, "high": NOT_MEASURED, "n": 1}
    assert estimate_cells(Estimate.of([1.0])) == expected


def test_a_difference_counts_only_where_the_interval_and_all_seeds_agree():
    better, worse = np.full((1, 6), 0.2), np.full((1, 6), -0.1)
    assert is_significant(better)
    assert is_significant(np.concatenate([better, 2 * better]))
    assert not is_significant(np.concatenate([better, worse]))
    assert not is_significant(np.array([[-1.0, 1.0, -1.0, 1.1, -1.0, 1.0]]))


def test_the_spread_over_seeds_is_that_of_their_means():
    assert row_over_seeds(np.array([[1.0, 3.0]]))["sd_over_seeds"] == NOT_MEASURED
    row = row_over_seeds(np.array([[1.0, 3.0], [3.0, 5.0]]), arm="a")
    assert row["mean"] == 3.0 and row["arm"] == "a"
    assert row["sd_over_seeds"] == pytest.approx(np.sqrt(2.0))


def test_a_table_is_markdown():
    assert markdown(("a", "b"), [("x", 1)]) == "| a | b |\n| --- | --- |\n| x | 1 |"


def test_a_dotplot_has_a_line_of_labels_from_the_top():
    panel = Figure().subplots()
    dotplot(panel, ["a", "b"], [np.ones((2, 3)), np.zeros((1, 1))])
    assert [label.get_text() for label in panel.get_yticklabels()] == ["a", "b"]
