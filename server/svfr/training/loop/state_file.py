"""The file that a training run goes on from: written whole or not at all, read without running anything."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from svfr.errors import CheckpointUnreadable
from svfr.models.tensor_files import compare_shapes, expected_shapes
from svfr_client.errors import raise_problems
from svfr_client.files import remove_leftovers, whole_file
from svfr_client.reasons import reason_of

# torch.load's ways of saying that a file is no checkpoint.
_LOAD_ERRORS = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError, TypeError)
_REMEDY = "Give a state that the trainer has written whole."


def write_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write the state beside the old one and swap them, so that a crash leaves one that works.

    What a run that was killed left half written is removed. Raises FileCannotBeWritten.
    """
    remove_leftovers([path])
    with whole_file(path) as scratch:
        torch.save(dict(state), scratch)


def read_state(path: Path, needed: Iterable[str]) -> dict[str, Any]:
    """Return a state on the CPU with at least the entries ``needed``; raises CheckpointUnreadable."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _LOAD_ERRORS as error:
        text = f"The training state cannot be read: {reason_of(error)}."
        raise CheckpointUnreadable(text, path=path, remedy=_REMEDY) from error
    missing = [key for key in needed if not isinstance(state, dict) or key not in state]
    if missing:
        text = f"The training state has no {', '.join(missing)}."
        raise CheckpointUnreadable(text, path=path, remedy=_REMEDY)
    step = state.get("step", 0)
    if type(step) is not int or step < 0:
        raise CheckpointUnreadable(f"The training state has the step {step!r}.", path=path, remedy=_REMEDY)
    return state


def load_optimiser(path: Path, optimiser: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Give an optimiser the state of an entry; raises CheckpointUnreadable when it is another one's."""
    try:
        optimiser.load_state_dict(dict(saved))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RuntimeError) as error:
        text = f"The training state is that of another optimiser: {reason_of(error)}."
        raise CheckpointUnreadable(text, path=path, remedy=_REMEDY) from error


def load_module(path: Path, module: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Give a module the weights of a state's entry.

    Raises TensorsMissing, TensorsUnexpected and TensorShapesWrong when they are another network's.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    raise_problems(compare_shapes(path, shapes, expected_shapes(module)))
    module.load_state_dict(weights)
