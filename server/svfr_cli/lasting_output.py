"""What becomes of a command whose reader leaves, as ``| head -1`` does: it goes on, and ends as it would.

A submission or a job is not to stop half-way because nobody reads its lines any more, and a list that was
read far enough is no fault.
"""

import errno
import io
import os
import sys
from typing import Any, TextIO

# Windows calls a pipe without a reader an invalid argument.
_NO_READER = (errno.EPIPE, errno.EINVAL) if os.name == "nt" else (errno.EPIPE,)


class _Lasting(io.FileIO):
    """A pipe or file that takes everything; from the reader's leaving on it is the null device."""

    def write(self, data: Any, /) -> int:
        """Write bytes; those that nobody reads count as written. Raises OSError for any other fault."""
        try:
            return super().write(data)
        except OSError as problem:
            if problem.errno not in _NO_READER:
                raise
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, self.fileno())
        os.close(nobody)
        return memoryview(data).nbytes


def outlast_readers() -> None:
    """Have standard output and errors of this process drop what is written after their reader left."""
    sys.stdout, sys.stderr = _lasting(sys.stdout), _lasting(sys.stderr)


def _lasting(stream: TextIO) -> TextIO:
    """Return a stream to the same place; a terminal, or what is no file (None: it is closed), as it is."""
    if not isinstance(stream, io.TextIOWrapper) or stream.isatty():
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Lasting(stream.fileno(), "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
