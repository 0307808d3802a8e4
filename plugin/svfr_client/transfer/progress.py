"""What is told while files travel, and how it is said."""

from dataclasses import dataclass
from typing import Callable


@dataclass(frozen=True)
class TransferProgress:
    """``stage``: "hash" (files are read to know their content), "send" or "fetch"; bytes done and in all.

    The first of a stage has ``done_bytes`` 0: the amount is told beforehand. Of "send" the amount is what the
    server lacks; ``files`` are all files, ``files_bytes`` their length with what it has.
    """

    stage: str
    done_bytes: int
    total_bytes: int
    files: int = 1
    files_bytes: int = 0

    @property
    def text(self) -> str:
        """One line for the artist."""
        if self.stage == "hash":
            return f"Reading {self.files} files, {size_text(self.total_bytes)}"
        if self.stage == "fetch":
            return f"Fetching {size_text(self.done_bytes)} of {size_text(self.total_bytes)}"
        if not self.total_bytes:
            return f"The server has all {self.files} files already"
        has = self.files_bytes - self.total_bytes
        rest = f"; it has {size_text(has)} already" if has else ""
        return f"Sending {size_text(self.done_bytes)} of {size_text(self.total_bytes)}{rest}"


Tell = Callable[[TransferProgress], None]


def tell_nobody(_: TransferProgress) -> None:
    """Take progress and say nothing."""


def size_text(size_bytes: int) -> str:
    """Return a length as people read it: ``12.3 MB``."""
    if size_bytes < 1_000_000:
        return f"{size_bytes / 1000:.0f} kB"
    if size_bytes < 1_000_000_000:
        return f"{size_bytes / 1e6:.1f} MB"
    return f"{size_bytes / 1e9:.2f} GB"
