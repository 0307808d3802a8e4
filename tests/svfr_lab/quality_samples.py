"""Clips and weight files for the tests of the measures: one real face, panned, and networks of small size."""

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import torch
from skimage.data import astronaut
from torch import nn

from svfr.nets.arcface import IResNet

SIDE_PX = 256


def real_face_clip(count):
    """Frames (T, 256, 256, 3) of NASA's portrait of Eileen Collins, the crop moving by a pixel a frame."""
    picture = astronaut()[20 : 20 + SIDE_PX + count, 100 : 100 + SIDE_PX + count]
    return np.stack([picture[i : SIDE_PX + i, i : SIDE_PX + i] for i in range(count)])


def noisy(clip, sd=8.0, seed=0):
    noise = np.random.default_rng(seed).normal(0.0, sd, clip.shape)
    return np.clip(clip + noise, 0, 255).astype(np.uint8)


def write_clip(folder: Path, clip, first=1001, suffix="png", name="shot"):
    """Write frames, uint8 as PNG or float32 as EXR, and return their pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(clip, first):
        path = folder / f"{name}.{number:04d}.{suffix}"
        kind = "uint8" if frame.dtype == np.uint8 else "float"
        out = oiio.ImageOutput.create(str(path))
        assert out.open(str(path), oiio.ImageSpec(frame.shape[1], frame.shape[0], frame.shape[2], kind))
        assert out.write_image(np.ascontiguousarray(frame))
        out.close()
    return str(folder / f"{name}.%04d.{suffix}")


def alex_features():
    """AlexNet's convolutions laid out as torchvision lays them out."""
    return nn.Sequential(
        nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
        nn.ReLU(inplace=False),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(64, 192, kernel_size=5, padding=2),
        nn.ReLU(inplace=False),
        nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(192, 384, kernel_size=3, padding=1),
        nn.ReLU(inplace=False),
        nn.Conv2d(384, 256, kernel_size=3, padding=1),
        nn.ReLU(inplace=False),
        nn.Conv2d(256, 256, kernel_size=3, padding=1),
        nn.ReLU(inplace=False),
        nn.MaxPool2d(kernel_size=3, stride=2),
    )


def vgg_features():
    """VGG-16's convolutions laid out as torchvision lays them out, from its configuration D."""
    layers, channels = [], 3
    for step in (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"):
        if step == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        else:
            layers += [nn.Conv2d(channels, step, kernel_size=3, padding=1), nn.ReLU(inplace=False)]
            channels = step
    return nn.Sequential(*layers)


def save_backbone(path: Path, features: nn.Module):
    """Save as torchvision does, with a classifier that LPIPS has no use for."""
    tensors = {f"features.{name}": tensor for name, tensor in features.state_dict().items()}
    torch.save(tensors | {"classifier.6.weight": torch.zeros(2, 2)}, path)
    return path


def small_arcface(seed=5):
    """An IResNet of few blocks and narrow stages whose batch norms have seen pictures, so that it tells
    pictures apart as a trained one does."""
    torch.manual_seed(seed)
    network = IResNet((1, 2, 1, 1), (8, 8, 16, 16)).train()
    with torch.no_grad():
        for _ in range(20):
            network(
                torch.nn.functional.interpolate(torch.rand(6, 3, 14, 14), (112, 112), mode="bilinear") * 2 - 1
            )
    return network.eval()


def save_arcface(path: Path, network=None):
    torch.save((network or small_arcface()).state_dict(), path)
    return path


class MeanVideo(nn.Module):
    """A stand-in with I3D's interface and a closed form: the mean of each colour over the whole clip."""

    def forward(
        self, video: torch.Tensor, rescale: bool = True, resize: bool = True, return_features: bool = True
    ) -> torch.Tensor:
        scaled = video * (2.0 / 255.0) - 1.0 if rescale else video
        return scaled.mean(dim=[2, 3, 4])


def save_script(path: Path, module: nn.Module):
    torch.jit.script(module).save(str(path))
    return path
