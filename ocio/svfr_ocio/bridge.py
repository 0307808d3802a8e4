"""Conversions between a space of any config and the few spaces this project computes in.

Two configs meet at their interchange roles (ACES2065-1 for scene-referred spaces, CIE XYZ D65 for
display-referred ones). A scene-referred space never passes through a view transform on its way, and neither
does a display-referred one: each has its own linear Rec.709.
"""

from __future__ import annotations

from typing import Literal

import PyOpenColorIO as Ocio

from svfr_ocio import errors
from svfr_ocio.config import ColourConfig, package_config, studio_config
from svfr_ocio.names import (
    ACES2065_1,
    CIE_XYZ_D65,
    DISPLAY_LINEAR_REC709,
    LINEAR_REC709,
)
from svfr_ocio.processors import OCIO_ERRORS, LosslessProcessor, ocio_reason
from svfr_ocio.spaces import Space, require_colour

_LINEAR = {"scene": LINEAR_REC709, "display": DISPLAY_LINEAR_REC709}
_INTERCHANGE = {"scene": ACES2065_1, "display": CIE_XYZ_D65}


def to_linear_rec709(config: ColourConfig, space: Space) -> LosslessProcessor:
    """Return the conversion from ``space`` to linear light with Rec.709 primaries."""
    return _processor(config, space, _LINEAR[space.reference], "to")


def from_linear_rec709(config: ColourConfig, space: Space) -> LosslessProcessor:
    """Return the inverse of :func:`to_linear_rec709`."""
    return _processor(config, space, _LINEAR[space.reference], "from")


def to_interchange(config: ColourConfig, space: Space) -> LosslessProcessor:
    """Return the conversion from ``space`` to ACES2065-1 (scene-referred) or CIE XYZ D65
    (display-referred)."""
    return _processor(config, space, _INTERCHANGE[space.reference], "to")


def _processor(
    config: ColourConfig, space: Space, common: str, direction: Literal["to", "from"]
) -> LosslessProcessor:
    require_colour(space)
    own, name = (
        (config.ocio, space.name) if space.studio_name is None else (studio_config(), space.studio_name)
    )
    ours = package_config()
    try:
        if direction == "to":
            processor = Ocio.Config.GetProcessorFromConfigs(own, name, ours, common)
        else:
            processor = Ocio.Config.GetProcessorFromConfigs(ours, common, own, name)
        return LosslessProcessor(processor, f"{space.name} {direction} {common}")
    except OCIO_ERRORS as error:
        raise errors.ColourTransformFailed(
            f"OpenColorIO cannot convert the space {space.name!r} of the config {config.name!r} "
            f"{direction} {common!r}: {ocio_reason(error)}.",
            path=config.path,
            remedy="Check that every LUT of the space is there, and that the space has both directions.",
        ) from error
