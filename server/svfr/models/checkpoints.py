"""Reading .pth checkpoints of others without running what may be hidden in them."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import torch

from svfr.errors import CheckpointHoldsCode, CheckpointUnreadable, ModelFileMissing

_CODE_REMEDY = "Use the file as its authors published it; a state dict of plain tensors needs no code."


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Return the tensors of a .pth file, memory-mapped where its format allows.

    Raises ModelFileMissing, CheckpointHoldsCode when loading would call anything but tensors' own
    constructors, and CheckpointUnreadable for a damaged file or one that is no flat state dict.
    """
    if not path.is_file():
        remedy = "Put the file there under exactly this name."
        raise ModelFileMissing("An official weight file is missing.", path=path, remedy=remedy)
    try:
        body = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    # torch's reader lets through whatever its zip and pickle parts raise on damaged bytes.
    except (
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        ValueError,
        KeyError,
        OSError,
        TypeError,
    ) as error:
        raise _refusal(path, error) from error
    if not isinstance(body, dict) or not body:
        raise CheckpointUnreadable("The checkpoint is no state dict.", path=path, remedy=_CODE_REMEDY)
    others = [str(name) for name, value in body.items() if not isinstance(value, torch.Tensor)]
    if others:
        text = f"The checkpoint holds entries that are no tensors: {', '.join(others[:8])}."
        raise CheckpointUnreadable(text, path=path, remedy="Save its plain state dict.")
    return {str(name): value for name, value in body.items()}


def _refusal(path: Path, error: Exception) -> CheckpointHoldsCode | CheckpointUnreadable:
    try:
        code = sorted(torch.serialization.get_unsafe_globals_in_checkpoint(path))
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError, TypeError):
        code = []
    if code:
        text = f"The checkpoint would call {', '.join(code)} when loaded; it was not loaded."
        return CheckpointHoldsCode(text, path=path, remedy=_CODE_REMEDY)
    first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
    text = f"The checkpoint cannot be read: {first_line}"
    return CheckpointUnreadable(text, path=path, remedy="It is truncated or no checkpoint; copy it again.")
