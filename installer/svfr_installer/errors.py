"""What can stand in the way of an installation."""

from svfr_client.errors import SvfrError


class HostNotFound(SvfrError):
    """The host application, or its folder, is not on this machine."""

    code = "HOST_NOT_FOUND"


class HostVersionNotSupported(SvfrError):
    """The plugin does not run in this version of the host."""

    code = "HOST_VERSION_NOT_SUPPORTED"


class HostRefused(SvfrError):
    """The host application itself reported that it could not install or remove the plugin."""

    code = "HOST_REFUSED"


class PluginSourceMissing(SvfrError):
    """The plugin's files are not where this program was installed from."""

    code = "PLUGIN_SOURCE_MISSING"


class BundleIsDamaged(SvfrError):
    """A built plugin bundle lacks what this machine needs."""

    code = "PLUGIN_SOURCE_MISSING"


class CannotBuildBundle(SvfrError):
    """The plugin could not be compiled here."""

    code = "CANNOT_BUILD"


class CannotBuildExtension(SvfrError):
    """The Blender extension cannot be built on this machine."""

    code = "CANNOT_BUILD"


class PlatformNotSupported(SvfrError):
    """There is no build of a needed library for this kind of machine."""

    code = "PLATFORM_NOT_SUPPORTED"


class WheelNotFound(SvfrError):
    """A needed wheel is neither in the given folder nor could it be downloaded."""

    code = "WHEEL_NOT_FOUND"


class FolderIsNotOurs(SvfrError):
    """The plugin's folder holds something that this program did not put there."""

    code = "FOLDER_NOT_OURS"


class CannotChangeFile(SvfrError):
    """A file could not be written or removed."""

    code = "CANNOT_CHANGE_FILE"
