import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch

import svfr.nets.unet
from svfr.nets.unet import build_unet
from svfr.parity import check as parity
from svfr.training.nets.preview_unet import preview_unet_config

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "data" / "golden"


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return importlib.import_module("benchmarks.sampling.cpu_forms")


@pytest.fixture
def unet_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the reference vectors recompute those of the network; tests/svfr/parity recomputes all."""
    monkeypatch.setattr(parity, "CHECKS", (parity.check_unet,))


def tiny_forms(benchmark: ModuleType) -> list:
    torch.manual_seed(0)
    config = preview_unet_config(latent_channels=4, latent_px=8, widths=(32, 64), token_channels=16, window=4)
    unet = build_unet(config).requires_grad_(False)
    return benchmark.inference_forms(unet, torch.randn(4, 12, 8, 8), torch.randn(1, 9, 16))


def test_every_form_that_claims_to_be_equal_is_and_rounding_is_seen(benchmark: ModuleType) -> None:
    with torch.inference_mode():
        lines = benchmark.measure(tiny_forms(benchmark), repeats=1)
    assert lines[0].difference == 0.0
    assert sum(line.form.product for line in lines) == 1
    for line in lines:
        assert (line.difference < 1e-4) == line.form.equal, line.form.name


def test_measuring_other_forms_leaves_the_product_as_it_was(benchmark: ModuleType) -> None:
    own = svfr.nets.unet._temporal_convolution, svfr.nets.unet._resnet
    with pytest.raises(ZeroDivisionError), benchmark.other_parts(benchmark.native_convolution, True):
        assert svfr.nets.unet._temporal_convolution is benchmark.native_convolution
        raise ZeroDivisionError
    assert (svfr.nets.unet._temporal_convolution, svfr.nets.unet._resnet) == own


def test_a_training_steps_gradients_are_those_of_the_native_form(benchmark: ModuleType) -> None:
    lines = benchmark.measure(benchmark.training_forms(clips=1, frames=2, crop_px=64), repeats=1)
    # through the whole network and back rounding adds up: 2e-5 to 7e-5 here, bfloat16 is at 7e-2
    assert all(line.difference < 1e-3 for line in lines if line.form.equal)
    assert sum(line.form.product for line in lines) == 1


@pytest.mark.usefixtures("unet_alone")
def test_the_record_says_whether_the_claims_hold(benchmark: ModuleType, capsys) -> None:
    found = benchmark.run({"a tiny network": lambda: tiny_forms(benchmark)}, 1, GOLDEN)
    assert found["holds"]
    assert 0.0 < found["parity_share"] < 1.0
    assert found["cases"]["a tiny network"][0]["form"] == "Conv3d, channels first"
    assert "| Conv2d, channels first (in use) |" in capsys.readouterr().out


@pytest.mark.usefixtures("unet_alone")
def test_a_form_that_is_not_equal_though_it_claims_so_does_not_hold(benchmark: ModuleType) -> None:
    def wrong() -> list:
        native, product = (benchmark.Form(name, lambda: torch.ones(3)) for name in ("native", "product"))
        other = benchmark.Form("wrong", lambda: torch.tensor([1.0, 1.0, 1.01]))
        return [native, product, other]

    assert not benchmark.run({"wrong": wrong}, 1, GOLDEN)["holds"]
