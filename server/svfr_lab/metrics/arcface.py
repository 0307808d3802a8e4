"""IDS and VIDD: is it still the same person, and the same from frame to frame.

Both compare embeddings of ArcFace (Deng et al. 2019, arXiv 1801.07698) as unit vectors. IDS is the cosine of
result and truth on one frame; VIDD is the Euclidean distance of neighbouring frames of one clip (Chen et al.
2024, arXiv 2404.19500). SVFR (arXiv 2501.01235) reports both without saying which ArcFace it used, so only
figures of one weight file can be compared with each other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import torch

from svfr.arrays import Float32, Float64
from svfr.models.checkpoints import read_state_dict
from svfr.models.tensor_files import compare_shapes, expected_shapes, is_counter
from svfr.nets.arcface import FACE_PX, IResNet
from svfr.published_geometry import FACE_TEMPLATE_256, similarity
from svfr_client.errors import raise_problems
from svfr_lab.metrics.errors import WeightsOfAnotherNetwork

_STAGES = 4
_BLOCK = re.compile(r"layer(\d)\.(\d+)\.conv2\.weight")


class ArcFace:
    """Embeddings of faces by an insightface IResNet, of whatever depth its file has."""

    def __init__(self, weights: Path) -> None:
        """Load a state dict such as insightface_glint360k.pth.

        Raises what :func:`svfr.models.checkpoints.read_state_dict` raises, WeightsOfAnotherNetwork, and the
        errors of missing, unexpected and misshapen tensors.
        """
        tensors = read_state_dict(weights)
        self.blocks, widths = _form_of(tensors, weights)
        with torch.device("meta"):
            network = IResNet(self.blocks, widths)
        found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
        raise_problems(compare_shapes(weights, found, expected_shapes(network)))
        counters = {
            name: torch.zeros((), dtype=torch.long) for name in network.state_dict() if is_counter(name)
        }
        floats = {name: tensor.float() for name, tensor in tensors.items() if not is_counter(name)}
        network.load_state_dict(counters | floats, assign=True)
        self._network = network.requires_grad_(False).eval()

    @torch.inference_mode()
    def embedding(self, crop: Float32, points: Float64) -> Float64:
        """Return the unit embedding (512,) of a face.

        ``crop`` (S, S, 3) holds code values 0..1, ``points`` (5, 2) are eyes, nose and mouth corners in its
        pixels, the first pixel's centre at 0.5.
        """
        face = torch.from_numpy(aligned_face(crop, points)).permute(2, 0, 1)[None] * 2.0 - 1.0
        vector = self._network(face)[0][0].double().numpy()
        return vector / max(float(np.linalg.norm(vector)), np.finfo(np.float64).tiny)


def aligned_face(crop: Float32, points: Float64) -> Float32:
    """Return the face (112, 112, 3) as ArcFace was trained on it: five points on insightface's template.

    Rotation, uniform scale and shift in one bilinear warp, black outside the crop.
    """
    template = FACE_TEMPLATE_256.astype(np.float64) / 2.0 - np.array([8.0, 0.0])
    # The template counts from the first pixel's centre.
    matrix = similarity(points - 0.5, template)
    return np.asarray(
        cv2.warpAffine(np.ascontiguousarray(crop), matrix, (FACE_PX, FACE_PX), flags=cv2.INTER_LINEAR),
        np.float32,
    )


def identity_similarity(result: Float64, truth: Float64) -> float:
    """Return IDS of one frame: the cosine of two unit embeddings, in -1..1, 1 for one person."""
    return float(np.clip(result @ truth, -1.0, 1.0))


def identity_step(before: Float64, after: Float64) -> float:
    """Return VIDD's term of two neighbouring frames: how far the unit embedding moved, in 0..2."""
    return float(np.linalg.norm(after - before))


def _form_of(tensors: Mapping[str, torch.Tensor], path: Path) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the blocks and channels of the four stages that a file holds."""
    blocks, widths = [0] * _STAGES, [0] * _STAGES
    for name, tensor in tensors.items():
        found = _BLOCK.fullmatch(name)
        if found and 1 <= int(found[1]) <= _STAGES and tensor.ndim == 4:
            stage = int(found[1]) - 1
            blocks[stage] = max(blocks[stage], int(found[2]) + 1)
            widths[stage] = int(tensor.shape[0])
    if not all(blocks):
        raise WeightsOfAnotherNetwork(
            "The file holds no insightface IResNet.",
            path=path,
            remedy="Give insightface_glint360k.pth, or another ArcFace IResNet of insightface.",
        )
    return tuple(blocks), tuple(widths)
