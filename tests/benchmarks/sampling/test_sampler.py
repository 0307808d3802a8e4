import dataclasses
import importlib
from pathlib import Path
from types import ModuleType

import pytest
import torch

from svfr.models.spec import Preset, ScheduleSpec

ROOT = Path(__file__).parents[3]
SHORT = Preset(reference_steps=2, steps=2, initial_noise=1.0, guidance=2.0)


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return importlib.import_module("benchmarks.sampling.sampler")


def test_the_yardstick_itself_passes_parity(benchmark: ModuleType) -> None:
    assert benchmark.published_parity(ROOT / "tests" / "data" / "golden") < 0.5


def test_both_samplers_agree_and_ours_leaves_out_what_is_known(benchmark: ModuleType) -> None:
    # few steps from the published level of 700 would be lost in float32 rounding of the yardstick
    models = {
        name: dataclasses.replace(
            model, spec=dataclasses.replace(model.spec, schedule=ScheduleSpec(0.05, 20.0, 7.0))
        )
        for name, model in benchmark.random_models(64).items()
    }
    crops = torch.rand((16, 3, 64, 64), generator=torch.Generator().manual_seed(4)) * 2 - 1
    tokens = torch.randn((1, 49, benchmark.TOKEN_CHANNELS), generator=torch.Generator().manual_seed(4))
    runs, counters = {}, {}
    for name, run in benchmark.SAMPLERS.items():
        with benchmark.EvaluationCounter(models[name], 16) as counters[name]:
            runs[name] = run(models[name], crops, tokens, SHORT)
    assert max(benchmark.difference(runs["published"], runs["ours"]).values()) < 1e-4
    published, ours = counters["published"], counters["ours"]
    # two windows in each of the overlapping steps
    assert (sum(published.branches), sum(ours.branches)) == (8 + 8, 4 + 8)
    assert (published.pictures_encoded, ours.pictures_encoded) == (4 * 16 + 1, 16 + 1)
    assert ours.token_projections == 2 * 32
    assert ours.token_rows_projected == ours.token_projections * 49
    assert published.token_rows_projected > 300 * ours.token_rows_projected
    assert ours.cross_attentions == 4 * 32
    assert ours.cross_attentions_unconditional == 0 < published.cross_attentions_unconditional


def test_the_operations_saved_at_the_official_size_are_those_claimed(benchmark: ModuleType) -> None:
    assert benchmark.official_size_ratio(53, 33) == pytest.approx(1.67, abs=0.01)
