"""Files that were sent go by this machine's names in what the server says of them."""

import re
from dataclasses import dataclass, field
from typing import Any, Dict

from ..errors import SentFilesAreGone, SvfrError, error_from_dict
from ..sequences import PathPattern, has_frame_field
from .job_files import JobFiles

_NAME = r"[^/\\\s\"',;()]*[^/\\\s\"',;().]"  # a point at the end is a sentence's
_FIELD = "%04d"  # as a job's files write it in a set

_PRIVATE = re.compile(r"[/\\]transfers[/\\](?:sets|results)[/\\][0-9a-f]{16}[/\\]")
_IN_SET = r"[/\\]transfers[/\\]sets[/\\][0-9a-f]{16}[/\\][0-9a-f]{32}[/\\](?:plate_)?"
_WHOLE = re.compile(rf"\A(?:[A-Za-z]:)?[/\\].*{_IN_SET}([^/\\]+)\Z")
_IN_TEXT = re.compile(rf"(?:[A-Za-z]:)?(?:[/\\][^/\\\s\"',;()]+)*{_IN_SET}({_NAME})")
_SENT = re.compile(r"[/\\]transfers[/\\]sets[/\\][0-9a-f]{16}[/\\][0-9a-f]{32}[/\\](?:plate_)?([^/\\]+)\Z")

_ABSENT = "PLATE_NOT_FOUND"


def is_private(path: str) -> bool:
    """Return whether a path is in the server's own folder of what clients send and fetch."""
    return _PRIVATE.search(path) is not None


def shown_plate(path: str) -> str:
    """Return a plate's path as a list of jobs shows it: of one that a client has sent its name alone."""
    sent = _SENT.search(path)
    return f"{sent.group(1)} (sent)" if sent else path


def _lacks_sent_file(value: Dict[str, Any]) -> bool:
    """Return whether a plain error is of a file that was sent and has been forgotten since."""
    return value.get("code") == _ABSENT and _SENT.search(str(value.get("path") or "")) is not None


def _gone(error: Dict[str, Any]) -> Dict[str, Any]:
    problem = SentFilesAreGone(
        "The server no longer has the files of this job that were sent.",
        remedy="Hand the job in again with `svfr restore`, which sends them.",
    )
    return dict(error, code=problem.code, message=problem.message, remedy=problem.remedy)


@dataclass(frozen=True)
class OwnNames:
    """``folder``: where the set lies on the server, ending in a separator; ``paths``: ours, by name in it.

    A sequence stands under its pattern, which names also the frames that are not there.
    """

    folder: str = ""
    paths: Dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, files: JobFiles, folder: str) -> "OwnNames":
        """Return the names of a job's files, which were sent to ``folder``."""
        return cls(folder, {name: path for path, name in files.names.items()})

    def renamed(self, value: Any) -> Any:
        """Return a text, or any JSON of texts, with our paths in the place of the server's.

        Of a set that is not known here, since its note is gone, files go by their names alone.
        """
        if isinstance(value, dict):
            plain = _gone(value) if _lacks_sent_file(value) else value
            return {key: self.renamed(item) for key, item in plain.items()}
        if isinstance(value, list):
            return [self.renamed(item) for item in value]
        if not isinstance(value, str):
            return value
        if self.folder and self.folder in value:
            value = re.sub(re.escape(self.folder) + f"({_NAME})", self._own, value)
        return _IN_TEXT.sub(r"\1", _WHOLE.sub(r"\1", value))

    def error(self, problem: SvfrError) -> SvfrError:
        """Return an error that the server told, with our paths."""
        plain = problem.to_dict()
        renamed = self.renamed(plain)
        return problem if renamed == plain else error_from_dict(renamed)

    def _own(self, found: "re.Match[str]") -> str:
        name = found.group(1)
        if name in self.paths:
            return self.paths[name]
        for pattern, path in self.paths.items():
            before, is_sequence, after = pattern.partition(_FIELD)
            number = re.fullmatch(f"{re.escape(before)}(-?[0-9]{{1,9}}){re.escape(after)}", name)
            if is_sequence and number and has_frame_field(path):
                return str(PathPattern.parse(path).path(int(number.group(1))))
        return found.group(0)
