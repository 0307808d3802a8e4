"""What can go wrong with a list of clips, each with its remedy."""

from svfr_client.errors import SvfrError


class ClipListInvalid(SvfrError):
    """A line of a list of clips does not say what it should, or names files that are not there."""

    code = "LAB_CLIP_LIST_INVALID"


class ClipLayoutNotRecognised(SvfrError):
    """A folder does not hold clips in the layout that was named."""

    code = "LAB_CLIP_LAYOUT_NOT_RECOGNISED"


class ClipsUnusable(SvfrError):
    """No clip of a list can be trained with: none shows a face for long enough, or none can be read."""

    code = "LAB_CLIPS_UNUSABLE"


class LandmarkPredictorUnusable(SvfrError):
    """A file that should predict 68 landmarks is no such file, or predicts other ones."""

    code = "LAB_LANDMARK_PREDICTOR_UNUSABLE"


class PortraitListInvalid(SvfrError):
    """A list of portraits, or a picture that it names, is not what it should be."""

    code = "LAB_PORTRAIT_LIST_INVALID"
