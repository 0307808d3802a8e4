import pytest

from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.preview_eval.verdicts import quality_table, show_quality

CLIPS = 8


def figures(**standard: float) -> dict[str, dict[str, list[float]]]:
    """A damaged input, a baseline between it and the truth, and a run that is as asked, on every clip."""
    given = {
        "landmark_error": (0.07, 0.20, 0.15, 0.12),
        "landmarks_missed": (0.0, 1.0, 1.0, 0.0),
        "faces_missed": (0.0, 2.0, 2.0, 1.0),
        "identity_distance": (0.0, 0.6, 0.5, 0.4),
        "identity_step": (0.1, 0.4, 0.3, 0.2),
        "identity_step_off": (0.0, 0.3, 0.2, 0.1),
        "detail_true": (1.0, 0.1, 0.1, 0.2),
        "detail_energy": (1.0, 0.2, 0.1, 0.3),
    }
    table = {}
    for name, (truth, damaged, baseline, run) in given.items():
        values = {"truth": truth, "input": damaged, "baseline": baseline, "standard": standard.get(name, run)}
        table[name] = {method: [value] * CLIPS for method, value in values.items()}
    return table


def bars_of(**standard: float) -> dict[str, bool | None]:
    table = quality_table(figures(**standard), ["standard"], "denoised", 64)
    bars: dict[str, bool | None] = table["bars"]["standard"]
    return bars


def test_a_better_run_holds_every_bar() -> None:
    assert set(bars_of().values()) == {True}


@pytest.mark.parametrize("name", ["landmark_error", "identity_distance"])
def test_what_is_no_better_than_the_input_does_not_hold(name: str) -> None:
    bars = bars_of(**{name: 0.6})
    assert bars[name] is False
    assert all(held for bar, held in bars.items() if bar != name)


def test_a_blur_does_not_win_by_moving_like_the_truth() -> None:
    bars = bars_of(identity_step=0.1, identity_step_off=0.0, detail_true=0.02)
    assert bars["steady_with_detail"] is False and bars["identity_distance"] is True


def test_what_stands_stiller_than_the_truth_does_not_win() -> None:
    assert bars_of(identity_step=0.0, identity_step_off=0.4)["steady_with_detail"] is False


def test_what_keeps_the_inputs_detail_may_win_by_moving_as_the_truth_does() -> None:
    assert bars_of(identity_step_off=0.05, detail_true=0.1)["steady_with_detail"] is True


def test_detail_that_flickers_does_not_win() -> None:
    assert bars_of(identity_step=0.5, identity_step_off=0.4, detail_true=0.9)["steady_with_detail"] is False


def test_a_figure_that_should_be_the_truths_is_better_on_the_side_that_is_nearer() -> None:
    table = quality_table(figures(detail_energy=1.5), ["standard"], "denoised", 64)
    over = table["measures"]["detail_energy"]["over"]["standard"]
    assert over["input"]["share_better"] == 1.0 and over["input"]["mean"] == pytest.approx(1.3)


@pytest.mark.parametrize("name", ["landmarks_missed", "faces_missed"])
def test_one_more_missed_frame_speaks_against_a_run(name: str) -> None:
    assert bars_of(**{name: 3.0})["nothing_missed"] is False


def test_a_difference_of_unsure_sign_does_not_hold() -> None:
    unsure = figures()
    unsure["landmark_error"]["standard"] = [0.05, 0.40] * (CLIPS // 2)
    assert quality_table(unsure, ["standard"], "denoised", 64)["bars"]["standard"]["landmark_error"] is False


def test_identity_that_was_not_measured_is_neither_held_nor_missed() -> None:
    known = {name: row for name, row in figures().items() if not name.startswith("identity")}
    table = quality_table(known, ["standard"], "denoised", 64)
    bars = table["bars"]["standard"]
    assert bars["identity_distance"] is None and bars["steady_with_detail"] is None
    assert bars["landmark_error"] is True
    assert "identity_distance not computed" in show_quality("bfr", table)


def test_the_table_tells_counts_means_differences_and_what_was_compared() -> None:
    table = quality_table(figures(), ["standard"], "denoised", 64)
    assert (table["clips"], table["frames"], table["baseline"]) == (CLIPS, 64, "denoised")
    assert table["measures"]["faces_missed"]["means"]["input"] == 2 * CLIPS
    over = table["measures"]["landmark_error"]["over"]["standard"]
    assert over["input"]["mean"] == pytest.approx(-0.08) and over["baseline"]["mean"] == pytest.approx(-0.03)
    assert over["input"]["share_better"] == 1.0
    assert len(table["per_clip"]["detail_true"]["standard"]) == CLIPS
    text = show_quality("bfr", table)
    assert "baseline denoised" in text and "64 frames" in text
    assert "standard less input: -0.0800" in text
    assert "steady_with_detail holds" in text


def test_one_clip_has_no_interval() -> None:
    one = {name: {method: row[:1] for method, row in values.items()} for name, values in figures().items()}
    with pytest.raises(ArgumentOutOfRange, match="bootstrap"):
        quality_table(one, ["standard"], "denoised", 64)
