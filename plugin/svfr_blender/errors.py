# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that the extension itself refuses, in words for the artist."""

from .svfr_client.errors import SvfrError


class StripCannotBeRestored(SvfrError):
    """The strip is of a kind, or used in a way, whose frames cannot be mapped to files."""

    code = "HOST_STRIP"


class NoStripIsChosen(SvfrError):
    """No image or movie strip is selected."""

    code = "HOST_NO_STRIP"


class MaskIsMissing(SvfrError):
    """The panel asks for a mask that is not there."""

    code = "HOST_MASK"


class MaskCannotBeSent(SvfrError):
    """The mask uses something that has no counterpart on the server."""

    code = "HOST_MASK"


class StripHasNoColour(SvfrError):
    """The strip is marked as data, or in a colour space that the server has no way to know."""

    code = "HOST_COLOUR"


class SettingIsWrong(SvfrError):
    """A field of the panel is empty or unreadable."""

    code = "HOST_SETTING"


class OnlineAccessIsOff(SvfrError):
    """A server on another machine is chosen while Blender's preferences allow no online access."""

    code = "HOST_OFFLINE"


class SourceIsGone(SvfrError):
    """The strip that a result belongs to is no longer in the file."""

    code = "HOST_SOURCE_GONE"
