from typing import Any

import pytest
import torch
from sampling_models import TOKEN_CHANNELS, Calls, random_unet, unet_config

from svfr.nets.unet import FastUNet, build_unet

TASKS = torch.tensor([[1.0, 0.0, 1.0]])
DEEPER: dict[str, Any] = {
    "down_block_types": [
        "DownBlockSpatioTemporal",
        "CrossAttnDownBlockSpatioTemporal",
        "CrossAttnDownBlockSpatioTemporal",
    ],
    "up_block_types": [
        "CrossAttnUpBlockSpatioTemporal",
        "CrossAttnUpBlockSpatioTemporal",
        "UpBlockSpatioTemporal",
    ],
    "block_out_channels": [32, 64, 96],
    "num_attention_heads": [2, 4, 3],
    "layers_per_block": 2,
    "transformer_layers_per_block": 2,
}


def sample(frames: int, height: int, width: int) -> torch.Tensor:
    return torch.randn((frames, 12, height, width), generator=torch.Generator().manual_seed(frames))


def tokens(count: int) -> torch.Tensor:
    return torch.randn((1, count, TOKEN_CHANNELS), generator=torch.Generator().manual_seed(count))


def stock(unet: Any, x: torch.Tensor, time: float, context: torch.Tensor) -> torch.Tensor:
    return unet(x[None], torch.tensor([time]), context, TASKS).sample[0]


@pytest.mark.parametrize("changes", [{}, DEEPER], ids=["two levels", "three levels, two layers"])
@pytest.mark.parametrize(("frames", "height", "width"), [(8, 8, 8), (1, 8, 8), (5, 6, 10)])
def test_the_fast_form_equals_the_stock_forward(
    changes: dict[str, Any], frames: int, height: int, width: int
) -> None:
    unet = random_unet(**changes)
    x, context = sample(frames, height, width), tokens(7)
    fast = FastUNet(unet)
    ours = fast(x, -0.4, TASKS, fast.project_tokens(context))
    torch.testing.assert_close(ours, stock(unet, x, -0.4, context), atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("changes", [{}, DEEPER], ids=["two levels", "three levels, two layers"])
def test_given_its_own_deep_features_the_output_is_the_same_bit_for_bit(changes: dict[str, Any]) -> None:
    unet = random_unet(**changes)
    fast, x = FastUNet(unet), sample(4, 6, 10)
    projected = fast.project_tokens(tokens(3))
    whole, deep = fast.evaluate(x, 0.3, TASKS, projected)
    assert torch.equal(whole, fast(x, 0.3, TASKS, projected))
    calls = Calls(unet, "conv_in", "mid_block.resnets.0.spatial_res_block")
    again, same = fast.evaluate(x, 0.3, TASKS, projected, deep=deep)
    assert torch.equal(again, whole) and same is deep
    assert calls.counts == {"conv_in": 1, "mid_block.resnets.0.spatial_res_block": 0}
    other = fast.evaluate(x, 0.3, TASKS, projected, deep=torch.zeros_like(deep))[0]
    assert float((other - whole).abs().max()) > 1e-3


@pytest.mark.parametrize("changes", [{}, DEEPER], ids=["two levels", "three levels, two layers"])
def test_windows_and_branches_in_one_batch_equal_each_alone_within_rounding(changes: dict[str, Any]) -> None:
    fast = FastUNet(random_unet(**changes))
    projected = fast.project_tokens(tokens(3))
    windows = [sample(5, 6, 10), 2.0 * sample(5, 6, 10)]
    alone = [fast(x, 0.3, TASKS, context) for context in (projected, None) for x in windows]
    batch = fast.evaluate(torch.cat(2 * windows), 0.3, TASKS, projected, windows=4, with_tokens=2)[0]
    largest = float(torch.cat(alone).abs().max())
    assert float((batch - torch.cat(alone)).abs().max()) < 1e-5 * largest


def test_no_tokens_are_exactly_zero_tokens() -> None:
    unet = random_unet()
    x, context = sample(4, 4, 4), torch.zeros(1, 7, TOKEN_CHANNELS)
    torch.testing.assert_close(
        FastUNet(unet)(x, 1.2, TASKS, None), stock(unet, x, 1.2, context), atol=2e-5, rtol=2e-5
    )


def test_tokens_time_and_tasks_all_matter() -> None:
    fast, x = FastUNet(random_unet()), sample(4, 4, 4)
    base = fast(x, 0.3, TASKS, fast.project_tokens(tokens(3)))
    others = [
        fast(x, 0.3, TASKS, None),
        fast(x, 0.3, TASKS, fast.project_tokens(tokens(4))),
        fast(x, 1.3, TASKS, fast.project_tokens(tokens(3))),
        fast(x, 0.3, 1 - TASKS, fast.project_tokens(tokens(3))),
    ]
    assert all(float((base - other).abs().max()) > 1e-3 for other in others)


def test_tokens_are_projected_once_and_not_at_all_where_there_are_none() -> None:
    unet = random_unet()
    fast, x = FastUNet(unet), sample(4, 4, 4)
    attentions = sum(name.endswith("attn2") for name, _ in unet.named_modules())
    calls = Calls(unet, "attn2.to_k", "attn2.to_v", "attn2.to_q")
    projected = fast.project_tokens(tokens(3))
    for step in range(3):
        fast(x, 0.1 * step, TASKS, projected)
        fast(x, 0.1 * step, TASKS, None)
    assert calls.counts == {"attn2.to_k": attentions, "attn2.to_v": attentions, "attn2.to_q": 3 * attentions}


def test_it_computes_in_the_type_of_the_weights() -> None:
    fast = FastUNet(random_unet().to(torch.bfloat16))
    x = sample(4, 4, 4)
    ours = fast(x, 0.3, TASKS, fast.project_tokens(tokens(3)))
    exact = FastUNet(random_unet())
    wanted = exact(x, 0.3, TASKS, exact.project_tokens(tokens(3)))
    assert ours.dtype == fast.dtype == torch.bfloat16
    assert float((ours.float() - wanted).abs().max()) < 0.1 * float(wanted.abs().max())


def test_the_weights_are_not_touched_and_the_stock_forward_still_works() -> None:
    unet = random_unet()
    before = {k: v.clone() for k, v in unet.state_dict().items()}
    fast = FastUNet(unet)
    fast(sample(2, 4, 4), 0.3, TASKS, None)
    assert all(torch.equal(v, before[k]) for k, v in unet.state_dict().items())
    stock(unet, sample(2, 4, 4), 0.3, tokens(2))


def test_a_config_as_diffusers_stores_it_builds_the_same_network() -> None:
    config = unet_config() | {
        "_class_name": "UNetSpatioTemporalConditionModel",
        "_diffusers_version": "0.24.0",
    }
    assert build_unet(config).state_dict().keys() == random_unet().state_dict().keys()


def test_tokens_of_another_width_are_refused() -> None:
    with pytest.raises(RuntimeError):
        FastUNet(random_unet()).project_tokens(torch.zeros(1, 3, TOKEN_CHANNELS + 1))
