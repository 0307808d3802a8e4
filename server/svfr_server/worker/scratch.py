"""A worker's own folder for what it needs while a job runs: crops on disk, scratch files of libraries.

It lies where temporary files belong (``TMPDIR``), is private, and has the same name each time a worker of
this service and device starts: what one that was killed has left there is removed by the next.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from svfr_client.connection import make_private_folder
from svfr_client.errors import SvfrError


def make_scratch_folder(home: Path, device: str) -> Path:
    """Empty this worker's scratch folder, make it this process's place for temporary files, return it."""
    name = hashlib.sha256(f"{home.resolve()} {device}".encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"svfr-worker-{name}"
    try:
        make_private_folder(folder)
        for left in folder.iterdir():
            if left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)
    except (OSError, SvfrError):  # somebody else's file has the name
        folder = Path(tempfile.mkdtemp(prefix="svfr-worker-"))
    tempfile.tempdir = str(folder)
    os.environ["TMPDIR"] = str(folder)
    return folder
