import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch

from svfr.models.folder import find_model
from svfr.models.model import load_model

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return importlib.import_module("benchmarks.sampling.attention_use")


def test_a_silenced_transformer_passes_on_what_it_is_given_and_the_model_stays(benchmark: ModuleType) -> None:
    model = load_model(find_model("mini"))
    sizes = benchmark.attentions(model)
    assert "mid_block.attentions.0" in sizes and min(sizes.values()) > 1e6
    silenced = benchmark.without(model, list(sizes))
    features, tokens = torch.randn(2, 160, 6, 6), torch.randn(1, 36, 64).expand(2, -1, -1)
    indicator = torch.zeros(1, 2)
    for name in sizes:
        given = {"encoder_hidden_states": tokens, "image_only_indicator": indicator, "return_dict": False}
        with torch.no_grad():
            passed, changed = (
                each.unet.get_submodule(name)(features, **given)[0] for each in (silenced, model)
            )
        assert torch.equal(passed, features)
        assert not torch.equal(changed, features)
