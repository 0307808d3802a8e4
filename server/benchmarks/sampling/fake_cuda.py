"""Runs both passes at the official size on fake CUDA tensors: shapes, types and devices, no GPU, no numbers.

    python -m benchmarks.sampling.fake_cuda [--batch 2] [--fast-draft]

Needs torch's CUDA build, in an environment of its own where the usual one has the CPU build; a GPU is not
needed. In torch's FakeTensorMode every operation checks what a real one would: tensors of mixed devices
raise at the call that mixes them, and layers refuse inputs of another type than their weights'. The networks
are float16, the encoder float32, the shot has 20 frames, so that windows move and blend; the prints say how
often each number type met the UNet. The exit status is 1 when anything is mixed.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from benchmarks.network_sizes import VAE
from benchmarks.sampling.memory_cards import official
from svfr.models.convert import FAST_DRAFT, PRESETS
from svfr.models.model import Model
from svfr.models.spec import Preset
from svfr.models.svd_folder import SVD_XT_UNET
from svfr.nets.identity import NoIdentity
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import FastUNet, build_unet
from svfr.precision import precision_for
from svfr.sampling import denoise, sampler
from svfr.sampling.sampler import SamplePlan
from svfr.tasks import TaskSet

FRAMES, TOKENS = 20, 49
CUDA = torch.device("cuda", 0)


class Crops:
    """Crops of the official size, on the CPU as a job hands them over."""

    frames = range(1001, 1001 + FRAMES)

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return (stop - start, 3, 512, 512)."""
        return torch.empty(stop - start, 3, 512, 512)


def replaced_by(self: nn.Module, change: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """Stand in for nn.Module._apply, which moves and casts, and cannot swap fake parameters in place."""
    for child in self.children():
        replaced_by(child, change)
    for name, parameter in self._parameters.items():
        if parameter is not None:
            self._parameters[name] = nn.Parameter(change(parameter), requires_grad=False)
    for name, buffer in self._buffers.items():
        self._buffers[name] = None if buffer is None else change(buffer)
    return self


def fake_model(batch: int) -> Model:
    """Return the official model with the number types of a GPU."""
    precision = precision_for("cuda")
    unet: Any = nn.Module.to(build_unet(SVD_XT_UNET), CUDA, precision.unet)
    spec = replace(official(), shortest_window=8)
    vae = build_kl({**VAE, "scaling_factor": 0.18215})
    codec = KlTemporalCodec(vae, precision.decode, usable_bytes=lambda device: None).to(CUDA)
    return Model(
        spec=spec,
        unet=unet,
        codec=codec,
        objective=spec.objective,
        identity=NoIdentity(1024),
        precision=precision,
        batch=batch,
        at_once=batch,
    )


@contextmanager
def without_values() -> Iterator[None]:
    """Within the block nothing asks a fake tensor for a value: all is finite, and noise is any noise."""

    def noise(_seed: int, _pass: int, frames: range, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.empty(len(frames), *shape)

    with (
        mock.patch.object(denoise, "_is_finite", lambda latents: True),
        mock.patch.object(sampler, "studio_noise", noise),
        mock.patch.object(sampler, "with_final_zero", lambda sigmas: (*sigmas, 0.0)),
        mock.patch("svfr.sampling.encoded_shot.EncodedShot._check", lambda *_: None),
        mock.patch.object(torch.Tensor, "__bool__", lambda self: True),
        mock.patch.object(nn.Module, "_apply", replaced_by),
    ):
        yield


def counted_types(seen: Counter[str]) -> Any:
    """Return FastUNet.evaluate that notes in what types it is called and answers."""
    original = FastUNet.evaluate

    def evaluate(self: FastUNet, sample: torch.Tensor, *given: Any, **named: Any) -> Any:
        output, deep = original(self, sample, *given, **named)
        if {sample.device, output.device, deep.device} != {CUDA}:
            raise RuntimeError("the network's input or output is not on the GPU")
        seen[f"{sample.dtype} to {output.dtype}, {sample.shape[0]} frames"] += 1
        return output, deep

    return evaluate


def run(preset: Preset, batch: int) -> Counter[str]:
    """Sample both passes and return how often the UNet met which types."""
    seen: Counter[str] = Counter()
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), without_values():
        model = fake_model(batch)
        plan = SamplePlan(TaskSet(bfr=True), preset, seed=77)
        with mock.patch.object(FastUNet, "evaluate", counted_types(seen)):
            pictures = sampler.two_passes(
                model, Crops(), lambda reference: torch.empty(1, TOKENS, 1024), plan
            )
            count = 0
            for _frame, picture in pictures:
                assert picture.shape == (3, 512, 512) and picture.dtype == torch.float32
                assert picture.device.type == "cpu"
                count += 1
    assert count == FRAMES
    return seen


def main() -> int:
    """Print what met the UNet, or what was mixed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--fast-draft", action="store_true")
    asked = parser.parse_args()
    preset = FAST_DRAFT if asked.fast_draft else replace(PRESETS["final"], reference_steps=1, steps=2)
    seen = run(preset, asked.batch)
    print(f"{FRAMES} frames of 512 px, both passes, torch {torch.__version__}: nothing is mixed.")
    for kind, times in sorted(seen.items()):
        print(f"  {times:3d} x {kind}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
