"""A tiny diffusion model with random weights, crops and observers for the tests of the sampler."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from official_files import UNET

from svfr.diffusion.objectives import Objective
from svfr.errors import Cancelled
from svfr.models.model import Model
from svfr.models.spec import DiffusionSpec, NoIdentitySpec, Preset, ScheduleSpec
from svfr.nets.identity import NoIdentity
from svfr.nets.linear_patch import LinearPatchCodec, LinearPatchSpec
from svfr.nets.unet import build_unet
from svfr.sampling.sampler import SamplePlan
from svfr.tasks import TaskSet

CROP_PX = 16
TOKEN_CHANNELS = 16


def unet_config(**changes: Any) -> dict[str, Any]:
    """A two-level UNet of the published block types; 64 channels, so that GroupNorm keeps the embeddings."""
    return {
        **UNET,
        "sample_size": 4,
        "block_out_channels": [64, 64],
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 24,
        "cross_attention_dim": TOKEN_CHANNELS,
        "num_frames": 8,
        **changes,
    }


def random_unet(**changes: Any) -> torch.nn.Module:
    """The network with seeded weights; mixers away from one half, so that a swapped alpha shows."""
    torch.manual_seed(5)
    unet = build_unet(unet_config(**changes))
    for name, parameter in unet.named_parameters():
        if name.endswith("mix_factor"):
            torch.nn.init.normal_(parameter)
    return unet.requires_grad_(False)


def tiny_model() -> Model:
    """A whole model: window 8, overlap 3, 16 px crops, 4 latent channels."""
    codec = LinearPatchSpec((0, 1, 4, 16), mean=(0.0,) * 4, std=(1.0,) * 4)
    spec = DiffusionSpec(
        name="tiny",
        preview=True,
        crop_px=CROP_PX,
        hole_fill="white",
        licence="none",
        window=8,
        overlap=3,
        latent_channels=4,
        codec=codec,
        unet=unet_config(),
        objective=Objective("residual", 0.5),
        schedule=ScheduleSpec(0.05, 20.0, 7.0),
        identity=NoIdentitySpec(TOKEN_CHANNELS),
        presets={},
    )
    identity = NoIdentity(TOKEN_CHANNELS)
    return Model(
        spec=spec,
        unet=random_unet(),
        codec=LinearPatchCodec(codec),
        objective=spec.objective,
        identity=identity,
    )  # type: ignore[arg-type]


PLAN = SamplePlan(TaskSet(bfr=True), Preset(2, 3, initial_noise=1.0, guidance=2.0), seed=77)


def plan_with(mode: str = "studio", **changes: Any) -> SamplePlan:
    """The usual plan, 2 + 3 steps at guidance 2, with changes of its preset."""
    return replace(PLAN, preset=replace(PLAN.preset, **changes), mode=mode)  # type: ignore[arg-type]


@dataclass
class Crops:
    """Seeded crops from frame 1001; counts what is read."""

    count: int
    first_frame: int = 1001
    pixels: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        generator = torch.Generator().manual_seed(3)
        self.pixels = torch.rand((self.count, 3, CROP_PX, CROP_PX), generator=generator) * 2 - 1

    @property
    def frames(self) -> range:
        return range(self.first_frame, self.first_frame + self.count)

    def read(self, start: int, stop: int) -> torch.Tensor:
        return self.pixels[start:stop]


class Recorder:
    """Keeps what is saved, gives back what it was told to know, and cancels after some windows."""

    def __init__(self, known: dict[str, torch.Tensor] | None = None, windows: int | None = None) -> None:
        self.known = known or {}
        self.saved: dict[str, torch.Tensor] = {}
        self.reports: list[tuple[str, int, int]] = []
        self.warnings: list[str] = []
        self._left = windows

    def progress(self, stage: str, done: int, total: int) -> None:
        self.reports.append((stage, done, total))

    def warning(self, message: str) -> None:
        self.warnings.append(message)

    def cancelled(self) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        return self._left < 0

    def load(self, name: str) -> torch.Tensor | None:
        return self.known.get(name)

    def save(self, name: str, value: torch.Tensor) -> None:
        assert name not in self.saved and value.device.type == "cpu"
        self.saved[name] = value.clone()


class Calls:
    """Counts the calls of submodules whose name ends in one of the given ways."""

    def __init__(self, module: torch.nn.Module, *endings: str) -> None:
        self.counts = dict.fromkeys(endings, 0)
        self._handles = [
            inner.register_forward_hook(self._hook(ending))
            for name, inner in module.named_modules()
            for ending in endings
            if name.endswith(ending)
        ]

    def _hook(self, ending: str) -> Any:
        def count(*_: object) -> None:
            self.counts[ending] += 1

        return count


def random_tokens() -> torch.Tensor:
    return torch.randn((1, 5, TOKEN_CHANNELS), generator=torch.Generator().manual_seed(9))


def identify(_reference: torch.Tensor) -> torch.Tensor:
    return random_tokens()


def pictures(stream: Iterable[tuple[int, torch.Tensor]]) -> torch.Tensor:
    """The pictures of a run as one tensor."""
    return torch.stack([picture for _, picture in stream])


def run_until_cancelled(stream: Iterable[object]) -> bool:
    """Whether a run stopped by being cancelled."""
    try:
        list(stream)
    except Cancelled:
        return True
    return False
