"""Writing a model again with the networks beside its base in 8 bits."""

from __future__ import annotations

from pathlib import Path

import job_samples
import pytest
import torch

from svfr.errors import FolderExists
from svfr.models.folder import read_diffusion_spec, verify
from svfr.models.model import load_model
from svfr.models.networks import COLOUR_FILE, DETAIL_FILE
from svfr_lab.training.eight_bit import main


def test_the_base_is_taken_over_and_what_is_beside_it_gets_smaller(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = job_samples.write_tiny_model(tmp_path / "tiny")
    whole = job_samples.with_colour(job_samples.with_detail(plain, tmp_path / "detail"), tmp_path / "colour")
    out = tmp_path / "small"
    main([whole, "--out", str(out)])
    assert str(out) in capsys.readouterr().out and verify(out, afresh=True) == []
    before, after = read_diffusion_spec(Path(whole)), read_diffusion_spec(out)
    for name, record in before.files.items():
        if name in (DETAIL_FILE, COLOUR_FILE):
            assert after.files[name].bytes < 0.6 * record.bytes
        else:
            assert after.files[name] == record
    colour, smaller = load_model(Path(whole)).colour, load_model(out).colour
    assert colour is not None and smaller is not None
    luma = torch.rand(1, 1, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert torch.allclose(smaller(luma), colour(luma), atol=0.05 * float(colour(luma).abs().max()))
    with pytest.raises(FolderExists):
        main([whole, "--out", str(out)])
