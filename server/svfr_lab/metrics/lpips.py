"""LPIPS, the learned perceptual distance of Zhang et al. 2018 (arXiv 1801.03924), version 0.1.

Its linear heads, a few kilobytes under the BSD licence, come with torchmetrics. Its backbone's ImageNet
weights are given by the user. With a network of any other weights the number would not be LPIPS.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from svfr.arrays import Float32
from svfr.models.checkpoints import read_state_dict
from svfr.models.tensor_files import compare_shapes
from svfr_client.errors import raise_problems
from svfr_lab.metrics.errors import LibrariesAreMissing, PicturesDoNotMatch, PictureTooSmall
from svfr_lab.metrics.lpips_backbones import BackboneForm, load_backbone

# From the paper's published code: the ImageNet mean and deviation, for pictures in [-1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_TINY = 1e-8
_HEADS = "functional/image/lpips_models"


class Lpips:
    """LPIPS with one backbone; 0 for equal pictures, larger for pictures that look less alike."""

    def __init__(self, weights: Path) -> None:
        """Load the backbone's weights; raises what :func:`.lpips_backbones.load_backbone` does."""
        self._backbone = load_backbone(weights)
        self._heads = _linear_heads(self._backbone.form)

    @property
    def backbone(self) -> str:
        """ "alex" or "vgg": figures of the two cannot be compared."""
        return self._backbone.form.name

    @torch.inference_mode()
    def distance(self, result: Float32, truth: Float32, matte: Float32 | None = None) -> float | None:
        """Return the distance of two pictures (H, W, 3) of code values 0..1.

        Each layer's map of differences is averaged over the picture, or, with a matte (H, W), weighted by
        the matte reduced to the map's size; the layers are summed. None for an empty matte. Raises
        PictureTooSmall when the backbone has no pixel left in its last layer.
        """
        self._check(result, truth)
        ours, theirs = self._features(result), self._features(truth)
        total = 0.0
        for head, mine, other in zip(self._heads, ours, theirs, strict=True):
            difference = (_unit(mine) - _unit(other)).square()
            mean = _mean(functional.conv2d(difference, head), matte)
            if mean is None:
                return None
            total += mean
        return total

    def _features(self, picture: Float32) -> list[torch.Tensor]:
        pixels = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None] * 2.0 - 1.0
        shift, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in (_SHIFT, _SCALE))
        return self._backbone((pixels - shift) / scale)

    def _check(self, result: Float32, truth: Float32) -> None:
        if result.shape != truth.shape:
            raise PicturesDoNotMatch(
                f"Shapes differ: result {result.shape}, truth {truth.shape}.",
                remedy="Compare pictures of one size.",
            )
        least = self._backbone.form.least_px
        if min(truth.shape[:2]) < least:
            raise PictureTooSmall(
                f"LPIPS with this backbone needs {least} px, the pictures have"
                f" {truth.shape[1]} x {truth.shape[0]}.",
                remedy="Compare larger pictures, or leave lpips out of the protocol.",
            )


def _unit(features: torch.Tensor) -> torch.Tensor:
    return features / (features.square().sum(dim=1, keepdim=True) + _TINY).sqrt()


def _mean(values: torch.Tensor, matte: Float32 | None) -> float | None:
    if matte is None:
        return float(values.mean())
    weights = torch.from_numpy(np.ascontiguousarray(matte))[None, None]
    weights = functional.interpolate(weights, values.shape[-2:], mode="area")
    total = float(weights.sum())
    return float((values * weights).sum()) / total if total > 0.0 else None


def _linear_heads(form: BackboneForm) -> list[torch.Tensor]:
    """Return the 1x1 convolutions (1, width, 1, 1) that weigh each layer's channels."""
    names = [f"lin{number}.model.1.weight" for number in range(len(form.taps))]
    expected = {name: (1, width, 1, 1) for name, width in zip(names, form.taps.values(), strict=True)}
    # found, not imported: importing torchmetrics takes seconds and only its data is wanted
    spec = find_spec("torchmetrics")
    if spec is None or spec.origin is None:
        raise LibrariesAreMissing(
            "LPIPS takes its linear heads from torchmetrics, which is not installed.",
            remedy='Install the laboratory: pip install "svfr-studio[server,lab]".',
        )
    path = Path(spec.origin).parent / _HEADS / f"{form.name}.pth"
    tensors = read_state_dict(path)
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    raise_problems(compare_shapes(path, found, expected))
    return [tensors[name] for name in names]
