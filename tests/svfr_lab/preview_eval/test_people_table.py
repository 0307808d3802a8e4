"""The table of people: gains are paired, the best simple method is found, groups keep their own figures."""

import pytest

from svfr_lab.preview_eval.people_table import Person, show, table


def person(tone: str, gain: float, landmark_error: float | None = 0.02) -> Person:
    figures = {
        "truth": {"jitter": 9.0},
        "input": {"psnr": 20.0, "skin_chroma": -3.0},
        "weak": {"psnr": 19.0},
        "strong": {"psnr": 22.0, "skin_hue_degrees": 9.0},
        "model": {"psnr": 22.0 + gain, "skin_hue_degrees": 3.0},
    }
    if landmark_error is not None:
        figures["input"]["landmark_error"] = 0.03
        figures["model"]["landmark_error"] = landmark_error
    return Person(figures, tone)


PEOPLE = [person("light", 1.0), person("light", 2.0), person("dark", -0.5)]


def test_gains_are_over_the_input_and_the_best_simple_method() -> None:
    body = table(PEOPLE, ["model"], ["weak", "strong"])
    assert body["best_simple"] == "strong"
    over = body["over"]["model"]
    assert over["strong"]["mean_db"] == pytest.approx(2.5 / 3, abs=1e-3)
    assert over["strong"]["share_better"] == pytest.approx(2 / 3, abs=1e-3)
    assert over["strong"]["worst_db"] == -0.5
    assert over["input"]["worst_db"] == 1.5


def test_a_lower_landmark_error_than_the_inputs_counts_as_won() -> None:
    won = table(PEOPLE, ["model"], ["strong"])["below_input"]["model"]["landmark_error"]
    assert won == {"mean": 0.01, "low": 0.01, "high": 0.01}


def test_people_without_found_landmarks_are_left_out_of_that_figure_alone() -> None:
    body = table([*PEOPLE, person("dark", 1.0, landmark_error=None)], ["model"], ["strong"])
    assert body["people"] == 4
    assert body["means"]["model"]["landmark_error"] == 0.02


def test_each_tone_has_its_own_means() -> None:
    tones = table(PEOPLE, ["model"], ["strong"])["tones"]
    assert {tone: group["people"] for tone, group in tones.items()} == {"light": 2, "dark": 1}
    assert tones["dark"]["model"]["psnr"] == 21.5
    assert tones["light"]["model"]["psnr"] == 23.5


def test_one_person_has_no_intervals() -> None:
    body = table(PEOPLE[:1], ["model"], ["strong"])
    assert body["over"] == {} == body["below_input"]


def test_the_text_names_the_worst_person_and_every_tone() -> None:
    text = show(table(PEOPLE, ["model"], ["strong"]))
    assert "worst -0.50" in text
    assert "light, 2 people" in text
    assert "dark, 1 people" in text
