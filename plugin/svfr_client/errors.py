"""The one exception base of SVFR Studio, and the form in which errors cross the wire.

Every package derives its own sentence-named errors from :class:`SvfrError`. This module is the lowest of
the tree: it imports nothing of ours, only the standard library, and runs on Python 3.9 inside hosts.
"""

from typing import Any, Dict, List, Optional, Sequence


class SvfrError(Exception):
    """A failure a user can act on: what happened, where, and what to do about it.

    ``code`` is the stable machine-readable name that crosses the wire and maps to an exit code;
    ``frame`` is an absolute frame number of the plate; ``path`` is the file concerned; ``remedy`` is one
    plain sentence that tells the user what to do.
    """

    code = "INTERNAL"

    def __init__(
        self, message: str, *, frame: Optional[int] = None, path: Optional[object] = None, remedy: str = ""
    ) -> None:
        super().__init__(message)
        self.message = message
        self.frame = frame
        self.path = None if path is None else str(path)
        self.remedy = remedy

    def __str__(self) -> str:
        where = [] if self.frame is None else [f"frame {self.frame}"]
        where += [] if self.path is None or self.path in self.message else [self.path]
        text = "{} ({})".format(self.message, ", ".join(where)) if where else self.message
        return f"{text} {self.remedy}" if self.remedy else text

    def to_dict(self) -> Dict[str, Any]:
        """Return the JSON form: code, message, frame, path, remedy and, for several, ``problems``."""
        return {
            "code": self.code,
            "message": self.message,
            "frame": self.frame,
            "path": self.path,
            "remedy": self.remedy,
        }


class SeveralProblems(SvfrError):
    """Everything that is wrong with a job, found together before anything expensive starts."""

    code = "PROBLEMS"

    def __init__(self, problems: Sequence[SvfrError]) -> None:
        self.problems: List[SvfrError] = list(problems)
        lines = "".join(f"\n  [{p.code}] {p}" for p in self.problems)
        super().__init__(f"{len(self.problems)} problems must be fixed first:{lines}")

    def to_dict(self) -> Dict[str, Any]:
        """Return the JSON form with every single problem under ``problems``."""
        return dict(super().to_dict(), problems=[p.to_dict() for p in self.problems])


class ReportedError(SvfrError):
    """An error that another process reported; it keeps that process's code."""

    def __init__(self, code: str, message: str, **where: Any) -> None:
        super().__init__(message, **where)
        self.code = code


def error_from_dict(body: Dict[str, Any]) -> SvfrError:
    """Rebuild an error from :meth:`SvfrError.to_dict`; unknown codes are kept as they are."""
    if body.get("problems"):
        return SeveralProblems([error_from_dict(p) for p in body["problems"]])
    return ReportedError(
        str(body.get("code", "INTERNAL")),
        str(body.get("message", "")),
        frame=body.get("frame"),
        path=body.get("path"),
        remedy=str(body.get("remedy", "") or ""),
    )


def raise_problems(problems: Sequence[SvfrError]) -> None:
    """Raise nothing for none, the problem itself for one, :class:`SeveralProblems` for more."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise SeveralProblems(problems)


def each_of(problem: SvfrError) -> List[SvfrError]:
    """Return the single problems that a problem consists of: those of several, or itself."""
    return problem.problems if isinstance(problem, SeveralProblems) else [problem]


class BadFrameRange(SvfrError):
    """A frame range is not written as frames and first-last[xstep] parts, or is too long."""

    code = "BAD_FRAME_RANGE"


class EmptyFrameRange(SvfrError):
    """A frame range holds no frame."""

    code = "EMPTY_FRAME_RANGE"


class FrameIsMissing(SvfrError):
    """The plate has no picture for a frame of the range."""

    code = "FRAME_MISSING"


class BadMask(SvfrError):
    """A mask's shapes are incomplete, hold unknown keys, or hold values out of range."""

    code = "BAD_MASK"


class BadTransfer(SvfrError):
    """A request to send or fetch a file names a piece, a set or a file in a form that is not allowed."""

    code = "BAD_REQUEST"


class BadRecord(SvfrError):
    """Data that was read from outside does not have the form it should have."""

    code = "BAD_REQUEST"


class NotCanonical(SvfrError):
    """A value has no canonical JSON form: it is NaN, infinite or not a JSON type."""

    code = "BAD_REQUEST"


class BadJob(SvfrError):
    """A field of the job has a value the service cannot accept."""

    code = "BAD_REQUEST"


