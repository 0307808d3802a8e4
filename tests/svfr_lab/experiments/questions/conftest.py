"""Short rendered clips that the experiments' runs share."""

import pytest
from lab_runs import rendered


@pytest.fixture(scope="module")
def clips(tmp_path_factory, renderer):
    return rendered(tmp_path_factory.mktemp("lab") / "clips", clips=24, first_seed=900, frames=8)
