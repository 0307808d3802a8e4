"""Linux's Landlock: the kernel itself keeps a worker inside the service's roots, whatever opens a file.

The rules hold for the rest of the process's life and for every library in it, at the real path at open
time, so that no swapped link leads out. Interface: Linux, Documentation/userspace-api/landlock.rst. Needs no
privilege; kernels before 5.13, and other systems, do not have it.
"""

import ctypes
import importlib.util
import logging
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from svfr.models.search import search_folders
from svfr_server.roots import PathRoots

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same number on every architecture
_VERSION_FLAG, _PATH_BENEATH, _NO_NEW_PRIVILEGES = 1, 1, 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_AND_MAKE = (
    0b1_1111_1111 << 4
)  # remove folder and file; make char, folder, file, socket, fifo, block, symlink
_REFER, _TRUNCATE = 1 << 13, 1 << 14  # from versions 2 and 3 of the interface
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ONE_FILE = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
# What an interpreter with torch and a GPU driver reads besides pictures.
_SYSTEM_FOLDERS = ("/usr", "/lib", "/lib64", "/bin", "/proc", "/sys", "/dev", "/run/nvidia-persistenced")
_SYSTEM_FILES = (
    *("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "passwd", "nsswitch.conf", "alternatives"),
    *("OpenCL", "ssl", "fonts", "nvidia"),
)
_WRITABLE = ("/dev",)
_PACKAGES = ("svfr", "svfr_client", "svfr_ocio", "svfr_restore", "svfr_server")
_log = logging.getLogger(__name__)


class _RulesetAttr(ctypes.Structure):
    _fields_ = [("handled_access_fs", ctypes.c_uint64)]


class _PathBeneathAttr(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def version() -> int:
    """Return the version of the kernel's interface; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)))


def confine(roots: PathRoots, home: Path) -> bool:
    """Hold this process to ``roots`` for good, if they limit anything and the kernel can; says whether.

    Besides the roots it may read its interpreter, its libraries and the model folders, and write its scratch
    folder and the service's folder ``home``.
    """
    known = version()
    handled = (_READ if roots.read else 0) | (_writing(known) if roots.write else 0)
    if known == 0 or handled == 0:
        return False
    attributes = _RulesetAttr(handled)
    ruleset = _libc().syscall(
        _CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(ctypes.sizeof(attributes)), 0
    )
    if ruleset < 0:
        return False
    try:
        own = [Path(tempfile.gettempdir()), home]
        libraries = [
            *map(Path, (sys.prefix, sys.base_prefix, *_SYSTEM_FOLDERS)),
            *_import_folders(),
            *(Path("/etc") / name for name in _SYSTEM_FILES),
            *search_folders(),
        ]
        _allow(ruleset, [*roots.read, *libraries], _READ & handled)
        _allow(ruleset, roots.write, handled)
        _allow(ruleset, [*own, *map(Path, _WRITABLE)], handled)
        _libc().prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return int(_libc().syscall(_RESTRICT_SELF, ruleset, 0)) == 0
    finally:
        os.close(ruleset)


def _import_folders() -> list[Path]:
    """Return where code is imported from: the import path, and our packages, which need not lie on it.

    An editable install finds packages without the import path. The folder that the process happens to run
    in is on the path for ``python -m`` alone; it may be anything, ``/`` too, and is left out.
    """
    specs = [importlib.util.find_spec(name) for name in _PACKAGES]
    places = [place for spec in specs if spec for place in spec.submodule_search_locations or ()]
    listed = [Path(folder).resolve() for folder in sys.path if folder]
    return [Path(place) for place in places] + [
        folder for folder in listed if folder not in (Path.cwd().resolve(), Path(folder.anchor))
    ]


def _writing(known: int) -> int:
    writing = _WRITE_FILE | _REMOVE_AND_MAKE
    return writing | (_REFER if known >= 2 else 0) | (_TRUNCATE if known >= 3 else 0)


def _allow(ruleset: int, places: Iterable[Path], access: int) -> None:
    for place in places:
        if not access or not place.exists():
            continue
        handle = os.open(place, os.O_PATH | os.O_CLOEXEC)
        try:
            allowed = access if place.is_dir() else access & _ONE_FILE
            rule = _PathBeneathAttr(allowed, handle)
            if _libc().syscall(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0) != 0:
                _log.warning("Landlock takes no rule for %s: %s", place, os.strerror(ctypes.get_errno()))
        finally:
            os.close(handle)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
