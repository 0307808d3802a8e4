"""A worker's own folder for what it needs while a job runs: crops on disk, scratch files of libraries
and compilers.

It lies where temporary files belong (``TMPDIR``), which other users of the machine share: its name is random,
it is made new, and nothing that was there before is used. What a worker that was killed has left is removed
by the next one, which finds its name in the service's private folder and touches it only if it is still the
very folder that was made.
"""

import contextlib
import hashlib
import json
import os
import shutil
import stat
import tempfile
from pathlib import Path

from svfr.validation import read_json_file
from svfr_client.connection import write_private

_PREFIX = "svfr-worker-"
# Compilers' caches: places that were inherited, or the user's own, may be closed to a worker that the kernel
# confines, and then not even what is compiled already can be read.
_COMPILERS_PLACES = {"TORCHINDUCTOR_CACHE_DIR": "inductor", "TRITON_CACHE_DIR": "triton"}


def make_scratch_folder(home: Path, device: str) -> Path:
    """Make a private folder this process's place for temporary files and return it; remove the former one."""
    note = home / f"scratch-{hashlib.sha256(device.encode()).hexdigest()[:16]}.json"
    _remove_former(note)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    status = folder.lstat()
    write_private(note, json.dumps({"path": str(folder), "device": status.st_dev, "inode": status.st_ino}))
    tempfile.tempdir = str(folder)
    os.environ["TMPDIR"] = str(folder)
    for variable, name in _COMPILERS_PLACES.items():
        os.environ[variable] = str(folder / name)
    return folder


def _remove_former(note: Path) -> None:
    """Remove the folder that ``note`` names if it is that folder still: no link, ours, the same inode."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        former = read_json_file(note)
        folder = Path(former["path"])
        status = folder.lstat()
        is_same = (status.st_dev, status.st_ino) == (former["device"], former["inode"])
        is_ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
        if is_same and is_ours and stat.S_ISDIR(status.st_mode) and folder.name.startswith(_PREFIX):
            shutil.rmtree(folder, ignore_errors=True)
