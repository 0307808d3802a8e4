r"""Name one folder from two machines: ``P:\shots`` on the artist's Windows is ``/srv/shots`` on the server.

Plates travel as paths, so a client on another machine needs rules that tie its folders to the server's. A
rule is a pair of folders; the longest matching one wins, whole path parts only. Windows paths (a drive
letter or ``\\server\share``) match without regard to case and to the kind of slash, POSIX paths exactly.
The rules lie in a small JSON file beside the connection file of the remote server.
"""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, List, Optional, Tuple

from .errors import BadPathMap, PathIsNotMapped, SvfrError
from .job import JobSpec
from .json_files import read_json_file
from .reasons import reason_of
from .records import Record, from_plain

PATH_MAP_FILE = "path_map.json"
FORMAT = 1
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/]|\Z)")


@dataclass(frozen=True)
class PathRule(Record):
    """Two names of one folder; each is absolute in the style of its machine."""

    client: str
    server: str

    def __post_init__(self) -> None:
        for side in (self.client, self.server):
            if _parts(side) is None:
                raise BadPathMap(f'"{side}" in a path rule is not an absolute folder.', remedy=_EXAMPLE)


_FILE_REMEDY = f"Correct {PATH_MAP_FILE}, or remove it if both machines have the same paths."
_EXAMPLE = r'Write it like {"client": "P:/shots", "server": "/srv/shots"}.'


@dataclass(frozen=True)
class PathMap:
    """The rules of one remote server; without rules every path is the same on both machines.

    ``folder``: where they were looked for, which is the connection's; None where they come from elsewhere.
    """

    rules: Tuple[PathRule, ...] = ()
    folder: Optional[Path] = field(default=None, compare=False)

    def to_server(self, path: str) -> str:
        """Return the server's name of a client path.

        A path that no rule covers stays as it is, because the folder may have one name everywhere; if the
        server's rules show that it writes paths in another style, :class:`PathIsNotMapped` is raised.
        """
        return self._translate(path, [(rule.client, rule.server) for rule in self.rules])

    def to_client(self, path: str) -> str:
        """Return the client's name of a server path; raises as :meth:`to_server`."""
        return self._translate(path, [(rule.server, rule.client) for rule in self.rules])

    def job_to_server(self, spec: JobSpec) -> JobSpec:
        """Return the job with every path in it as the server sees it."""
        references = tuple(
            replace(item, photo=self._optional(item.photo)) if item.photo else item
            for item in spec.references
        )
        faces = replace(spec.faces, photos=tuple(self.to_server(photo) for photo in spec.faces.photos))
        config = spec.colour.config
        if config is not None and not config.startswith("ocio://"):
            config = self.to_server(config)
        return replace(
            spec,
            plate=self.to_server(spec.plate),
            output=self.to_server(spec.output),
            mask_path=self._optional(spec.mask_path),
            crop_tracks=self._optional(spec.crop_tracks),
            faces=faces,
            references=references,
            colour=replace(spec.colour, config=config),
            model=self.to_server(spec.model) if _parts(spec.model) is not None else spec.model,
        )

    @classmethod
    def from_json(cls, data: Any) -> "PathMap":
        """Read ``{"format": 1, "rules": [{"client": ..., "server": ...}]}``; raises :class:`BadPathMap`."""
        if not isinstance(data, dict) or set(data) != {"format", "rules"} or data["format"] != FORMAT:
            raise BadPathMap(
                "A path map holds exactly the keys format and rules.", remedy=f"Its format is {FORMAT}."
            )
        if not isinstance(data["rules"], list):
            raise BadPathMap("The rules of a path map are a list.", remedy=_EXAMPLE)
        try:
            rules = [from_plain(PathRule, item, f"rules[{i}]") for i, item in enumerate(data["rules"])]
        except SvfrError as problem:
            raise BadPathMap(problem.message, remedy=_EXAMPLE) from problem
        return cls(tuple(rules))

    @classmethod
    def load(cls, path: Path) -> "PathMap":
        """Read a path map's file; no file means no rules. Raises :class:`BadPathMap`."""
        try:
            return replace(cls.from_json(read_json_file(path)), folder=path.parent)
        except FileNotFoundError:
            return cls(folder=path.parent)
        except (OSError, ValueError) as problem:
            raise BadPathMap(
                f"The path map cannot be read: {reason_of(problem)}.", path=path, remedy=_FILE_REMEDY
            ) from problem
        except BadPathMap as problem:
            raise BadPathMap(problem.message, path=path, remedy=problem.remedy) from problem

    def _optional(self, path: Optional[str]) -> Optional[str]:
        return None if path is None else self.to_server(path)

    def _translate(self, path: str, pairs: List[Tuple[str, str]]) -> str:
        parts = _parts(path)
        if parts is None or not pairs:
            return path
        best: Optional[Tuple[int, str]] = None
        for source, target in pairs:
            folder = _parts(source)
            if folder is not None and _begins_with(parts, folder) and (best is None or len(folder) > best[0]):
                best = (len(folder), target)
        if best is not None:
            return _join(best[1], parts[best[0] :])
        if all(_is_windows(target) != _is_windows(path) for _, target in pairs):
            raise PathIsNotMapped(
                "The other machine has no name for this path.",
                path=path,
                remedy=f"Add a rule for its folder to {PATH_MAP_FILE}. Known: "
                + ", ".join(source for source, _ in pairs)
                + ".",
            )
        return path


def _is_windows(path: str) -> bool:
    return bool(_DRIVE.match(path)) or path.startswith(("\\\\", "//"))


def _parts(path: str) -> Optional[List[str]]:
    """Return the parts of an absolute path, the anchor first and ``..`` resolved; None if it is relative.

    ``..`` is resolved before rules are looked up, so that a path cannot leave the folder whose rule it uses.
    """
    if _is_windows(path):
        plain = path.replace("\\", "/")
        if plain.startswith("//"):
            names = [name for name in plain.split("/") if name]
            anchor, names = ["//" + "/".join(names[:2])], names[2:]
        else:
            anchor, names = [plain[:2]], plain[2:].split("/")
    elif path.startswith("/"):
        anchor, names = ["/"], path.split("/")
    else:
        return None
    inner: List[str] = []
    for name in names:
        if name == "..":
            del inner[-1:]
        elif name not in ("", "."):
            inner.append(name)
    return anchor + inner


def _begins_with(parts: List[str], folder: List[str]) -> bool:
    if len(parts) < len(folder) or (parts[0] == "/") != (folder[0] == "/"):
        return False
    head = parts[: len(folder)]
    if folder[0] == "/":
        return head == folder
    return [name.casefold() for name in head] == [name.casefold() for name in folder]


def _join(folder: str, names: List[str]) -> str:
    """Return ``folder`` with ``names`` after it, in the slashes that the rule itself is written with."""
    slash = "\\" if _is_windows(folder) and "\\" in folder else "/"
    bare = folder.rstrip("\\/")
    return bare + slash + slash.join(names) if names else (bare or folder)
