"""Everything that can be wrong with the pictures and choices of one job, named as the sentence that failed.

Each class is a :class:`svfr_client.errors.SvfrError` with its own stable ``code``. Raise them with
``frame=``, ``path=`` and ``remedy=`` wherever these are known: the same text reaches the artist in the host.
"""

from svfr_client.errors import DiskSpaceIsShort as DiskSpaceIsShort  # also of a client that fetches frames
from svfr_client.errors import SvfrError

# --- plates ---------------------------------------------------------------------------------------------


class PlateNotFound(SvfrError):
    """No file lies at the plate's path or matches its pattern."""

    code = "PLATE_NOT_FOUND"


class PlateFormatNotSupported(SvfrError):
    """The plate's file type is none that can be read."""

    code = "PLATE_FORMAT_NOT_SUPPORTED"


class InputIsNoFile(SvfrError):
    """An input path is a pipe, a device, a socket or a folder."""

    code = "NOT_A_FILE"


class PictureIsTooLarge(SvfrError):
    """A picture has more pixels or channels than are ever decoded."""

    code = "PICTURE_TOO_LARGE"


class JobNeedsMoreMemory(SvfrError):
    """A picture or a job needs more of the machine's memory than one job may take."""

    code = "MEMORY_BUDGET"


class ComputeOptionUnknown(SvfrError):
    """The environment asks for a number type, a batch or a folder that there is not."""

    code = "COMPUTE_OPTION_UNKNOWN"


class PictureNotChosen(SvfrError):
    """A file holds several pictures and the job does not say which, or names one that is not there."""

    code = "PICTURE_NOT_CHOSEN"


class ColourTagsDiffer(SvfrError):
    """A frame states another colour space than the first frame of its sequence."""

    code = "COLOUR_TAGS_DIFFER"


class MovieRateVaries(SvfrError):
    """A movie's frames have no constant rate, so they cannot be numbered."""

    code = "MOVIE_RATE_VARIES"


class NameIsTooLong(SvfrError):
    """An output file's name is longer than its disk allows."""

    code = "NAME_TOO_LONG"


class NoFramesAsked(SvfrError):
    """The frame range is empty."""

    code = "EMPTY_RANGE"


class FrameIsTruncated(SvfrError):
    """A picture file is empty or ends before its last pixel."""

    code = "FRAME_TRUNCATED"


class FrameCannotBeRead(SvfrError):
    """A picture file is not what its name says, or is damaged."""

    code = "FRAME_UNREADABLE"


class FrameIsDeep(SvfrError):
    """The picture's RGB is deep data, which has no single value per pixel."""

    code = "DEEP_EXR"


class FrameHasNoRgb(SvfrError):
    """The picture has no red, green and blue channels to restore."""

    code = "NO_RGB"


class FrameIsSubsampled(SvfrError):
    """The RGB part holds channels that are stored at a lower resolution than the picture."""

    code = "SUBSAMPLED_EXR"


class FrameSizeDiffers(SvfrError):
    """A frame has another resolution or pixel aspect than the first frame of its sequence."""

    code = "FRAME_SIZE_DIFFERS"


class MovieCannotBeRead(SvfrError):
    """The movie file cannot be opened or decoded."""

    code = "MOVIE_UNREADABLE"


# --- output ---------------------------------------------------------------------------------------------


class RestoredPixelsAreNotFinite(SvfrError):
    """The restored picture holds NaN or infinity where the plate does not."""

    code = "RESTORED_NOT_FINITE"


# --- faces, crops and mattes ----------------------------------------------------------------------------


class NoFaceFound(SvfrError):
    """No face was detected in any frame of the range."""

    code = "NO_FACE"


class FaceTrackNotFound(SvfrError):
    """The job names a face track that the shot does not have."""

    code = "FACE_TRACK_NOT_FOUND"


class CropTrackFileIsBad(SvfrError):
    """A crop-track file lacks fields, has unknown ones, or holds values that make no crop."""

    code = "BAD_CROP_TRACK"


class CropTrackHasNoFrame(SvfrError):
    """A crop track was asked for a frame that it does not cover."""

    code = "CROP_TRACK_FRAME"


class BoxIsEmpty(SvfrError):
    """A crop box has no area or holds a value that is no number."""

    code = "EMPTY_BOX"


class BoxMissesPlate(SvfrError):
    """A crop box covers no pixel of the plate."""

    code = "EMPTY_BOX"


class MaskIsEmpty(SvfrError):
    """The mask is zero in every frame, so it marks no region."""

    code = "EMPTY_MASK"


class MaskSizeDiffers(SvfrError):
    """A mask picture or shape was made for another size than the plate's."""

    code = "MASK_SIZE_DIFFERS"


class MaskCannotBeRead(SvfrError):
    """A mask picture is missing, damaged, or has no channel that can be a matte."""

    code = "MASK_UNREADABLE"


class PictureArrayDoesNotFit(SvfrError):
    """An array has another shape or type than the window or crop that it is said to cover."""

    code = "ARRAY_SHAPE"


# --- preparing crops for the network ---------------------------------------------------------------------


# --- the job ---------------------------------------------------------------------------------------------


class LayerCannotBeMade(SvfrError):
    """A job asks for a layer that its model has nothing to say about."""

    code = "LAYER_UNAVAILABLE"


class ReferenceCannotBeUsed(SvfrError):
    """The frame or photo given as reference does not show the face it is for."""

    code = "BAD_REFERENCE"
