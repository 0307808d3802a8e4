"""Whether the server sees the very files that this machine sees."""

import hashlib
import os
from pathlib import Path
from typing import Dict, List, Optional

from ..client import Client
from ..errors import (
    FileCannotBeSent,
    FolderCannotBeRead,
    ModelIsUnknown,
    PathIsNotMapped,
    SvfrError,
    raise_problems,
)
from ..files import is_file, is_folder, open_regular
from ..frames import FrameRange, mask_gap
from ..job import JobSpec
from ..path_map import PathMap
from ..protocol.transfers import HEAD_BYTES, MOST_COMPARED, Compared, CompareFiles, FileHead
from ..records import from_plain, known_part, to_plain
from ..sequences import PathPattern, is_sequence, missing_frame
from .job_files import JobFiles, LocalFile, is_model_folder, named_paths

# The first minor version of the protocol in which a server can be asked.
COMPARE_MINOR = 2


def server_sees(client: Client, files: JobFiles, paths: PathMap) -> bool:
    """Return whether the server has these files under the same names, with the same content.

    Of each sequence its first and last file are compared, by length and beginning: another file of the same
    name on the server's own disk is not taken for the artist's. A server too old to be asked is taken at its
    word, and so is one when this machine has none of the files: then the job names what only the server has.
    """
    if not files.files or client.met().minor < COMPARE_MINOR:
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

    ModelIsUnknown for a name that is none of the server's models. A folder that only the server has is the
    server's to judge, and so is a name where a server is too old to list its models, or has very many.
    """
    if not is_model_folder(model):
        _refuse_unknown_name(client, model)
        return
    described = Path(model) / "model.json"
    if not is_file(described) or client.met().minor < COMPARE_MINOR:
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


def _refuse_unknown_name(client: Client, model: str) -> None:
    offers = client.model_offers()
    names = [offer.name for offer in offers.models]
    if model not in names and not offers.has_more:
        raise ModelIsUnknown(
            f"The server has no model {model!r}. Its models: {', '.join(names) or 'none'}.",
            remedy="Give one of these names, or put the model among the server's own.",
        )


def refuse_absent(files: JobFiles, spec: JobSpec) -> None:
    """Raise FileCannotBeSent for what a job names in a folder of this machine that does not hold it.

    FolderCannotBeRead where this user may not enter that folder. What lies in a folder that is not here may
    be the server's own.
    """
    for path in named_paths(spec):
        if path not in files.names and Path(path).is_absolute() and is_folder(Path(path).parent):
            if not os.access(str(Path(path).parent), os.X_OK):
                text, remedy = "Its folder may not be entered.", "Check the folder's permissions."
                raise FolderCannotBeRead(text, path=path, remedy=remedy)
            text = "There is no such file on this machine."
            raise FileCannotBeSent(text, path=path, remedy="Correct the name, or put the file there.")


def refuse_missing_frames(files: JobFiles, spec: JobSpec) -> None:
    """Raise every frame of the range that a plate or a mask of numbered files lacks, all together.

    FrameIsMissing of the plate, MaskFramesMissing of the mask, or both as SeveralProblems: what a server
    would say once all the others had been sent. Of a movie only the server knows the frames.
    """
    asked = set(FrameRange.parse(spec.frames))
    problems: List[SvfrError] = []
    if spec.plate in files.names and is_sequence(spec.plate):
        pattern = PathPattern.parse(spec.plate)
        present = pattern.frames()
        absent = sorted(asked - set(present))
        if present and spec.missing == "error":
            problems += [missing_frame(f, present[0], present[-1], pattern.path(f)) for f in absent]
        if spec.missing == "skip":
            asked &= set(present)
    if spec.mask_path and spec.mask_path in files.names and is_sequence(spec.mask_path):
        mask = PathPattern.parse(spec.mask_path)
        gap = sorted(asked - set(mask.frames()))
        problems += [mask_gap(gap, str(mask))] if gap else []
    raise_problems(problems)


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
        with open_regular(file.path) as opened:
            beginning = opened.read(HEAD_BYTES)
        return FileHead(there, file.path.stat().st_size, hashlib.sha256(beginning).hexdigest())
    except OSError:
        return None
