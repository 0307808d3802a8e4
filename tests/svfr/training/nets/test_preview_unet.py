import pytest
import torch
from tiny_training import NETWORK
from torch import nn

from svfr.nets.conv_identity import ConvIdentity
from svfr.nets.linear_patch import LinearPatchCodec, LinearPatchSpec, measure_spec, patch_basis
from svfr.nets.temporal_conv import TemporalConv, use_fast_temporal_convolutions
from svfr.training.nets.preview_net import PreviewNet
from svfr.training.nets.preview_unet import build_preview_unet, preview_unet_config, spatial_parts_only

UNET = preview_unet_config(latent_channels=5, latent_px=8, widths=(32, 64), token_channels=8, window=4)


def unet_inputs(frames: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sample, timestep, tokens and task bits of a batch of two."""
    random = torch.Generator().manual_seed(seed)
    sample = torch.randn(2, frames, 15, 8, 8, generator=random)
    tokens = torch.randn(2, 4, 8, generator=random)
    tasks = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
    return sample, torch.tensor([0.7, 0.2]), tokens, tasks


def output_of(unet: nn.Module, frames: int) -> torch.Tensor:
    sample, time, tokens, tasks = unet_inputs(frames)
    return unet(sample, time, encoder_hidden_states=tokens, added_time_ids=tasks).sample


def awake(unet: nn.Module) -> nn.Module:
    """Give the last layer weights, so that what happens before it can be seen."""
    torch.manual_seed(7)
    nn.init.normal_(unet.get_submodule("conv_out").get_parameter("weight"), std=0.05)
    return unet


@pytest.fixture
def unet() -> nn.Module:
    torch.manual_seed(2)
    return build_preview_unet(UNET).eval()


@torch.no_grad()
def test_a_new_unet_answers_zero(unet: nn.Module) -> None:
    assert torch.count_nonzero(output_of(unet, 4)) == 0


@torch.no_grad()
def test_a_new_network_returns_the_low_quality_latent() -> None:
    spec = LinearPatchSpec(NETWORK.coefficients, (0.0,) * 5, (1.0,) * 5)
    net = PreviewNet(NETWORK, spec, torch.ones(5)).eval()
    z_lq = net.encode(torch.rand(2, 3, 3, 32, 32) * 2 - 1)
    tasks = torch.tensor([[1.0, 0.0, 0.0]]).expand(2, 3)
    denoised = net.denoise(z_lq, z_lq, torch.full((2,), 20.0), tasks, *net.no_reference(2))
    torch.testing.assert_close(denoised, z_lq)


@torch.no_grad()
def test_a_new_unet_treats_each_frame_alone(unet: nn.Module) -> None:
    awake(unet)
    sample, time, tokens, tasks = unet_inputs(4)
    together = unet(sample, time, encoder_hidden_states=tokens, added_time_ids=tasks).sample
    alone = [
        unet(sample[:, k : k + 1], time, encoder_hidden_states=tokens, added_time_ids=tasks).sample
        for k in range(4)
    ]
    torch.testing.assert_close(together, torch.cat(alone, dim=1), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_spatial_parts_alone_equal_the_whole_unet_at_the_start(unet: nn.Module) -> None:
    awake(unet)
    whole = output_of(unet, 1)
    with spatial_parts_only(unet):
        spatial = output_of(unet, 1)
    assert float(whole.abs().max()) > 0.01
    torch.testing.assert_close(spatial, whole, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_temporal_parts_are_skipped_inside_and_back_after_an_error(unet: nn.Module) -> None:
    awake(unet)
    before = output_of(unet, 4)
    for name, parameter in unet.named_parameters():
        if "temporal_res_block.conv2" in name:
            nn.init.normal_(parameter, std=0.2)
    trained = output_of(unet, 4)
    assert not torch.allclose(trained, before, atol=1e-3)
    with pytest.raises(RuntimeError, match="stop"), spatial_parts_only(unet):
        torch.testing.assert_close(output_of(unet, 4), before, rtol=1e-4, atol=1e-5)
        raise RuntimeError("stop")
    assert torch.equal(output_of(unet, 4), trained)


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_a_temporal_convolution_is_the_conv3d_it_replaces(frames: int) -> None:
    torch.manual_seed(0)
    plain = nn.Conv3d(6, 9, (3, 1, 1), padding=(1, 0, 0))
    fast = nn.Sequential(nn.Conv3d(6, 9, (3, 1, 1), padding=(1, 0, 0)))
    fast[0].load_state_dict(plain.state_dict())
    use_fast_temporal_convolutions(fast)
    assert type(fast[0]) is TemporalConv
    assert list(fast[0].state_dict()) == list(plain.state_dict())
    x = torch.randn(2, 6, frames, 5, 4, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    plain(x).square().sum().backward()
    fast(y).square().sum().backward()
    torch.testing.assert_close(fast(y), plain(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(y.grad, x.grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(fast[0].weight.grad, plain.weight.grad, rtol=1e-4, atol=1e-4)


def test_other_convolutions_are_left_as_they_are() -> None:
    others = nn.Sequential(nn.Conv3d(2, 2, 3, padding=1), nn.Conv3d(2, 2, (3, 1, 1)), nn.Conv2d(2, 2, 3))
    use_fast_temporal_convolutions(others)
    assert [type(layer) for layer in others] == [nn.Conv3d, nn.Conv3d, nn.Conv2d]


def test_all_patch_filters_together_are_orthonormal() -> None:
    flat = patch_basis(range(48)).flatten(1)
    torch.testing.assert_close(flat @ flat.T, torch.eye(48), rtol=0.0, atol=1e-6)


def test_the_codec_gives_back_what_its_coefficients_can_hold() -> None:
    pictures = torch.rand(2, 3, 16, 16) * 2 - 1
    whole = LinearPatchCodec(measure_spec(range(48), pictures))
    torch.testing.assert_close(whole.decode(whole.encode(pictures)), pictures, rtol=1e-4, atol=1e-5)
    coarse = LinearPatchCodec(measure_spec((0, 16, 32), pictures))
    once = coarse.decode(coarse.encode(pictures))
    torch.testing.assert_close(coarse.decode(coarse.encode(once)), once, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(once, pictures, atol=0.1)


def test_measured_latents_have_zero_mean_and_unit_variance() -> None:
    pictures = torch.rand(4, 3, 16, 16) * 2 - 1
    codec = LinearPatchCodec(measure_spec((0, 1, 4, 16, 32), pictures))
    latents = codec.encode(pictures)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(5), rtol=0.0, atol=1e-5)
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(5), rtol=1e-4, atol=1e-4)


def test_a_codec_with_lists_of_different_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="must be of one length"):
        LinearPatchSpec((0, 1), (0.0,), (1.0, 1.0))


def test_a_codec_spec_survives_json() -> None:
    spec = LinearPatchSpec((0, 3), (0.5, -0.25), (1.0, 2.0))
    assert LinearPatchSpec.from_json(spec.to_json()) == spec


@torch.no_grad()
def test_identity_tokens_are_a_sixteenth_of_the_side_in_raster_order() -> None:
    torch.manual_seed(0)
    identity = ConvIdentity(8)
    picture = torch.rand(1, 3, 64, 64) * 2 - 1
    tokens = identity(picture)
    assert tokens.shape == (1, 16, 8)
    changed = picture.clone()
    changed[..., :8, 56:] += 1.0
    moved = (identity(changed) - tokens).abs().amax(-1)[0].view(4, 4)
    assert moved[0, 3] > 1e-3
    assert moved[2:].max() == 0.0 and moved[:, :2].max() == 0.0
