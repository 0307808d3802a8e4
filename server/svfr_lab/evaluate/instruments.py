"""The networks that the user gave weights for, loaded once for all clips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from svfr_client.errors import SvfrError, raise_problems
from svfr_lab.evaluate.report import NotComputed
from svfr_lab.metrics.arcface import ArcFace
from svfr_lab.metrics.fvd import I3d
from svfr_lab.metrics.lpips import Lpips

Network = TypeVar("Network")

NO_LPIPS = NotComputed(
    "LPIPS needs the ImageNet weights of its backbone, which are not shipped.",
    "Give torchvision's alexnet-owt-7be5be79.pth or vgg16-397923af.pth with --weights-lpips.",
)
NO_ARCFACE = NotComputed(
    "IDS and VIDD need ArcFace, whose weights are not shipped.",
    "Give insightface_glint360k.pth with --weights-arcface.",
)
NO_I3D = NotComputed(
    "FVD needs the I3D network, which is not shipped.",
    "Give StyleGAN-V's i3d_torchscript.pt with --weights-fvd and --trust-torchscript.",
)


@dataclass(frozen=True)
class Weights:
    """Where the user's weight files lie; None for those that were not given."""

    lpips: Path | None = None
    arcface: Path | None = None
    fvd: Path | None = None
    trust_torchscript: bool = False


@dataclass(frozen=True)
class Instruments:
    """What could be loaded; None where no weights were given or the protocol does not ask."""

    lpips: Lpips | None
    arcface: ArcFace | None
    i3d: I3d | None

    @classmethod
    def load(cls, weights: Weights, metrics: Sequence[str]) -> Instruments:
        """Load what the metrics need; raises everything that is wrong with any of the files together."""
        problems: list[SvfrError] = []

        def attempt(path: Path | None, used: bool, load: Callable[[Path], Network]) -> Network | None:
            if path is None or not used:
                return None
            try:
                return load(path)
            except SvfrError as problem:
                problems.append(problem)
                return None

        trusted = weights.trust_torchscript
        lpips = attempt(weights.lpips, "lpips" in metrics, Lpips)
        arcface = attempt(weights.arcface, bool({"ids", "vidd"} & set(metrics)), ArcFace)
        i3d = attempt(weights.fvd, "fvd" in metrics, lambda path: I3d(path, trusted=trusted))
        raise_problems(problems)
        return cls(lpips, arcface, i3d)
