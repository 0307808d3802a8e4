"""What is told while files travel, and how it is said."""

from dataclasses import dataclass
from typing import Callable

from ..sizes import counted, size_text


@dataclass(frozen=True)
class TransferProgress:
    """``stage``: "hash" (files are read to know their content), "send", "make" (the server makes files of
    what was sent) or "fetch"; bytes done and in all.

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
            return f"Reading {counted(self.files, 'file')}, {size_text(self.total_bytes)}"
        if self.stage == "fetch":
            return f"Fetching {size_text(self.done_bytes)} of {size_text(self.total_bytes)}"
        if self.stage == "make":
            done, total = size_text(self.done_bytes), size_text(self.total_bytes)
            return f"The server makes {counted(self.files, 'file')} of what was sent, {done} of {total}"
        if not self.total_bytes:
            which = "the file" if self.files == 1 else f"all {self.files} files"
            return f"The server has {which} already"
        has = self.files_bytes - self.total_bytes
        rest = f"; it has {size_text(has)} already" if has else ""
        return f"Sending {size_text(self.done_bytes)} of {size_text(self.total_bytes)}{rest}"


Tell = Callable[[TransferProgress], None]


def tell_nobody(_: TransferProgress) -> None:
    """Take progress and say nothing."""
