"""Everything that can go wrong with colour, as errors a user can act on."""

from __future__ import annotations

from svfr_client.errors import SvfrError


class ConfigIsMissing(SvfrError):
    """The OCIO config named by the job is not on this machine."""

    code = "CONFIG_MISSING"


class ConfigIsUnreadable(SvfrError):
    """The file exists but is not an OCIO config that can be loaded."""

    code = "CONFIG_UNREADABLE"


class ConfigIsTooNew(SvfrError):
    """The config's profile version is newer than this OpenColorIO library."""

    code = "CONFIG_TOO_NEW"


class UnknownBuiltinConfig(SvfrError):
    """The address, which begins with ocio://, is not one of the library's built-in configs."""

    code = "UNKNOWN_BUILTIN_CONFIG"


class UnknownContextVariable(SvfrError):
    """The job gives a value to a context variable that the OCIO config does not declare."""

    code = "UNKNOWN_CONTEXT_VARIABLE"


class ConfigChanged(SvfrError):
    """The config's bytes are not those the job was made with, or they changed while the job ran."""

    code = "CONFIG_CHANGED"


class UnknownColourSpace(SvfrError):
    """Neither the job nor the plate says which colour space the pixels are in, or the config has no space,
    role, alias or interop ID of that name.
    """

    code = "UNKNOWN_COLOUR_SPACE"


class SpaceHasNoKnownPrimaries(SvfrError):
    """The config does not tie the space to a standard one, so its numbers have no defined colour."""

    code = "COLOUR_SPACE_WITHOUT_PRIMARIES"


class DataIsNotColour(SvfrError):
    """A space for masks and other data was named as the colour space of a plate."""

    code = "DATA_IS_NOT_COLOUR"


class ColourTransformFailed(SvfrError):
    """OpenColorIO could not build a conversion, for instance because a LUT is missing."""

    code = "COLOUR_TRANSFORM_FAILED"


class UnknownView(SvfrError):
    """A display or view is not in the config."""

    code = "UNKNOWN_VIEW"


class ColourMismatch(SvfrError):
    """Two machines give the same space different numbers."""

    code = "COLOUR_MISMATCH"


class BadProbe(SvfrError):
    """A colour probe does not have the form that :func:`svfr_ocio.probe.make_probe` writes."""

    code = "BAD_COLOUR_PROBE"


class NotAnRgbImage(SvfrError):
    """An array is not a float32 image of the shape, type or layout that the colour code needs."""

    code = "NOT_AN_RGB_IMAGE"


class ModelReturnedNonFinite(SvfrError):
    """The model's output contains NaN or infinity."""

    code = "MODEL_NOT_FINITE"


class BadExposure(SvfrError):
    """An exposure is not a finite number of stops within the usable range."""

    code = "BAD_EXPOSURE"


class NothingToMeter(SvfrError):
    """No frame of the shot has a face pixel to measure the exposure on."""

    code = "NOTHING_TO_METER"
