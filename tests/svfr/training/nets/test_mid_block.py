import pytest
import torch
from torch import nn

from svfr.training.loop.references import drop_references
from svfr.training.nets.mid_block import watch_mid_block
from svfr.training.nets.preview_unet import build_preview_unet, preview_unet_config

CONFIG = preview_unet_config(latent_channels=5, latent_px=8, widths=(32, 64), token_channels=8, window=4)


@pytest.fixture
def unet() -> nn.Module:
    torch.manual_seed(2)
    unet = build_preview_unet(CONFIG)
    nn.init.normal_(unet.conv_out.weight, std=0.05)
    return unet


def output_of(unet: nn.Module, tasks: tuple[float, ...] = (1.0, 0.0, 0.0)) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    sample = torch.randn(2, 3, 15, 8, 8, generator=random)
    tokens = torch.randn(2, 4, 8, generator=random)
    bits = torch.tensor([tasks, tasks])
    return unet(sample, torch.tensor([0.7, 0.2]), encoder_hidden_states=tokens, added_time_ids=bits).sample


def test_the_features_are_those_of_every_frame_and_the_output_is_as_before(unet: nn.Module) -> None:
    before = output_of(unet)
    with watch_mid_block(unet) as mid:
        inside = output_of(unet)
        assert mid.features.shape == (6, 64, 4, 4)
    assert torch.equal(before, inside)


def test_the_network_is_as_it_was_afterwards_even_after_an_error(unet: nn.Module) -> None:
    block, forward = unet.get_submodule("mid_block"), type(unet).forward
    with pytest.raises(RuntimeError, match="stop"), watch_mid_block(unet):
        raise RuntimeError("stop")
    assert not block._forward_hooks and "forward" not in vars(block) and type(unet).forward is forward


def test_another_network_of_the_class_is_not_watched(unet: nn.Module) -> None:
    other = build_preview_unet(CONFIG)
    with watch_mid_block(unet) as mid:
        output_of(other)
        with pytest.raises(RuntimeError, match="has not run"):
            _ = mid.features


def test_gradients_flow_from_the_features_into_what_comes_before_and_not_after(unet: nn.Module) -> None:
    with watch_mid_block(unet) as mid:
        output_of(unet)
        mid.features.square().mean().backward()
    assert unet.get_parameter("conv_in.weight").grad is not None
    assert unet.get_parameter("conv_out.weight").grad is None


def test_gradient_checkpointing_changes_neither_features_nor_gradients(unet: nn.Module) -> None:
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            unet.enable_gradient_checkpointing()  # type: ignore[operator]
        unet.zero_grad()
        with watch_mid_block(unet) as mid:
            output = output_of(unet)
            (mid.features.square().mean() + output.square().mean()).backward()
            seen = mid.features.detach()
        gradients.append((seen, unet.get_parameter("conv_in.weight").grad.clone()))  # type: ignore[union-attr]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-5, atol=1e-7)


def test_the_task_bits_reach_the_network_through_its_additional_embedding(unet: nn.Module) -> None:
    output = output_of(unet)
    assert not torch.allclose(output, output_of(unet, (0.0, 1.0, 1.0)), atol=1e-5)
    output.square().mean().backward()
    weight = unet.get_submodule("add_embedding").get_parameter("linear_1.weight")
    assert weight.grad is not None and float(weight.grad.abs().sum()) > 0


def test_reference_latent_and_tokens_are_dropped_together() -> None:
    latents, tokens = torch.randn(3, 4, 2, 2), torch.randn(3, 5, 6)
    kept_latents, kept_tokens = drop_references(torch.tensor([True, False, True]), latents, tokens)
    assert torch.equal(kept_latents[[0, 2]], latents[[0, 2]]) and torch.equal(
        kept_tokens[[0, 2]], tokens[[0, 2]]
    )
    assert torch.count_nonzero(kept_latents[1]) == 0 and torch.count_nonzero(kept_tokens[1]) == 0


def test_a_dropped_reference_teaches_nothing() -> None:
    latents, tokens = (torch.randn(2, *shape, requires_grad=True) for shape in ((4, 2, 2), (5, 6)))
    sum(part.sum() for part in drop_references(torch.tensor([True, False]), latents, tokens)).backward()  # type: ignore[union-attr]
    for leaf in (latents, tokens):
        assert leaf.grad is not None
        assert bool((leaf.grad[0] == 1).all()) and torch.count_nonzero(leaf.grad[1]) == 0
