"""What a monitor shows of a plate: linear Rec.709 through a named display and view of the plate's config."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import PyOpenColorIO as Ocio
from numpy.typing import NDArray

from svfr_ocio import errors
from svfr_ocio.arrays import Float32
from svfr_ocio.config import ColourConfig, package_config
from svfr_ocio.curve import encode_srgb
from svfr_ocio.domain import ModelDomain
from svfr_ocio.names import LINEAR_REC709
from svfr_ocio.processors import OCIO_ERRORS, LosslessProcessor, ocio_reason

AS_STORED = "as stored"


@dataclass(frozen=True, eq=False)
class DisplayView:
    """From exposed linear Rec.709 to what a monitor gets; ``display`` and ``view`` are the config's names."""

    display: str
    view: str
    _processor: LosslessProcessor | None = field(repr=False)

    def show(self, light: Float32) -> Float32:
        """Return the code values 0..1 that a monitor gets for ``light`` (H, W, 3), linear Rec.709."""
        shown = encode_srgb(light) if self._processor is None else self._processor.convert(light)
        return np.clip(shown, 0.0, 1.0)

    def table(self, levels: NDArray[np.float32]) -> Float32:
        """Return the view of all combinations of ``levels`` (N,): (N, N, N, 3), by blue, green, red."""
        blue, green, red = np.meshgrid(levels, levels, levels, indexing="ij")
        light = np.stack([red, green, blue], axis=-1).astype(np.float32)
        flat = np.ascontiguousarray(light.reshape(1, -1, 3))
        return self.show(flat).reshape(light.shape)


def open_view(
    config: ColourConfig, domain: ModelDomain, display: str | None = None, view: str | None = None
) -> DisplayView:
    """Return the view that is asked for, or the one that shows the plate as its own tools do.

    Unless a display or view is named, plates that are code values already are shown as stored, all others
    through the config's default display and view. Raises UnknownView with the names there are, and
    ColourTransformFailed when the config cannot be joined to a display.
    """
    if display is None and view is None and domain.is_passthrough:
        return DisplayView(AS_STORED, "sRGB code values", None)
    ocio = config.ocio
    display = display or ocio.getDefaultDisplay()
    if display not in ocio.getDisplays():
        raise _unknown("display", display, ocio.getDisplays())
    view = view or ocio.getDefaultView(display)
    if view not in ocio.getViews(display):
        raise _unknown(f"view of the display {display!r}", view, ocio.getViews(display))
    try:
        made = Ocio.Config.GetProcessorFromConfigs(
            package_config(), LINEAR_REC709, ocio, display, view, Ocio.TRANSFORM_DIR_FORWARD
        )
    except OCIO_ERRORS as error:
        raise errors.ColourTransformFailed(
            f"The config {config.name} cannot show linear Rec.709 on {display}, {view}: "
            f"{ocio_reason(error)}.",
            remedy="Name another display and view, or another config.",
        ) from error
    return DisplayView(display, view, LosslessProcessor(made, f"{display}, {view}"))


def _unknown(what: str, name: str, known: object) -> errors.UnknownView:
    names = ", ".join(str(one) for one in known)  # type: ignore[attr-defined]
    return errors.UnknownView(f"The config has no {what} {name!r}.", remedy=f"Use one of: {names}.")
