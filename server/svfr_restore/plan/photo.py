"""A photo as the reference of a face: found, cut and brought into the model domain like a plate's face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from svfr.eight_bit import eight_bit
from svfr.sampling.network_input import from_network, to_network
from svfr_client.files import is_file
from svfr_ocio.config import ColourConfig
from svfr_ocio.domain import ModelDomain
from svfr_ocio.exposure import auto_exposure, face_median
from svfr_ocio.spaces import Space
from svfr_restore.crops.smoothing import smooth_track
from svfr_restore.crops.warp import warp_to_crop
from svfr_restore.errors import ReferenceCannotBeUsed
from svfr_restore.faces.detector import FaceDetector
from svfr_restore.faces.likeness import LikenessFinder, Portrait
from svfr_restore.faces.tracks import filled_track
from svfr_restore.media.plate import open_plate
from svfr_restore.plan.survey import faces_on


def photo_reference(path: Path, crop_px: int, config: ColourConfig, plate_space: Space) -> torch.Tensor:
    """Return the largest face of a photo, framed as tracks are, (3, S, S) in [-1, 1].

    An EXR without a colour tag is taken to be in the plate's space; a photo in linear light is exposed for
    its face. Raises ReferenceCannotBeUsed when it shows no face, is not there or states colours that have no
    name here, and what reading a plate raises.
    """
    require_photo(path)
    photo = open_plate(str(path))
    picture = photo.read(photo.frames[0])
    if photo.colour_hint is None and photo.kind != "exr":
        stated = photo.colour.words or "nothing"
        raise ReferenceCannotBeUsed(
            f"The photo states {stated} about its colour, which is no space that is known here.",
            path=path,
            remedy="Save it as sRGB, for instance as PNG or JPEG.",
        )
    domain = ModelDomain.build(config, photo.colour_hint or plate_space)
    faces = faces_on(picture, domain, FaceDetector())
    if not faces:
        raise ReferenceCannotBeUsed(
            "No face was found in the reference photo.",
            path=path,
            remedy="Give a photo that shows the face from the front, or use a plate frame.",
        )
    largest = max(faces, key=lambda face: face.area)
    track = filled_track(0, {0: largest}, range(1))
    crop = smooth_track(track, picture.display_window, picture.pixel_aspect)
    transform = crop.transform(0, crop_px, picture.pixel_aspect)
    pixels = warp_to_crop(picture.rgb, picture.data_window, transform, crop_px)
    if not domain.is_passthrough:
        middle = slice(crop_px // 4, crop_px - crop_px // 4)  # the crop is 1.8 times the face
        luminance = domain.to_linear_luminance(np.ascontiguousarray(pixels[middle, middle]))
        median = face_median(luminance, np.ones_like(luminance))
        assert median is not None  # every pixel counts
        domain = ModelDomain.build(config, domain.space, auto_exposure([median]))
    return to_network(np.clip(domain.to_codes(pixels), 0.0, 1.0)[None])[0]


def photo_portrait(path: Path, finder: LikenessFinder, config: ColourConfig, plate_space: Space) -> Portrait:
    """Return the portrait of the largest face of a photo. Raises as :func:`photo_reference` does."""
    picture = photo_reference(path, finder.crop_px, config, plate_space)
    portrait = finder.portrait(eight_bit(from_network(picture)))
    if portrait is None:
        raise ReferenceCannotBeUsed(
            "The eyes, nose and mouth were not found in the photo of a person.",
            path=path,
            remedy="Give a photo that shows the face from the front, not covered.",
        )
    return portrait


def require_photo(path: Path) -> None:
    """Raise ReferenceCannotBeUsed when there is no such file."""
    if not is_file(path):
        raise ReferenceCannotBeUsed(
            "The reference photo does not exist.", path=path, remedy="Check the path of the photo."
        )
