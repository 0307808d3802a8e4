"""Disks and shares that give out, as errors a user can act on."""

import errno
import os

from svfr_client.errors import FileCannotBeWritten, SvfrError
from svfr_server.errors import DiskIsFull, StorageFailed

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_AGAIN = "Hand the job in again afterwards; what is still valid is reused."


def disk_is_full(problem: BaseException) -> SvfrError | None:
    """Return the error to report when a full disk is behind ``problem``, however wrapped; else None."""
    seen: BaseException | None = problem
    while seen is not None:
        is_named = not isinstance(seen, OSError) and os.strerror(errno.ENOSPC) in str(seen)
        if is_named or (isinstance(seen, OSError) and seen.errno in _FULL):
            path = getattr(problem, "path", None) or getattr(seen, "filename", None)
            text = f"A file cannot be written: {os.strerror(errno.ENOSPC)}."
            return DiskIsFull(text, path=path, remedy=f"Free space. {_AGAIN}")
        seen = seen.__cause__ or seen.__context__
    return None


def storage_error(problem: OSError | FileCannotBeWritten) -> SvfrError:
    """Return the error for a failure of the file system that the pipeline did not foresee."""
    if isinstance(problem, FileCannotBeWritten):
        cause, path = problem.__cause__, problem.path
        if not isinstance(cause, OSError):
            return problem
        problem = cause
    else:
        path = problem.filename
    why = problem.strerror or str(problem)
    if problem.errno in _FULL:
        return DiskIsFull(f"A file cannot be written: {why}.", path=path, remedy=f"Free space. {_AGAIN}")
    if problem.errno in _READ_ONLY:
        remedy = f"Fix the permissions. {_AGAIN}"
        return StorageFailed(f"The file system refuses: {why}.", path=path, remedy=remedy)
    remedy = f"See whether the disk or share is still there. {_AGAIN}"
    return StorageFailed(f"A file cannot be reached: {why}.", path=path, remedy=remedy)
