"""What lies between two answers to one crop: on the plate, pixel by pixel, holes included."""

import numpy as np
import pytest

from svfr_ocio.config import open_config
from svfr_ocio.domain import ModelDomain
from svfr_restore.paste.patch import PlateChange

SHAPE = 6, 7


def change(seed: int, hole: float | None) -> PlateChange:
    """A random change; ``hole`` is added to random shares of what is replaced, None: nothing is."""
    rng = np.random.default_rng(seed)
    delta, direct = rng.normal(size=(2, *SHAPE, 3)).astype(np.float32)
    if hole is None:
        return PlateChange(delta=delta, direct=None, hole=None)
    share = (rng.uniform(-0.2, 1.2, SHAPE) + hole).astype(np.float32)
    return PlateChange(delta=delta, direct=direct, hole=share)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize(("hole", "other"), [(None, None), (0.0, None), (None, 0.0), (0.0, 0.0), (2.0, 2.0)])
def test_what_is_added_is_that_of_the_ends_in_these_shares(
    share: float, hole: float | None, other: float | None
) -> None:
    domain = ModelDomain.build(open_config(None), "acescg")
    plate = np.random.default_rng(1).uniform(0.0, 4.0, (*SHAPE, 3)).astype(np.float32)
    first, second = change(2, hole), change(3, other)
    ends = [end.whole_delta(domain, plate).astype(np.float64) for end in (first, second)]
    mixed = first.towards(second, share)
    expected = (1.0 - share) * ends[0] + share * ends[1]
    np.testing.assert_allclose(mixed.whole_delta(domain, plate), expected, atol=1e-5)
    if hole == other == 2.0:
        assert mixed.hole is not None and (mixed.hole >= 1.0).all()  # what lies under it does not matter
