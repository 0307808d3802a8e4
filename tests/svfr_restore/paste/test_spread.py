"""The spread of several seeds' pictures."""

import numpy as np
import pytest

from svfr_restore.paste.spread import seed_spread


def test_two_pictures_spread_by_their_difference_over_the_root_of_two() -> None:
    one, other = np.full((2, 3, 3), 0.2, np.float32), np.full((2, 3, 3), 0.5, np.float32)
    np.testing.assert_allclose(seed_spread([one, other]), 0.3 / np.sqrt(2), rtol=1e-6)


def test_a_difference_in_one_channel_counts_for_a_third_of_its_square() -> None:
    one = np.zeros((1, 1, 3), np.float32)
    other = np.array([[[0.6, 0.0, 0.0]]], np.float32)
    assert seed_spread([one, other])[0, 0] == pytest.approx(0.6 / np.sqrt(2) / np.sqrt(3))


@pytest.mark.parametrize("count", [2, 3, 7, 16])
def test_equal_pictures_spread_by_exactly_nothing(count: int) -> None:
    picture = np.random.default_rng(1).uniform(-0.2, 1.3, (9, 9, 3)).astype(np.float32)
    assert not seed_spread([picture] * count).any()


def test_the_spread_is_the_samples() -> None:
    pictures = np.random.default_rng(2).uniform(size=(5, 4, 4, 3)).astype(np.float32)
    expected = np.sqrt(np.mean(np.std(pictures.astype(np.float64), axis=0, ddof=1) ** 2, axis=-1))
    np.testing.assert_allclose(seed_spread(list(pictures)), expected, rtol=1e-6)
