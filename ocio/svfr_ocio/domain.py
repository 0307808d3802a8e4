"""The model domain: plate pixels as the code values a face restoration network was trained on.

SVFR (arXiv 2501.01235) reads decoded 8-bit video, so its domain is Rec.709 primaries under the sRGB curve.
A shot's exposure is one gain for all its frames; there is no tone mapping, and values outside 0..1 stay
what they are until they are clipped for the model. Four number systems follow one another:

    plate  ->  transfer  ->  light  ->  codes

``plate`` is what the file holds. ``transfer`` is where deltas are added: the plate's own space when that is
linear, linear Rec.709 for log and other encodings, the code values themselves for SDR video. ``light`` is
linear Rec.709 under the shot's exposure, ``codes`` its sRGB form. For SDR video with Rec.709 primaries and
no exposure all four are the same numbers: such frames are what the network knows, and re-encoding them
would only add error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from svfr_ocio import bridge, errors
from svfr_ocio.arrays import Float32
from svfr_ocio.config import ColourConfig, package_config
from svfr_ocio.curve import decode_srgb, encode_srgb
from svfr_ocio.names import ACESCG, DISPLAY_LINEAR_REC709, LINEAR_REC709
from svfr_ocio.processors import LosslessProcessor, require_rgb
from svfr_ocio.sanitise import sanitise
from svfr_ocio.spaces import Space

MAX_STOPS = 16.0
# ACEScg (AP1) luminance weights, from the primaries and white of SMPTE ST 2065-1 / ACES S-2014-004.
_AP1_LUMINANCE = np.array([0.2722287168, 0.6740817658, 0.0536895174])

Kind = Literal["linear", "encoded", "video"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ModelDomain:
    """The way from one plate space into the model domain and back, for one shot.

    ``kind`` is "linear" (matrix only), "encoded" (log and other curves) or "video" (passed through);
    ``transfer_space`` names the space that deltas are in. Built by :meth:`build`.
    """

    space: Space
    kind: Kind
    exposure_stops: float
    transfer_space: str
    _decoder: LosslessProcessor | None = field(repr=False)
    _encoder: LosslessProcessor | None = field(repr=False)
    _to_light: NDArray[np.float32] = field(repr=False)
    _from_light: NDArray[np.float32] = field(repr=False)
    _luminance: NDArray[np.float32] = field(repr=False)

    @staticmethod
    def build(config: ColourConfig, space_name: str | Space, exposure_stops: float = 0.0) -> ModelDomain:
        """Return the domain of plates in ``space_name``, made ``exposure_stops`` brighter for the model.

        SDR video with Rec.709 primaries is passed through, unless an exposure is asked for: a gain needs
        light. Raises what :meth:`ColourConfig.resolve` raises, :class:`~svfr_ocio.errors.DataIsNotColour`,
        :class:`~svfr_ocio.errors.ColourTransformFailed` and :class:`~svfr_ocio.errors.BadExposure`.
        """
        space = config.resolve(space_name) if isinstance(space_name, str) else space_name
        _require_exposure(exposure_stops)
        decoder = bridge.to_linear_rec709(config, space)
        encoder = bridge.from_linear_rec709(config, space)
        linear_name = LINEAR_REC709 if space.reference == "scene" else DISPLAY_LINEAR_REC709
        if _is_rec709_video(decoder, space.encoding) and exposure_stops == 0.0:
            return _domain(space, "video", exposure_stops=0.0, transfer_space=space.name)
        forward, backward = decoder.matrix, encoder.matrix
        if forward is not None and backward is not None:
            to_light = (forward, backward)
            return _domain(
                space, "linear", exposure_stops=exposure_stops, transfer_space=space.name, to_light=to_light
            )
        coders = (decoder, encoder)
        return _domain(
            space, "encoded", exposure_stops=exposure_stops, transfer_space=linear_name, coders=coders
        )

    @property
    def is_passthrough(self) -> bool:
        """True when the plate's values are the model's code values."""
        return self.kind == "video"

    def to_transfer(self, plate_rgb: Float32) -> Float32:
        """Return sanitised plate pixels (H, W, 3) in the transfer space."""
        require_rgb(plate_rgb, "The plate")
        clean = sanitise(plate_rgb)
        return clean if self._decoder is None else sanitise(self._decoder.convert(clean))

    def from_transfer(self, values: Float32) -> Float32:
        """Return transfer-space pixels (H, W, 3) as the plate stores them; may be non-finite outside its
        range."""
        return values if self._encoder is None else self._encoder.convert(values)

    def to_light(self, transfer: Float32) -> Float32:
        """Return transfer-space pixels as exposed linear Rec.709 (code values for video)."""
        return transfer if self.is_passthrough else _times(transfer, self._to_light)

    def from_light(self, light: Float32) -> Float32:
        """Return light, or a difference of lights, in the transfer space; zero stays zero."""
        return light if self.is_passthrough else _times(light, self._from_light)

    def encode(self, light: Float32) -> Float32:
        """Return the code values of ``light``, not clipped."""
        return light if self.is_passthrough else encode_srgb(light)

    def decode(self, codes: Float32) -> Float32:
        """Return the light of ``codes``; the inverse of :meth:`encode`."""
        return codes if self.is_passthrough else decode_srgb(codes)

    def to_codes(self, plate_rgb: Float32) -> Float32:
        """Return plate pixels (H, W, 3) as code values: sanitised, not clipped. The model sees them clipped
        to 0..1."""
        return self.encode(self.to_light(self.to_transfer(plate_rgb)))

    def to_linear_luminance(self, plate_rgb: Float32) -> NDArray[np.float32]:
        """Return the ACEScg luminance (H, W) of plate pixels, before the exposure gain."""
        linear = self.to_transfer(plate_rgb)
        if self.is_passthrough:
            linear = decode_srgb(linear)
        return np.asarray(linear @ self._luminance)


def _domain(
    space: Space,
    kind: Kind,
    *,
    exposure_stops: float,
    transfer_space: str,
    coders: tuple[LosslessProcessor, LosslessProcessor] | tuple[None, None] = (None, None),
    to_light: tuple[NDArray[np.float64], NDArray[np.float64]] = (np.eye(3), np.eye(3)),
) -> ModelDomain:
    """``coders`` lead into the transfer space and back; ``to_light`` from there to light and back."""
    gain, (decoder, encoder), (forward, backward) = 2.0**exposure_stops, coders, to_light
    return ModelDomain(
        space=space,
        kind=kind,
        exposure_stops=exposure_stops,
        transfer_space=transfer_space,
        _decoder=decoder,
        _encoder=encoder,
        _to_light=(forward * gain).astype(np.float32),
        _from_light=(backward / gain).astype(np.float32),
        _luminance=(_rec709_luminance() @ forward).astype(np.float32),
    )


def _rec709_luminance() -> NDArray[np.float64]:
    """Return the weights that give the ACEScg luminance of linear Rec.709."""
    config = package_config()
    matrix = LosslessProcessor(config.getProcessor(LINEAR_REC709, ACESCG), "Rec.709 to ACEScg").matrix
    assert matrix is not None, "two linear spaces of our own config are joined by a matrix"
    return _AP1_LUMINANCE @ matrix


def _times(rgb: Float32, matrix: NDArray[np.float32]) -> Float32:
    return (rgb.reshape(-1, 3) @ matrix.T).reshape(rgb.shape)


def _require_exposure(stops: float) -> None:
    if not math.isfinite(stops) or abs(stops) > MAX_STOPS:
        raise errors.BadExposure(
            f"An exposure of {stops} stops is outside -{MAX_STOPS:g} to {MAX_STOPS:g}.",
            remedy="Leave the exposure to the automatic measurement, or give a few stops.",
        )


def _is_rec709_video(decoder: LosslessProcessor, encoding: str | None) -> bool:
    """Return whether a space holds SDR video with Rec.709 primaries, by its numbers.

    Configs before profile 2 have no encodings, and sRGB textures often have none: so black must be 0, white
    1, the middle code as dark as under a gamma of 1.9 to 2.7, and each primary must light its own channel
    only.
    """
    if encoding not in (None, "sdr-video") or decoder.matrix is not None:
        return False
    codes = np.concatenate([np.zeros((1, 3)), np.ones((1, 3)), np.full((1, 3), 0.5), np.eye(3)])
    light = decoder.convert(codes.astype(np.float32)[None])[0]
    if not np.isfinite(light).all():
        return False
    ends = np.abs(light[0]).max() < 1e-3 and np.abs(light[1] - 1.0).max() < 1e-2
    middle = light[2].min() > 0.5**2.7 and light[2].max() < 0.5**1.9
    return bool(ends and middle and np.abs(light[3:] - np.eye(3)).max() < 1e-2)
