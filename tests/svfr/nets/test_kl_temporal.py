import copy

import pytest
import torch

from svfr.nets.kl_temporal import KlTemporalCodec, build_kl

CONFIG = {
    "_class_name": "AutoencoderKLTemporalDecoder",
    "down_block_types": ["DownEncoderBlock2D"] * 3,
    "block_out_channels": [32, 32, 32],
    "layers_per_block": 1,
    "latent_channels": 4,
    "scaling_factor": 0.18215,
}


@pytest.fixture(scope="module")
def vae() -> torch.nn.Module:
    torch.manual_seed(2)
    return build_kl(CONFIG).requires_grad_(False)


def crops(count: int) -> torch.Tensor:
    return torch.rand((count, 3, 16, 16), generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_the_interface_says_what_the_config_says(vae: torch.nn.Module) -> None:
    codec = KlTemporalCodec(copy.deepcopy(vae))
    assert (codec.channels, codec.factor, codec.scaling_factor) == (4, 4, 0.18215)


def test_encoding_is_the_unscaled_mean_frame_by_frame(vae: torch.nn.Module) -> None:
    codec = KlTemporalCodec(copy.deepcopy(vae))
    whole = codec.encode(crops(6))
    torch.testing.assert_close(whole, vae.encode(crops(6)).latent_dist.mean)
    torch.testing.assert_close(codec.encode(crops(6)[2:3]), whole[2:3])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_decoding_sees_all_frames_together_as_diffusers_does(vae: torch.nn.Module, count: int) -> None:
    codec = KlTemporalCodec(copy.deepcopy(vae))
    latents = torch.randn((count, 4, 4, 4), generator=torch.Generator().manual_seed(1))
    ours = codec.decode(latents)
    torch.testing.assert_close(ours, vae.decode(latents, num_frames=count).sample, atol=1e-5, rtol=1e-5)
    if count > 1:
        alone = codec.decode(latents[:1])
        assert float((ours[:1] - alone).abs().max()) > 1e-3


def test_it_works_in_float32_whatever_it_is_given(vae: torch.nn.Module) -> None:
    codec = KlTemporalCodec(copy.deepcopy(vae).half())
    latents = codec.encode(crops(2).half())
    assert latents.dtype == codec.decode(latents.half()).dtype == torch.float32


def test_pictures_of_another_channel_count_are_refused(vae: torch.nn.Module) -> None:
    with pytest.raises(RuntimeError):
        KlTemporalCodec(copy.deepcopy(vae)).encode(torch.zeros(1, 4, 16, 16))
