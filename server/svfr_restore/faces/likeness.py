"""How alike two pictures of faces are, as the preview model's identity encoder sees them.

The encoder was made to tell the restorer whom it restores, not to recognise people. It tells people well
apart who are photographed alike, and less well the same person in another light or pose from others:
benchmarks/faces/likeness.py prints how well. So what it says is only compared within a job.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from svfr.errors import ModelSpecInvalid
from svfr.models.folder import find_model, read_spec
from svfr.models.networks import CONV_IDENTITY_FILE
from svfr.models.spec import ConvIdentitySpec, DiffusionSpec
from svfr.models.tensor_files import load_weights
from svfr.nets.conv_identity import ConvIdentity
from svfr.published_geometry import FACE_TEMPLATE_256, similarity
from svfr_restore.faces.points import FacePointFinder

PREVIEW_MODEL = "mini"
# The face is cut this much tighter than the published template has it: hair and collar are no likeness.
_TIGHTER = 1.4
# Brightness and contrast of a cut face, in code values: what the light did must not count.
_MEAN, _DEVIATION = 120.0, 50.0

LEAST_ALIKE = 0.93
"""From this on two pictures of one scene show one person; less is doubtful, and less still is usual for a
photo that was made elsewhere."""

Portrait = NDArray[np.float32]
"""What the encoder makes of one face: a vector of length 1."""


class LikenessFinder:
    """Makes portraits of crops. Raises what loading the packaged nets raises."""

    def __init__(self) -> None:
        folder = find_model(PREVIEW_MODEL)
        spec = read_spec(folder)
        if not isinstance(spec, DiffusionSpec) or not isinstance(spec.identity, ConvIdentitySpec):
            raise ModelSpecInvalid(["it has no identity encoder to compare faces with"], path=folder)
        with torch.device("meta"):
            self._net = ConvIdentity(spec.identity.channels, spec.identity.widths)
        load_weights(self._net, folder / CONV_IDENTITY_FILE, "cpu", torch.float32)
        self.crop_px = spec.crop_px
        self._points = FacePointFinder()

    @torch.no_grad()
    def portrait(self, crop_u8: NDArray[np.uint8]) -> Portrait | None:
        """Return the portrait of a square crop (S, S, 3) uint8 RGB code values; None without five points."""
        points = self._points.five_points(crop_u8)
        if points is None:
            return None
        face = _evenly_lit(_aligned(crop_u8, points, self.crop_px))
        tokens = self._net(torch.from_numpy(face).permute(2, 0, 1)[None] / 127.5 - 1.0)
        vector = tokens.flatten().numpy()
        return np.asarray(vector / np.linalg.norm(vector), np.float32)


def alike(one: Portrait, other: Portrait) -> float:
    """Return how alike two portraits are, 1 for the same one."""
    return float(one @ other)


def _aligned(crop_u8: NDArray[np.uint8], points: NDArray[np.float64], side_px: int) -> NDArray[np.uint8]:
    """Return the face as the template has it, tighter."""
    template = (FACE_TEMPLATE_256.astype(np.float64) - 128.0) * _TIGHTER + 128.0
    # OpenCV counts from the first pixel's centre
    matrix = similarity(template * side_px / 256.0 - 0.5, points - 0.5)
    way = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    face = cv2.warpAffine(crop_u8, matrix, (side_px, side_px), flags=way, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(face, np.uint8)


def _evenly_lit(face_u8: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return code values 0 to 255 with the picture's brightness and contrast made the same."""
    values = face_u8.astype(np.float32)
    spread = max(float(values.std()), 1.0)
    even = (values - values.mean()) / np.float32(spread) * np.float32(_DEVIATION) + np.float32(_MEAN)
    return np.asarray(np.clip(even, 0.0, 255.0), np.float32)
