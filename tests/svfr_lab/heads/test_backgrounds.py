import numpy as np

from svfr_lab.heads.backgrounds import background_bank


def test_a_bank_is_decided_by_its_seed_alone():
    first, again, other = background_bank(5, 2), background_bank(5, 2), background_bank(6, 2)
    assert first.shape == (2, 192, 192, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again)
    assert (first != other).mean() > 0.5


def test_a_longer_bank_begins_with_the_shorter_one():
    assert np.array_equal(background_bank(5, 3)[:2], background_bank(5, 2))


def test_backgrounds_are_neither_flat_nor_alike():
    bank = background_bank(8, 4).astype(np.float64)
    assert (bank.std(axis=(1, 2)) > 3).any(axis=1).all()
    assert np.abs(bank[0] - bank[1]).mean() > 5
