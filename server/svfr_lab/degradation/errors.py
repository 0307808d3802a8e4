"""What can go wrong while a clip is degraded."""

from svfr_client.errors import SvfrError


class VideoCodecFailed(SvfrError):
    """The installed PyAV lacks a codec, or the codec refused the pictures or lost some."""

    code = "LAB_VIDEO_CODEC_FAILED"
