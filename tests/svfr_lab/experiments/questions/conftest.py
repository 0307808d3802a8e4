"""Short rendered clips that the experiments' runs share."""

import pytest

from svfr_lab.heads.dataset import RenderSettings, render_dataset


@pytest.fixture(scope="module")
def clips(tmp_path_factory, renderer):
    folder = tmp_path_factory.mktemp("lab") / "clips"
    render_dataset(
        folder, RenderSettings(clips=24, first_seed=900, size_px=96, frames=8, bank_seed=2, bank=9)
    )
    return folder
