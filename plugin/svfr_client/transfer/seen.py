"""Whether the server sees the very files that this machine sees."""

import hashlib
import os
from pathlib import Path
from typing import Dict, List, Optional, Sequence

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

    Every file is compared, by length and beginning: another file of the same name on the server's own disk is
    not taken for the artist's. A server too old to be asked is taken at its word, and so is one when this
    machine has none of the files: then the job names what only the server has.
    """
    if not files.files or client.met().minor < COMPARE_MINOR:
        return True
    compared = _ends_first(files)
    for start in range(0, len(compared), MOST_COMPARED):
        try:
            heads = [
                file_head(file.path, paths.to_server(str(file.path)))
                for file in compared[start : start + MOST_COMPARED]
            ]
        except PathIsNotMapped:
            return False
        # What cannot be read here either is the server's to judge.
        if not all(same_there(client, [head for head in heads if head is not None])):
            return False
    return True


def same_there(client: Client, heads: Sequence[FileHead]) -> List[bool]:
    """Return of each file whether the server has the same by that name. Older servers cannot be asked."""
    same: List[bool] = []
    for start in range(0, len(heads), MOST_COMPARED):
        some = CompareFiles(tuple(heads[start : start + MOST_COMPARED]))
        body = client.ask("compare", to_plain(some)).body
        same += from_plain(Compared, known_part(Compared, body), "reply").same
    return same


def file_head(path: Path, there: str) -> Optional[FileHead]:
    """Return what the server is asked to compare with its file ``there``; None if it cannot be read here."""
    try:
        with open_regular(path) as opened:
            beginning = opened.read(HEAD_BYTES)
        return FileHead(there, path.stat().st_size, hashlib.sha256(beginning).hexdigest())
    except OSError:
        return None


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
        head = file_head(described, paths.to_server(str(described)))
    except PathIsNotMapped:
        head = None
    if head is None or not all(same_there(client, [head])):
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


def _ends_first(files: JobFiles) -> List[LocalFile]:
    """Return all files, the ends and the middle of each part of the job first: where most differ, if any."""
    parts: Dict[str, List[LocalFile]] = {}
    for file in files.files:
        parts.setdefault(file.name.split(".")[0], []).append(file)
    ends = [file for own in parts.values() for file in (own[0], own[-1], own[len(own) // 2])]
    return list(dict.fromkeys((*ends, *files.files)))
