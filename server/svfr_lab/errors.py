"""What can go wrong in the laboratory, each with its remedy."""

from svfr_client.errors import SvfrError


class HeadAssetsDoNotMatch(SvfrError):
    """The wheel or the head file is not the one whose contents this package was written for."""

    code = "LAB_HEAD_ASSETS_DO_NOT_MATCH"


class OffscreenGraphicsUnavailable(SvfrError):
    """No EGL context could be made, so nothing can be rendered on this machine."""

    code = "LAB_OFFSCREEN_GRAPHICS_UNAVAILABLE"


class RenderedFolderIsUnusable(SvfrError):
    """A folder of rendered clips is missing, unfinished, or was made with other settings."""

    code = "LAB_RENDERED_FOLDER_IS_UNUSABLE"


class EvaluationSplitDiffers(SvfrError):
    """Clips or degraded inputs are not the frozen ones, so figures would not be comparable."""

    code = "LAB_EVALUATION_SPLIT_DIFFERS"


class ArgumentOutOfRange(SvfrError):
    """A caller passed a shape, a task name or a number that the laboratory cannot work with."""

    code = "LAB_ARGUMENT_OUT_OF_RANGE"


class EvaluationPlateFailed(SvfrError):
    """The plate of an evaluation clip could not be written, or did not come back as it was."""

    code = "LAB_EVALUATION_PLATE_FAILED"


class RealFootageIsUnusable(SvfrError):
    """Footage to measure on shows no face, or too little of one."""

    code = "LAB_REAL_FOOTAGE_IS_UNUSABLE"
