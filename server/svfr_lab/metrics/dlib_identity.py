"""Embeddings of faces by dlib's ResNet, for studios that may not use ArcFace's weights.

The file ``dlib_face_recognition_resnet_model_v1.dat`` (Davis King 2017) is in the public domain (CC0); the
PyPI package face-recognition-models carries it. It is never shipped. Its embeddings have 128 numbers; two of
one person lie closer than about 0.6, the threshold its author gives. They are no unit vectors, and figures
made with them are not those of ArcFace: whoever reports them names the embedder.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import cv2
import dlib
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32, Float64
from svfr.eight_bit import eight_bit
from svfr.errors import ModelFileMissing
from svfr.published_geometry import similarity
from svfr_lab.metrics.errors import WeightsOfAnotherNetwork

FACE_PX = 150
_PADDING = 0.25
# The mean face that dlib lays a face over before it embeds it (dlib, image_transforms/interpolation.h,
# get_face_chip_details): the means of its points around the eyes, the nose tip, the outer mouth corners.
_MEAN_FACE = (
    (0.225492, 0.215990),
    (0.754761, 0.215990),
    (0.490127, 0.515625),
    (0.254149, 0.780233),
    (0.726104, 0.780233),
)
_REMEDY = "Give dlib_face_recognition_resnet_model_v1.dat."

DLIB_FACES = "SVFR_DLIB_FACES"
"""The environment variable that names the weights of dlib's ResNet."""


class DlibFaces:
    """Embeddings by dlib's face recognition ResNet."""

    name = "dlib ResNet v1"

    def __init__(self, weights: Path) -> None:
        """Load the weights; raises ModelFileMissing, and WeightsOfAnotherNetwork for any other file."""
        if not weights.is_file():
            raise ModelFileMissing(
                "The weights of dlib's ResNet are not there.", path=weights, remedy=_REMEDY
            )
        try:
            self._network = dlib.face_recognition_model_v1(str(weights))
        except RuntimeError as error:
            raise WeightsOfAnotherNetwork(
                "The file holds no face recognition network of dlib's.", path=weights, remedy=_REMEDY
            ) from error
        self.sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()

    def embedding(self, crop: Float32, points: Float64) -> Float64:
        """Return the embedding (128,) of a face.

        ``crop`` (H, W, 3) holds code values 0..1, ``points`` (5, 2) are eyes, nose and mouth corners in its
        pixels, the first pixel's centre at 0.5.
        """
        return np.asarray(self._network.compute_face_descriptor(chip(crop, points)), np.float64)


def chip(crop: Float32, points: Float64) -> NDArray[np.uint8]:
    """Return the face (150, 150, 3) as dlib's network was trained on it: five points on the mean face.

    Rotation, uniform scale and shift in one bilinear warp; the picture's edge is repeated outside it.
    """
    mean_face = (np.array(_MEAN_FACE) + _PADDING) / (1.0 + 2.0 * _PADDING) * FACE_PX
    matrix = similarity(points - 0.5, mean_face - 0.5)
    warped = cv2.warpAffine(
        eight_bit(crop),
        matrix,
        (FACE_PX, FACE_PX),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.ascontiguousarray(warped, np.uint8)
