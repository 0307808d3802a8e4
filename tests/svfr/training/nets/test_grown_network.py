"""Deeper preview networks that begin as the shallower one they are grown from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import CONFIG, NETWORK, NoisyGradients
from torch import nn

from svfr.models.model import load_model
from svfr.training.errors import StartUnusable
from svfr.training.export.folder import TrainedNet, export_preview
from svfr.training.loop.build import build_net
from svfr.training.loop.trainer import Trainer
from svfr.training.nets.grown_network import blocks_of, grown_weights
from svfr.training.nets.preview_net import PreviewNet
from svfr.training.nets.preview_unet import build_preview_unet, preview_unet_config

SIZES: dict[str, Any] = {
    "latent_channels": 5,
    "latent_px": 8,
    "widths": (32, 64),
    "token_channels": 8,
    "window": 4,
}


def trained_unet(**config: Any) -> tuple[nn.Module, dict[str, Any]]:
    """Return a UNet all of whose parts do something, and its configuration."""
    described = preview_unet_config(**SIZES, **config)
    torch.manual_seed(3)
    unet = build_preview_unet(described)
    for parameter in unet.parameters():
        nn.init.normal_(parameter, std=0.08)
    return unet.eval(), described


def answer(unet: nn.Module) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    sample = torch.randn(2, 4, 15, 8, 8, generator=random)
    tokens = torch.randn(2, 4, 8, generator=random)
    tasks = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    time = torch.tensor([0.7, 0.2])
    with torch.no_grad():
        output: torch.Tensor = unet(sample, time, encoder_hidden_states=tokens, added_time_ids=tasks).sample
    return output


def grown(unet: nn.Module, before: dict[str, Any], **after: Any) -> nn.Module:
    described = preview_unet_config(**SIZES, **after)
    torch.manual_seed(4)
    deeper = build_preview_unet(described).eval()
    deeper.load_state_dict(
        grown_weights(unet.state_dict(), deeper.state_dict(), blocks_of(before), blocks_of(described))
    )
    return deeper


@pytest.mark.parametrize(
    ("before", "after"), [(1, (3, 1)), (1, (1, 2)), (1, 2), (1, (1, 1)), ((2, 1), (4, 3)), ((2, 1), 2)]
)
def test_a_deeper_network_begins_with_the_function_of_the_shallower_one(before: Any, after: Any) -> None:
    unet, described = trained_unet(layers=before)
    deeper = grown(unet, described, layers=after)
    expected = answer(unet)
    assert float(expected.std()) > 0.01
    torch.testing.assert_close(answer(deeper), expected, rtol=1e-4, atol=1e-5)


def test_what_is_new_can_learn() -> None:
    unet, described = trained_unet()
    deeper = grown(unet, described, layers=(3, 2))
    sample, tokens = torch.randn(1, 4, 15, 8, 8), torch.randn(1, 4, 8)
    output = deeper(
        sample, torch.tensor([0.7]), encoder_hidden_states=tokens, added_time_ids=torch.ones(1, 3)
    )
    output.sample.square().mean().backward()
    new = (
        "down_blocks.0.resnets.2",
        "down_blocks.1.resnets.1",
        "up_blocks.0.resnets.1",
        "up_blocks.1.resnets.2",
    )
    for block in new:
        for convolution in ("spatial_res_block.conv2.weight", "temporal_res_block.conv2.weight"):
            assert deeper.get_parameter(f"{block}.{convolution}").grad.abs().max() > 0, (block, convolution)


def test_attention_outside_the_middle_may_be_left_out() -> None:
    unet, described = trained_unet()
    lean = grown(unet, described, layers=(2, 1), attention="middle")
    kept = {name.split(".attentions.")[0] for name in lean.state_dict() if ".attentions." in name}
    assert kept == {"mid_block"}
    for block in (*unet.get_submodule("down_blocks"), *unet.get_submodule("up_blocks")):
        for transformer in getattr(block, "attentions", []):
            nn.init.zeros_(transformer.proj_out.weight)
            nn.init.zeros_(transformer.proj_out.bias)
    torch.testing.assert_close(answer(lean), answer(unet), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("before", "after"), [((2, 1), (1, 1)), ((1, 1), (1, 1, 1))])
def test_a_network_that_would_lose_blocks_is_refused(before: tuple[int, ...], after: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="does not grow"):
        grown_weights({}, {}, before, after)


def test_a_run_begins_with_a_shallower_model_and_computes_the_same(tmp_path: Path) -> None:
    start = load_model(exported(tmp_path))
    network = dataclasses.replace(NETWORK, layers=(2, 1), attention="middle")
    net = build_net(dataclasses.replace(CONFIG, network=network), NoisyGradients(), None, None, start)
    assert isinstance(net, PreviewNet)
    assert net.unet_config["layers_per_block"] == [2, 1]
    assert "attentions" not in {
        name.split(".")[2] for name, _ in net.unet.named_parameters() if "up_" in name
    }


def test_a_run_does_not_begin_with_a_deeper_model(tmp_path: Path) -> None:
    start = load_model(exported(tmp_path, layers=2))
    with pytest.raises(StartUnusable, match=r"cannot become the recipe's network: a network of \(2, 2\)"):
        build_net(CONFIG, NoisyGradients(), None, None, start)


def exported(folder: Path, **network: Any) -> Path:
    """Train a few steps and return the exported model folder."""
    config = dataclasses.replace(CONFIG, network=dataclasses.replace(NETWORK, **network))
    trainer = Trainer(config, NoisyGradients(), folder / "run")
    trainer.run(lambda row: None)
    net = trainer.averaged_net
    assert isinstance(net, PreviewNet)
    export_preview(TrainedNet(net, trainer.step), config, folder / "model", {})
    return folder / "model"
