"""A model's folder, which is there whole or not at all and never replaces another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from svfr.errors import FolderExists
from svfr_client.files import whole_folder


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Give a draft folder beside ``folder`` to fill; on success it takes that name, on failure it goes.

    Raises FolderExists before anything is written, and again when the name was taken meanwhile.
    """
    folder = folder.absolute()
    _refuse_existing(folder)
    with whole_folder(folder) as draft:
        yield draft
        _refuse_existing(folder)


def _refuse_existing(folder: Path) -> None:
    if folder.exists():
        text = "The folder is already there; nothing was written."
        raise FolderExists(text, path=folder, remedy="Choose another name, or remove it first.")
