import numpy as np
import pytest
from matplotlib.figure import Figure

from svfr_lab.experiments.kit.experiment import NOT_MEASURED
from svfr_lab.experiments.questions.drift import Figures, draw, paragraph, rows, slope_per_minute


def stretches(count: int, slope_per_stretch: float = 0.0) -> list[dict[str, object]]:
    noise = np.random.default_rng(1).normal(0, 0.01, (count, 2))
    return [
        {
            "stretch": stretch,
            "scene": 0,
            "memory_mb": 100.0 + stretch,
            "scores": [
                ["own reference", "PSNR, dB", 25.0 + slope_per_stretch * stretch + noise[stretch, 0], "", 0],
                ["no reference", "PSNR, dB", 24.0 + noise[stretch, 1], "", 0],
            ],
        }
        for stretch in range(count)
    ]


def test_the_slope_of_a_line_is_found_with_an_interval_around_it():
    minutes = np.arange(20) / 6.0
    noisy = 3.0 - 0.5 * minutes + np.random.default_rng(0).normal(0, 0.02, 20)
    slope = slope_per_minute(minutes, noisy)
    assert slope.low < slope.mean < slope.high
    assert slope.mean == pytest.approx(-0.5, abs=0.03)
    assert slope.excludes_zero


def test_noise_alone_is_no_drift():
    slope = slope_per_minute(np.arange(30) / 6.0, np.random.default_rng(2).normal(0, 1, 30))
    assert not slope.excludes_zero


def test_two_stretches_have_no_slope():
    assert np.isnan(slope_per_minute(np.arange(2.0), np.arange(2.0)).mean)
    figures = Figures(stretches(2), 250, 1)
    changes = [row for row in rows(figures) if row["of"] == "change per minute"]
    assert {row["mean"] for row in changes} == {NOT_MEASURED}


def test_minutes_are_counted_from_the_reference():
    figures = Figures(stretches(12), 250, 1)
    assert figures.minutes == pytest.approx(2.0)
    minutes = [row["of"] for row in rows(figures) if row["way"] == "no reference"]
    assert minutes == ["minute 1", "minute 2", "change per minute"]


def test_a_short_sequence_says_that_it_is_short_and_concludes_nothing():
    text = paragraph(Figures(stretches(4), 50, 1), "a model", "No identity.")
    assert "nothing is known beyond" in text
    assert "carry no conclusion" in text
    assert "n = 4" in text


def test_a_drift_is_named_and_none_is_said_to_be_none():
    steady = paragraph(Figures(stretches(60), 250, 1), "a model", "No identity.")
    assert "nothing measurably drifts" in steady
    assert "nothing is known beyond" not in steady
    moving = paragraph(Figures(stretches(60, 0.05), 250, 1), "a model", "No identity.")
    assert "these change over the minutes: PSNR, dB" in moving


def test_growth_of_memory_is_told_from_the_second_stretch_on():
    assert Figures(stretches(6), 250, 1).memory_growth_mb == 4.0
    assert Figures(stretches(2), 250, 1).memory_growth_mb == NOT_MEASURED


def test_the_figure_has_a_panel_for_each_measure():
    figure = Figure()
    draw(figure, Figures(stretches(5), 250, 1))
    assert [panel.get_title() for panel in figure.axes] == ["PSNR, dB"]
