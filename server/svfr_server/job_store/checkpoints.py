"""Tensors and notes a job keeps on disk, so that a crash costs a denoise step or two.

A checkpoint lies under a content key: the hash of everything that decides its value. Whoever computes the
same thing again, in this job or another, finds it; whoever changes an input finds nothing and needs no
invalidation. Files appear whole or not at all, and carry the hash of their data, so that a damaged one is
treated as absent. torch is loaded with the first tensor.

Keeping a checkpoint only saves work: when the disk has no room for it, the job goes on without. A job's own
notes are another matter, because a second attempt relies on them.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from svfr.validation import read_json_file
from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import whole_file, write_whole
from svfr_client.reasons import reason_of
from svfr_restore.step_names import TENSOR_KEY, StepName
from svfr_server.errors import CheckpointNameRefused
from svfr_server.job_store.disk_errors import storage_error

if TYPE_CHECKING:
    import torch

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)*\Z")
_log = logging.getLogger(__name__)


class DiskCheckpoints:
    """The checkpoints below one folder. Several processes may use the same folder.

    ``journal`` is the folder of the running job alone: what it has already written, for example. It is
    removed when the job ends, while checkpoints under content keys stay for other jobs. ``saved`` is told the
    bytes of every tensor kept, before the next one.
    """

    def __init__(
        self, folder: Path, journal: Path | None = None, saved: Callable[[int], None] = lambda _: None
    ) -> None:
        self._folder = folder
        self._journal = journal
        self._saved = saved

    def under(self, content_key: str) -> "DiskCheckpoints":
        """Return the store of everything that depends on exactly what ``content_key`` hashes."""
        return DiskCheckpoints(self._folder / _checked(content_key), self._journal, self._saved)

    @property
    def journal(self) -> "DiskCheckpoints":
        """Return the store of this job's own notes, kept from one attempt to the next."""
        return DiskCheckpoints(self._journal if self._journal is not None else self._folder / "journal")

    def load(self, name: str) -> "torch.Tensor | None":
        """Return the tensor saved as ``name`` ("pass1/step0003") in memory of its own, or None.

        Not mapped from the file, which may be removed meanwhile, and where it lies at no kernel's boundary:
        a run that resumes computes as one that never stopped.
        """
        from safetensors import SafetensorError, safe_open

        path = self._path(name, ".safetensors")
        if not _is_plain_file(path):
            return None
        try:
            with safe_open(path, framework="pt") as file:
                value: torch.Tensor = file.get_tensor(TENSOR_KEY).clone()
                expected = (file.metadata() or {}).get("sha256")
            if _digest(value) != expected:
                return None
            os.utime(path)  # the cache forgets first what was used longest ago
        except (OSError, SafetensorError):
            return None
        return value

    def save(self, name: str, value: "torch.Tensor") -> None:
        """Keep ``value`` as ``name``; a reader sees the former value or this one, never a part.

        Of the steps of one walk ("step0003") only the last is kept: a run goes on after it. A disk without
        room is logged, and the value not kept.
        """
        from safetensors import SafetensorError
        from safetensors.torch import save_file

        path = self._path(name, ".safetensors")
        kept = value.detach().cpu().contiguous()
        try:
            _make_folder(path)
            with whole_file(path, private=True, durable=False) as scratch:
                save_file({TENSOR_KEY: kept}, scratch, metadata={"sha256": _digest(kept)})
        except (OSError, FileCannotBeWritten, SafetensorError) as problem:
            _log.warning("the checkpoint %s is not kept: %s", name, problem)
            return
        step = StepName.read(name)
        former = None if step is None else step.before()
        if former is not None:
            self._path(former, ".safetensors").unlink(missing_ok=True)
        try:
            self._saved(kept.nbytes)
        except OSError as problem:
            _log.warning("the cache is not trimmed: %s", reason_of(problem))

    def load_note(self, name: str) -> Any:
        """Return the JSON value saved as ``name``, or None."""
        path = self._path(name, ".json")
        if not _is_plain_file(path):
            return None
        try:
            return read_json_file(path)
        except (FileNotFoundError, ValueError):
            return None

    def save_note(self, name: str, value: Any) -> None:
        """Keep a JSON value as ``name``; raises DiskIsFull or StorageFailed if that is not possible."""
        path = self._path(name, ".json")
        try:
            _make_folder(path)
            write_whole(path, json.dumps(value), private=True, durable=False)
        except (OSError, FileCannotBeWritten) as problem:
            raise storage_error(problem) from problem

    def clear(self) -> None:
        """Remove everything below this store's folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, name: str, ending: str) -> Path:
        return self._folder / (_checked(name) + ending)


def _make_folder(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)


def _is_plain_file(path: Path) -> bool:
    """Whether ``path`` is a file and no link, pipe or folder that was put in a checkpoint's place."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _checked(name: str) -> str:
    if not _NAME.match(name):
        raise CheckpointNameRefused(f"{name!r} is no name for a checkpoint.")
    return name


def _digest(value: "torch.Tensor") -> str:
    import torch

    described = f"{value.dtype} {tuple(value.shape)} ".encode("ascii")
    digest = hashlib.sha256(described)
    digest.update(value.contiguous().flatten().view(torch.uint8).numpy().data)  # no copy of a shot's latents
    return digest.hexdigest()
