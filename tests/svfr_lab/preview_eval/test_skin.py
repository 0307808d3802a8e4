"""Colour of skin: known tones have their names, and errors of hue and chroma are what they are."""

import cv2
import numpy as np
import pytest

from svfr.arrays import Float32
from svfr_lab.preview_eval.skin import DARKEST, TONES, skin_errors, tone


def clip_of(lightness: float, red: float, yellow: float) -> Float32:
    lab = np.full((1, 1, 3), (lightness, red, yellow), np.float32)
    rgb = cv2.cvtColor(lab, cv2.COLOR_Lab2RGB)[0, 0]
    return np.broadcast_to(rgb, (2, 50, 50, 3)).astype(np.float32)


def of_angle(degrees: float) -> Float32:
    """Return a clip whose individual typology angle is known."""
    return clip_of(50.0 + 20.0 * np.sin(np.radians(degrees)), 12.0, 20.0 * np.cos(np.radians(degrees)))


@pytest.mark.parametrize(("begin", "name"), TONES)
def test_a_tone_begins_above_its_angle(begin: float, name: str) -> None:
    assert tone(of_angle(begin + 2.0)) == name
    assert tone(of_angle(begin - 2.0)) != name


def test_what_is_below_every_angle_is_dark() -> None:
    assert tone(of_angle(-50.0)) == DARKEST


def test_the_truth_itself_has_no_error() -> None:
    truth = clip_of(60.0, 14.0, 16.0)
    assert skin_errors(truth, truth) == {"skin_hue_degrees": 0.0, "skin_chroma": 0.0}


def test_a_turned_hue_and_a_weaker_chroma_are_told_apart() -> None:
    truth = clip_of(60.0, 16.0, 0.0)
    errors = skin_errors(clip_of(60.0, 0.0, 10.0), truth)
    assert errors["skin_hue_degrees"] == pytest.approx(90.0, abs=1.5)
    assert errors["skin_chroma"] == pytest.approx(-6.0, abs=0.3)
