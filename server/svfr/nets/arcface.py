"""ArcFace's IResNet, the face recogniser whose features carry a person's identity into the UNet.

Written from the architecture of Deng et al. 2019 (arXiv 1801.07698, the improved residual unit BN-Conv-BN-
PReLU-Conv-BN) with the tensor names of the insightface checkpoints, so that insightface_glint360k.pth loads
as it is. SVFR uses the last stage's features, before their batch norm, not the embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

IRESNET100_LAYERS = (3, 13, 30, 3)
IRESNET_WIDTHS = (64, 128, 256, 512)
FACE_PX = 112
FEATURE_SIDE = FACE_PX // 2 ** len(IRESNET_WIDTHS)
EMBEDDING_CHANNELS = 512


class IResBlock(nn.Module):
    """The improved residual unit; the stride sits in the second convolution."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels_out)
        self.prelu = nn.PReLU(channels_out)
        self.conv2 = nn.Conv2d(channels_out, channels_out, 3, stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels_out)
        # Each stage's first block halves the picture and so needs a projected shortcut; the others add as is.
        self.downsample: nn.Sequential | None = None
        if stride != 1:
            shortcut = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(channels_out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in, H, W) to (N, out, H/stride, W/stride)."""
        out = self.prelu(self.bn2(self.conv1(self.bn1(x))))
        out = self.bn3(self.conv2(out))
        return out + (x if self.downsample is None else self.downsample(x))


class IResNet(nn.Module):
    """Aligned faces (N, 3, 112, 112), RGB in [-1, 1], to an embedding and the last stage's features.

    ``layers`` are the blocks of the four stages, ``widths`` their channels. Use it in ``eval`` mode.
    """

    def __init__(
        self, layers: Sequence[int] = IRESNET100_LAYERS, widths: Sequence[int] = IRESNET_WIDTHS
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.prelu = nn.PReLU(widths[0])
        self.layer1 = _stage(widths[0], widths[0], layers[0])
        self.layer2 = _stage(widths[0], widths[1], layers[1])
        self.layer3 = _stage(widths[1], widths[2], layers[2])
        self.layer4 = _stage(widths[2], widths[3], layers[3])
        self.bn2 = nn.BatchNorm2d(widths[3])
        self.fc = nn.Linear(widths[3] * FEATURE_SIDE**2, EMBEDDING_CHANNELS)
        self.features = nn.BatchNorm1d(EMBEDDING_CHANNELS)

    def layer4_features(self, faces: torch.Tensor) -> torch.Tensor:
        """Return (N, widths[3], 7, 7): what SVFR projects to identity tokens."""
        x = self.prelu(self.bn1(self.conv1(faces)))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    def forward(self, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the embedding (N, 512), not normalised, and the features before ``bn2``."""
        features = self.layer4_features(faces)
        return self.features(self.fc(self.bn2(features).flatten(1))), features


def _stage(channels_in: int, channels_out: int, blocks: int) -> nn.Sequential:
    first = IResBlock(channels_in, channels_out, stride=2)
    return nn.Sequential(first, *(IResBlock(channels_out, channels_out, stride=1) for _ in range(blocks - 1)))
