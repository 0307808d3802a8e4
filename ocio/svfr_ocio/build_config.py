"""Write ``config.ocio``: the studio config of the ASWF plus the spaces this project works in.

Run ``python -m svfr_ocio.build_config`` after changing this file; a test checks that the stored file is what
this script writes. The profile stays at 2.3, which every supported host can read: Blender, Nuke, and hosts
that carry OpenColorIO 2.3 or newer. A config of a later generation cannot be written at a lower version.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import PyOpenColorIO as Ocio

from svfr_client.files import write_whole
from svfr_ocio.names import (
    CONFIG_NAME,
    DISPLAY_LINEAR_REC709,
    LINEAR_REC709,
    MODEL_SRGB,
    MODEL_SRGB_ALIASES,
    STUDIO_URI,
)

# Linear Rec.709 to CIE XYZ (D65 white has Y = 1), from the chromaticities of ITU-R BT.709-6. Twelve digits,
# because OpenColorIO 2.5 and 2.6 write the last digits of a double differently.
_REC709_TO_XYZ = (
    (0.412390799266, 0.357584339384, 0.180480788402, 0.0),
    (0.212639005872, 0.715168678768, 0.072192315361, 0.0),
    (0.019330818716, 0.119194779795, 0.950532152250, 0.0),
    (0.0, 0.0, 0.0, 1.0),
)


def build_config_text() -> str:
    """Return the text of ``config.ocio``; OpenColorIO 2.5 and 2.6 give the same bytes."""
    config = Ocio.Config.CreateFromFile(STUDIO_URI)
    config.setName(CONFIG_NAME)
    config.setDescription(
        "The ASWF studio config (ACES 1.3, OCIO 2.3) with the spaces of SVFR Studio. Written by a script."
    )
    config.addColorSpace(_model_srgb())
    config.addColorSpace(_display_linear_rec709())
    config.validate()
    return str(config.serialize())


def _model_srgb() -> Ocio.ColorSpace:
    space = Ocio.ColorSpace(
        referenceSpace=Ocio.REFERENCE_SPACE_SCENE,
        name=MODEL_SRGB,
        aliases=list(MODEL_SRGB_ALIASES),
        family="SVFR",
        encoding="sdr-video",
        description=(
            "Code values the model works in: Rec.709 primaries, the sRGB curve (gamma 2.4, offset 0.055) "
            "mirrored for negative values, no tone mapping."
        ),
    )
    to_linear = Ocio.ColorSpaceTransform(src="ACES2065-1", dst=LINEAR_REC709)
    encode = Ocio.ExponentWithLinearTransform(
        gamma=[2.4, 2.4, 2.4, 1.0],
        offset=[0.055, 0.055, 0.055, 0.0],
        negativeStyle=Ocio.NEGATIVE_MIRROR,
        direction=Ocio.TRANSFORM_DIR_INVERSE,
    )
    space.setTransform(Ocio.GroupTransform([to_linear, encode]), Ocio.COLORSPACE_DIR_FROM_REFERENCE)
    return space


def _display_linear_rec709() -> Ocio.ColorSpace:
    space = Ocio.ColorSpace(
        referenceSpace=Ocio.REFERENCE_SPACE_DISPLAY,
        name=DISPLAY_LINEAR_REC709,
        family="SVFR",
        encoding="display-linear",
        description="Display light with Rec.709 primaries: the linear side of display-referred plates.",
    )
    flat = [value for row in _REC709_TO_XYZ for value in row]
    space.setTransform(Ocio.MatrixTransform(flat), Ocio.COLORSPACE_DIR_TO_REFERENCE)
    return space


def main() -> None:
    """Write the config into the package."""
    with resources.as_file(resources.files("svfr_ocio")) as folder:
        write_whole(Path(folder, "config.ocio"), build_config_text())


if __name__ == "__main__":
    main()
