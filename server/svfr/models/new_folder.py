"""Writing a folder so that it is there whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from svfr.errors import FolderExists


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a draft folder beside ``folder`` to fill; on success it takes that name, on failure it goes.

    Raises FolderExists before anything is written, and again when the name was taken meanwhile.
    """
    folder = folder.absolute()
    _refuse_existing(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield draft
        _refuse_existing(folder)
        draft.chmod(0o755)  # mkdtemp makes it for its owner alone
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def _refuse_existing(folder: Path) -> None:
    if folder.exists():
        text = "The folder is already there; nothing was written."
        raise FolderExists(text, path=folder, remedy="Choose another name, or remove it first.")