class BadArgument(SvfrError):
    """A function was called with an argument of another type, or with one that it does not have."""

    code = "BAD_REQUEST"


class BadJobId(SvfrError):
    """A job id is not 32 lower-case hexadecimal digits."""

    code = "BAD_REQUEST"


class JobWasCancelled(SvfrError):
    """Somebody cancelled the job."""

    code = "CANCELLED"


class WireError(SvfrError):
    """A message does not follow the protocol.

    ``request_id`` is the message's, once that was readable.
    """

    code = "BAD_REQUEST"
    request_id: Optional[str] = None


class BadMessage(WireError):
    """A message is not framed or written as the protocol says."""


class MessageTooLarge(WireError):
    """A message is over a limit of the protocol."""

    code = "TOO_LARGE"


class WrongVersion(WireError):
    """The two sides speak different major versions of the protocol."""

    code = "VERSION"


class NoServer(SvfrError):
    """No service is running for this user on this machine."""

    code = "NO_SERVER"


class ServerProgramNotFound(SvfrError):
    """The program that starts a server on this machine is not where it is named, or named nowhere."""

    code = "NO_SERVER_PROGRAM"


class ServerDidNotStart(SvfrError):
    """A service was started but ended, or did not answer in time."""

    code = "NO_SERVER"


class ProgramFailed(SvfrError):
    """The program svfr could not be run, took too long, or failed without saying why."""

    code = "PROGRAM_FAILED"


class ServerDoesNotAnswer(SvfrError):
    """The service did not answer in time, though the same request was sent again."""

    code = "NO_ANSWER"


class NotAuthorised(SvfrError):
    """The service refused this client's key, or is not the service this client expects."""

    code = "AUTH"


class NotTheServer(NotAuthorised):
    """What listens there hangs up: another program, a server with another key, or a tunnel to nobody."""


class FolderIsNotPrivate(SvfrError):
    """A folder or file with keys can be read or changed by somebody else."""

    code = "NOT_PRIVATE"


class BadConnectionFile(SvfrError):
    """A connection file is not what a service writes."""

    code = "BAD_CONNECTION_FILE"


class FileCannotBeWritten(SvfrError):
    """Writing a file failed; no part of it is left behind, and an older file is as it was."""

    code = "WRITE_FAILED"


class UsedInAnotherThread(SvfrError):
    """A client is used outside the thread that made it; ZeroMQ sockets belong to one thread."""

    code = "INTERNAL"


class BadPathPattern(SvfrError):
    """A path pattern has no frame number where one is needed, or more than one."""

    code = "BAD_PATH_PATTERN"


class BadPathMap(SvfrError):
    """A file of path rules is not written as path rules are."""

    code = "BAD_PATH_MAP"


class PathIsNotMapped(SvfrError):
    """No path rule covers a path, and the other machine writes its paths in another style."""

    code = "PATH_NOT_MAPPED"


class OutputExists(SvfrError):
    """An output file is already there and the job may not replace it."""

    code = "OUTPUT_EXISTS"


class DiskSpaceIsShort(SvfrError):
    """The estimated output does not fit on the disk."""

    code = "DISK_SPACE_SHORT"


class OutputIsNotWritable(SvfrError):
    """The output folder cannot be created or written."""

    code = "OUTPUT_NOT_WRITABLE"


class OutputEqualsPlate(SvfrError):
    """An output file would be the plate's own file."""

    code = "OUTPUT_EQUALS_PLATE"


class FileWasChanged(SvfrError):
    """A file was changed while it was being sent."""

    code = "SOURCE_CHANGED"


class FileCannotBeSent(SvfrError):
    """A file that a job names cannot be read on this machine."""

    code = "CANNOT_SEND"


class ModelIsUnknown(SvfrError):
    """The server has no model of the name that a job gives."""

    code = "MODEL_MISSING"


class MaskFramesMissing(SvfrError):
    """A mask sequence has no picture for some frames of the range."""

    code = "MASK_FRAMES_MISSING"


class FolderCannotBeRead(SvfrError):
    """A folder that a job names may not be entered or read on this machine."""

    code = "FOLDER_UNREADABLE"


class ResultIsGone(SvfrError):
    """The service no longer has a frame that it had reported."""

    code = "RESULT_GONE"


class SentFilesAreGone(SvfrError):
    """The service no longer has files that were sent for a job, which is to be done again."""

    code = "SENT_FILES_GONE"


class TransferWasStopped(SvfrError):
    """Sending or fetching was stopped before its end; what has arrived is not sent again."""

    code = "CANCELLED"
