"""The two feature networks that LPIPS is defined on, as far as it reads them.

AlexNet (Krizhevsky 2014, arXiv 1404.5997) and VGG-16 (Simonyan and Zisserman 2014, arXiv 1409.1556), with
the layer numbers under which torchvision publishes their ImageNet weights, so that its state dict files
(``alexnet-owt-*.pth``, ``vgg16-*.pth``) load as they are. The classifiers in those files are not used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from svfr.models.checkpoints import read_state_dict
from svfr.models.tensor_files import compare_shapes, expected_shapes
from svfr_client.errors import raise_problems
from svfr_lab.metrics.errors import WeightsOfAnotherNetwork

_FIRST = "features.0.weight"
_CLASSIFIER = "classifier."


@dataclass(frozen=True, kw_only=True)
class BackboneForm:
    """One network: its first layer's shape tells it from others; ``taps`` are the widths of layers read."""

    name: str
    first_shape: tuple[int, ...]
    taps: Mapping[int, int]
    least_px: int


ALEX = BackboneForm(
    name="alex",
    first_shape=(64, 3, 11, 11),
    taps={1: 64, 4: 192, 7: 384, 9: 256, 11: 256},
    least_px=31,
)
VGG = BackboneForm(
    name="vgg",
    first_shape=(64, 3, 3, 3),
    taps={3: 64, 8: 128, 15: 256, 22: 512, 29: 512},
    least_px=16,
)
_VGG_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


class Backbone(nn.Module):
    """Pictures (N, 3, H, W) to the outputs of the tapped layers, each (N, width, h, w)."""

    def __init__(self, form: BackboneForm) -> None:
        super().__init__()
        self.form = form
        self.features = nn.Sequential(*(_alex_layers() if form is ALEX else _vgg_layers()))

    def forward(self, pictures: torch.Tensor) -> list[torch.Tensor]:
        """Return one tensor for each of the form's taps."""
        found = []
        for number, layer in enumerate(self.features):
            pictures = layer(pictures)
            if number in self.form.taps:
                found.append(pictures)
        return found


def load_backbone(path: Path) -> Backbone:
    """Return the network whose ImageNet weights a state dict file holds, frozen and in ``eval`` mode.

    Raises what :func:`svfr.models.checkpoints.read_state_dict` raises, WeightsOfAnotherNetwork for a file of
    neither network, and the errors of missing, unexpected and misshapen tensors.
    """
    tensors = read_state_dict(path)
    form = _form_of(tensors, path)
    with torch.device("meta"):
        network = Backbone(form)
    weights = {name: t.float() for name, t in tensors.items() if not name.startswith(_CLASSIFIER)}
    shapes = {name: tuple(t.shape) for name, t in weights.items()}
    raise_problems(compare_shapes(path, shapes, expected_shapes(network)))
    network.load_state_dict(weights, assign=True)
    return network.requires_grad_(False).eval()


def _form_of(tensors: Mapping[str, torch.Tensor], path: Path) -> BackboneForm:
    shape = tuple(tensors[_FIRST].shape) if _FIRST in tensors else None
    for form in (ALEX, VGG):
        if shape == form.first_shape:
            return form
    raise WeightsOfAnotherNetwork(
        "The file holds the weights of neither AlexNet nor VGG-16 as torchvision names them.",
        path=path,
        remedy="Give torchvision's alexnet-owt-7be5be79.pth or vgg16-397923af.pth.",
    )


def _alex_layers() -> list[nn.Module]:
    return [
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
    ]


def _vgg_layers() -> list[nn.Module]:
    layers: list[nn.Module] = []
    channels = 3
    for block, (width, count) in enumerate(_VGG_BLOCKS):
        if block:
            layers.append(nn.MaxPool2d(2, 2))
        for _ in range(count):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
    return layers
