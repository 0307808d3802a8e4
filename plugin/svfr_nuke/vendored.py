"""Find the pyzmq that the installer put beside the plugin, for this Nuke's Python.

Nuke has none of its own. Each Python version has its own folder ``vendor/cp39``, ``cp310``, ``cp311``,
``cp313``. It is put on the path only when no other pyzmq is there, and only when the first job is sent: a
start of Nuke loads nothing of it.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

from svfr_client.reasons import in_one_line

from .errors import NoSocketLibrary

VENDOR = Path(__file__).resolve().parent.parent / "vendor"


def python_tag() -> str:
    """Return the folder name for this interpreter, such as ``cp310``."""
    return "cp{}{}".format(*sys.version_info[:2])


def require_zmq() -> None:
    """Make ``import zmq`` work, or raise :class:`~svfr_nuke.errors.NoSocketLibrary`."""
    folder = VENDOR / python_tag()
    if importlib.util.find_spec("zmq") is None and folder.is_dir():
        sys.path.append(str(folder))
    try:
        importlib.import_module("zmq")
    except ImportError as problem:
        raise NoSocketLibrary(
            f"The plugin's pyzmq for Python {python_tag()} cannot be loaded: {in_one_line(problem)}.",
            path=folder,
            remedy="Run `svfr install nuke` again on this machine.",
        ) from problem
