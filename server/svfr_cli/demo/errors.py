"""What can keep the demo from showing anything."""

from svfr_client.errors import SvfrError


class DemoClipUnavailable(SvfrError):
    """The demo's footage could not be fetched, or is not the file that it should be."""

    code = "DEMO_CLIP_UNAVAILABLE"


class DemoFileUnreadable(SvfrError):
    """A file that the demo wrote, or that a job wrote for it, cannot be written or read."""

    code = "DEMO_FILE_UNREADABLE"


class NothingWasRestored(SvfrError):
    """The job's mattes are empty in every frame, so there is nothing to measure."""

    code = "NOTHING_RESTORED"
