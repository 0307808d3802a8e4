"""Whether the server sees the very files that this machine sees."""

import hashlib
from pathlib import Path
from typing import Dict, List, Optional

from ..client import Client
from ..errors import FileCannotBeSent, PathIsNotMapped
from ..path_map import PathMap
from ..protocol.transfers import HEAD_BYTES, MOST_COMPARED, Compared, CompareFiles, FileHead
from ..records import from_plain, known_part, to_plain
from .job_files import JobFiles, LocalFile, is_model_folder

# The first minor version of the protocol in which a server can be asked.
COMPARE_MINOR = 2


def server_sees(client: Client, files: JobFiles, paths: PathMap) -> bool:
    """Return whether the server has these files under the same names, with the same content.

    Of each sequence its first and last file are compared, by length and beginning: another file of the same
    name on the server's own disk is not taken for the artist's. A server too old to be asked is taken at its
    word, and so is one when this machine has none of the files: then the job names what only the server has.
    """
    if not files.files or client.hello().minor < COMPARE_MINOR:
        return True
    heads = []
    for file in _some_of_each(files):
        try:
            head = _head(file, paths)
        except PathIsNotMapped:
            return False
        if head is not None:
            heads.append(head)
    body = client.ask("compare", to_plain(CompareFiles(tuple(heads[:MOST_COMPARED])))).body
    return all(from_plain(Compared, known_part(Compared, body), "reply").same)


def refuse_unseen_model(client: Client, model: str, paths: PathMap) -> None:
    """Raise FileCannotBeSent for a model's folder here that the server does not see: gigabytes are not sent.

    A name, and a folder that only the server has, are the server's to judge.
    """
    described = Path(model) / "model.json"
    if not is_model_folder(model) or not described.is_file() or client.hello().minor < COMPARE_MINOR:
        return
    try:
        head = _head(LocalFile(described, described.name), paths)
        body = {} if head is None else client.ask("compare", to_plain(CompareFiles((head,)))).body
    except PathIsNotMapped:
        body = {}
    if not body or not all(from_plain(Compared, known_part(Compared, body), "reply").same):
        raise FileCannotBeSent(
            "The server does not see this folder of a model, and models are not sent.",
            path=model,
            remedy="Put it among the server's models and give its name, as `svfr model list` shows it there.",
        )


def _some_of_each(files: JobFiles) -> List[LocalFile]:
    """Return the first and the last file of each part of the job."""
    parts: Dict[str, List[LocalFile]] = {}
    for file in files.files:
        parts.setdefault(file.name.split(".")[0], []).append(file)
    return [file for own in parts.values() for file in dict.fromkeys((own[0], own[-1]))]


def _head(file: LocalFile, paths: PathMap) -> Optional[FileHead]:
    """Return what the server is asked to compare; None for a file that cannot be read here either."""
    there = paths.to_server(str(file.path))
    try:
        with file.path.open("rb") as opened:
            beginning = opened.read(HEAD_BYTES)
        return FileHead(there, file.path.stat().st_size, hashlib.sha256(beginning).hexdigest())
    except OSError:
        return None
