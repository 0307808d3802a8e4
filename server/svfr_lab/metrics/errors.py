"""What can be wrong with a comparison, each with its remedy."""

from svfr_client.errors import SvfrError


class LibrariesAreMissing(SvfrError):
    """The libraries of the laboratory are not installed."""

    code = "LAB_LIBRARIES_MISSING"


class ClipsDoNotMatch(SvfrError):
    """Two folders of clips do not hold clips of the same names, or a folder holds no clip."""

    code = "LAB_CLIPS_DO_NOT_MATCH"


class FrameCountsDiffer(SvfrError):
    """The result and the truth cannot be laid side by side frame by frame."""

    code = "LAB_FRAME_COUNTS_DIFFER"


class FrameSizesDiffer(SvfrError):
    """The result has another size or pixel aspect than the truth."""

    code = "LAB_FRAME_SIZES_DIFFER"


class PictureTooSmall(SvfrError):
    """A picture is smaller than the window that a measure looks through."""

    code = "LAB_PICTURE_TOO_SMALL"


class PicturesDoNotMatch(SvfrError):
    """Arrays given to a measure are not of one shape; a mistake of the caller."""

    code = "LAB_PICTURES_DO_NOT_MATCH"


class ProtocolIsInvalid(SvfrError):
    """A protocol file cannot be read, or holds something that is no protocol."""

    code = "LAB_PROTOCOL_INVALID"


class WeightsOfAnotherNetwork(SvfrError):
    """A weight file is sound, but of no network that the measure is defined with."""

    code = "LAB_WEIGHTS_OF_ANOTHER_NETWORK"


class TorchScriptNotTrusted(SvfrError):
    """A TorchScript file is a program, and the user has not said that it may run."""

    code = "LAB_TORCHSCRIPT_NOT_TRUSTED"


class TorchScriptUnusable(SvfrError):
    """A TorchScript file cannot be loaded, or is not the network that the measure is defined with."""

    code = "LAB_TORCHSCRIPT_UNUSABLE"


class ReportCannotBeWritten(SvfrError):
    """The report or its plot could not be put where the user wants it."""

    code = "LAB_REPORT_CANNOT_BE_WRITTEN"
