from __future__ import annotations

from dataclasses import replace

import pytest
import sampling_models
import torch
from sampling_models import Crops, Recorder, identify, pictures, tiny_model

from svfr.errors import NotFinite
from svfr.models.model import Model
from svfr.number_types import NumberTypes
from svfr.precision import STRICT, Precision, apply_switches, device_name, precision_for, strictest
from svfr.sampling.sampler import two_passes


class OverflowsInHalf:
    """Makes a UNet's first layer overflow whenever it computes in float16, from a given call on."""

    def __init__(self, model: Model, from_call: int = 0) -> None:
        self.calls, self._from_call = 0, from_call
        model.unet.conv_in.register_forward_hook(self._spoil)

    def _spoil(self, _module: object, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if output.dtype == torch.float16 and self.calls > self._from_call:
            return output * 1e5
        return output


def half_model() -> Model:
    model = tiny_model()
    model.unet.half()
    return replace(model, precision=Precision(unet=torch.float16))


def run(model: Model, recorder: Recorder) -> torch.Tensor:
    plan = replace(sampling_models.PLAN)
    return pictures(two_passes(model, Crops(6), identify, plan, recorder))


def test_gpus_compute_as_published_and_cpus_in_float32() -> None:
    gpu = precision_for("cuda:3")
    assert (gpu.unet, gpu.decode, gpu.fallback) == (torch.float16, torch.float16, torch.float32)
    assert precision_for("cpu") == STRICT == precision_for(torch.device("mps"))


def test_a_model_folder_chooses_for_gpus_and_whoever_runs_the_machine_for_all() -> None:
    folder, machine = NumberTypes(unet="float32"), NumberTypes(unet="bfloat16")
    gpu = precision_for("cuda", of_model=folder)
    assert (gpu.unet, gpu.decode, gpu.tf32) == (torch.float32, torch.float16, False)
    assert precision_for("cpu", of_model=NumberTypes(unet="float16")) == STRICT
    gpu = precision_for("cuda:1", machine, folder)
    assert (gpu.unet, gpu.decode, gpu.tf32) == (torch.bfloat16, torch.float16, True)
    assert precision_for("cpu", machine, folder).unet == torch.bfloat16
    assert len({precision_for("cuda", asked).recipe for asked in (None, folder, machine)}) == 3


def test_float32_that_is_asked_for_is_float32_throughout() -> None:
    assert precision_for("cuda", NumberTypes(unet="float32", decode="float32")) == STRICT


def test_precisions_that_may_differ_have_other_recipes() -> None:
    kinds = [STRICT, Precision(unet=torch.float16), Precision(decode=torch.float16), Precision(tf32=True)]
    assert len({precision.recipe for precision in kinds}) == len(kinds)
    assert device_name("cpu") == "cpu"


def test_the_strictest_switches_last_as_long_as_the_block() -> None:
    apply_switches(Precision(tf32=True))
    with pytest.raises(RuntimeError), strictest():
        assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cuda.matmul.allow_tf32
        raise RuntimeError
    assert torch.backends.cudnn.allow_tf32 and torch.backends.cuda.matmul.allow_tf32


def test_half_precision_is_near_float32() -> None:
    strict, half = run(tiny_model(), Recorder()), run(half_model(), Recorder())
    assert not torch.equal(strict, half)
    assert (strict - half).abs().max() < 0.02 * strict.abs().max()


def test_a_step_that_overflows_is_done_again_in_float32_and_said_once_a_pass() -> None:
    model, recorder = half_model(), Recorder()
    OverflowsInHalf(model)
    result = run(model, recorder)
    assert torch.isfinite(result).all()
    assert all(torch.isfinite(value).all() for value in recorder.saved.values())
    assert len(recorder.warnings) == 2 and "float32" in recorder.warnings[0]
    assert model.unet.conv_in.weight.dtype == torch.float16, "the next job starts in the fast type again"
    wide = tiny_model()
    wide.unet.half().float()
    assert torch.equal(result, run(wide, Recorder())), "float16 weights in float32 are the same numbers"


def test_steps_before_the_overflow_are_kept() -> None:
    model, recorder, plain = half_model(), Recorder(), Recorder()
    run(half_model(), plain)
    OverflowsInHalf(model, from_call=2 + 2)  # two steps of pass 1, then one step of two branches
    run(model, recorder)
    assert torch.equal(recorder.saved["pass1/step0001"], plain.saved["pass1/step0001"])
    assert torch.equal(recorder.saved["pass2/step0000"], plain.saved["pass2/step0000"])
    assert not torch.equal(recorder.saved["pass2/step0001"], plain.saved["pass2/step0001"])


def test_an_overflow_in_the_fallback_type_is_an_error_and_nothing_is_kept() -> None:
    model, recorder = tiny_model(), Recorder()
    model.unet.conv_in.register_forward_hook(lambda *_: torch.full((8, 64, 4, 4), float("nan")))
    with pytest.raises(NotFinite, match="step 1 of 2"):
        run(model, recorder)
    assert not any("step" in name for name in recorder.saved)


def test_a_checkpoint_that_is_not_finite_is_not_resumed_from() -> None:
    whole = Recorder()
    wanted = run(tiny_model(), whole)
    known = dict(whole.saved)
    known["pass2/step0001"] = torch.full_like(known["pass2/step0001"], float("nan"))
    del known["pass2/step0002"]
    assert torch.equal(run(tiny_model(), Recorder(known)), wanted)
