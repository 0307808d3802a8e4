"""What can go wrong between Nuke's node graph and the service, each with what to do about it."""

from svfr_client.errors import SvfrError


class NoPlate(SvfrError):
    """Nothing is connected to the node's plate input."""

    code = "NUKE_NO_PLATE"


class AlreadyRestoring(SvfrError):
    """The node's last job has not ended yet."""

    code = "NUKE_ALREADY_RESTORING"


class NothingToRepeat(SvfrError):
    """Redo or Cancel was pressed on a node that has no such job."""

    code = "NUKE_NOTHING_TO_REPEAT"


class BadSetting(SvfrError):
    """A knob holds a value that cannot be used."""

    code = "NUKE_BAD_SETTING"


class ViewIsNotChosen(SvfrError):
    """The script has several views and the node does not say which one to restore, or names none of them."""

    code = "NUKE_VIEW_NOT_CHOSEN"


class ProxyModeIsOn(SvfrError):
    """Proxy mode would send or render small pictures."""

    code = "NUKE_PROXY_MODE"


class SpaceIsUnknown(SvfrError):
    """Nuke does not say which colour space the pixels are in."""

    code = "NUKE_SPACE_UNKNOWN"


class RenderFailed(SvfrError):
    """Nuke could not render an input to EXR."""

    code = "NUKE_RENDER_FAILED"


class RenderCancelled(SvfrError):
    """The user stopped the rendering of an input."""

    code = "CANCELLED"


class RotoNotSupported(SvfrError):
    """The roto holds something that splines cannot carry."""

    code = "NUKE_ROTO_NOT_SUPPORTED"


class ResultSpaceNotSet(SvfrError):
    """The node's own Read did not take the plate's colour space."""

    code = "NUKE_RESULT_SPACE"


class NodesAreHidden(SvfrError):
    """This edition of Nuke lets scripts touch only so many nodes, and the script has more."""

    code = "NUKE_NODES_HIDDEN"


class ResultIsNotReady(SvfrError):
    """A render needs a result that is not there yet, or never will be."""

    code = "NUKE_RESULT_NOT_READY"


class VersionIsGone(SvfrError):
    """A result that the node kept is not in its list or not on the disk any more."""

    code = "NUKE_VERSION_GONE"


class NoSocketLibrary(SvfrError):
    """The plugin's own pyzmq does not suit this Nuke, or is not there."""

    code = "NUKE_NO_PYZMQ"
