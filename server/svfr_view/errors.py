"""What can keep a page from being made."""

from svfr_client.errors import SvfrError


class NothingToView(SvfrError):
    """Plate and result share no frame."""

    code = "VIEW_HAS_NO_FRAMES"


class PlateNeeded(SvfrError):
    """The result has no delta layer, and the plate was not named."""

    code = "VIEW_NEEDS_THE_PLATE"


class PortIsTaken(SvfrError):
    """The port that the server's page was to be shown at cannot be listened at."""

    code = "PORT_TAKEN"


class MovieFormUnknown(SvfrError):
    """The name of a movie has an ending that stands for none of the forms that are written."""

    code = "MOVIE_FORM_UNKNOWN"
