"""Weight files against the architecture that is to hold them: every key and every shape, before any use.

Reads only the header of a safetensors file to check it, so a check of gigabytes costs milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from svfr.errors import (
    CheckpointUnreadable,
    ModelFileCorrupted,
    ModelFileMissing,
    TensorShapesWrong,
    TensorsMissing,
    TensorsUnexpected,
)
from svfr.models.eight_bit_weights import is_scale, scale_name, unpacked
from svfr_client.errors import SvfrError, raise_problems
from svfr_client.reasons import reason_of

Shape = tuple[int, ...]

# Batch norm counts its training batches; inference never reads it, and checkpoints come with and without.
_COUNTER = "num_batches_tracked"
_NAMES_SHOWN = 8
_WEIGHT_TYPES = ("F64", "F32", "F16", "BF16")


def is_counter(name: str) -> bool:
    """Return whether a tensor is a batch norm's batch counter, which a file may have or lack."""
    return name.rpartition(".")[2] == _COUNTER


def expected_shapes(module: nn.Module) -> dict[str, Shape]:
    """Return the shapes of all tensors that a weight file of the module must hold."""
    return {name: tuple(t.shape) for name, t in module.state_dict().items() if not is_counter(name)}


def safetensors_shapes(path: Path) -> dict[str, Shape]:
    """Return the shapes of all tensors of a file.

    Raises ModelFileMissing, and CheckpointUnreadable also for weights of a type that nothing computes with.
    """
    if not path.is_file():
        raise ModelFileMissing("A weight file is missing.", path=path, remedy="Import the model again.")
    try:
        with safe_open(path, "pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            types = {name: str(tensor.get_dtype()) for name, tensor in slices.items()}
            shapes = {name: tuple(tensor.get_shape()) for name, tensor in slices.items()}
    except (SafetensorError, OSError) as error:
        raise CheckpointUnreadable(
            f"The weight file cannot be read: {reason_of(error)}.",
            path=path,
            remedy="It is truncated or no safetensors file; copy it again.",
        ) from error
    wrong = [f"{name} ({kind})" for name, kind in types.items() if not _holds_weights(name, kind, types)]
    if wrong:
        raise CheckpointUnreadable(
            f"{len(wrong)} tensors of {path.name} hold no floating-point numbers of 16 bits or more: "
            f"{_shown(wrong)}.",
            path=path,
            remedy="The file was converted to a type that is not read here; use the one before.",
        )
    return shapes


def _holds_weights(name: str, kind: str, types: Mapping[str, str]) -> bool:
    """Return whether a tensor's type is one of weights: whole numbers have scales beside them."""
    has_scales = kind == "I8" and scale_name(name) in types
    return kind in _WEIGHT_TYPES or has_scales or is_counter(name)


def compare_shapes(path: Path, found: Mapping[str, Shape], expected: Mapping[str, Shape]) -> list[SvfrError]:
    """Return one error each for missing, unexpected and misshapen tensors; none when all agree."""
    weights = {name: shape for name, shape in found.items() if not is_counter(name)}
    missing = [name for name in expected if name not in weights]
    unexpected = [name for name in weights if name not in expected]
    wrong = [
        f"{name} is {_form(weights[name])} and must be {_form(shape)}"
        for name, shape in expected.items()
        if name in weights and weights[name] != shape
    ]
    remedy = "The file belongs to another architecture or version; use the one the model was published with."
    problems: list[SvfrError] = []
    if missing:
        text = f"{len(missing)} tensors are missing from {path.name}: {_shown(missing)}."
        problems.append(TensorsMissing(text, path=path, remedy=remedy))
    if unexpected:
        text = f"{len(unexpected)} tensors of {path.name} are not of this model: {_shown(unexpected)}."
        problems.append(TensorsUnexpected(text, path=path, remedy=remedy))
    if wrong:
        text = f"{len(wrong)} tensors of {path.name} have the wrong shape: {_shown(wrong)}."
        problems.append(TensorShapesWrong(text, path=path, remedy=remedy))
    return problems


def check_safetensors(path: Path, module: nn.Module) -> list[SvfrError]:
    """Return what keeps a file from being the module's weights; the module may live on the meta device."""
    try:
        found = safetensors_shapes(path)
        eight_bit = _eight_bit(path)
    except SvfrError as error:
        return [error]
    scales = {scale_name(name): found[name][:1] for name in eight_bit}
    return compare_shapes(path, found, expected_shapes(module) | scales)


def check_values(path: Path) -> list[SvfrError]:
    """Return an error where a file holds numbers that are none, NaN or infinity; reads every byte of it."""
    with safe_open(path, "pt") as file:
        names = [name for name in file.keys() if not bool(torch.isfinite(file.get_tensor(name)).all())]  # noqa: SIM118
    if not names:
        return []
    text = f"{len(names)} tensors of {path.name} hold NaN or infinity: {_shown(names)}."
    remedy = "It was so when it was installed: import the model again from files that are whole."
    return [ModelFileCorrupted(text, path=path, remedy=remedy)]


def load_weights(module: nn.Module, path: Path, device: str | torch.device, dtype: torch.dtype) -> None:
    """Give a module, built on the meta device, the weights of a file; raises what the check finds.

    Floating-point tensors become ``dtype``; the module is left frozen and in ``eval`` mode.
    """
    raise_problems(check_safetensors(path, module))
    counters = {name: torch.zeros((), dtype=torch.long) for name in module.state_dict() if is_counter(name)}
    cast = {}
    with safe_open(path, "pt", device=str(device)) as file:
        eight_bit = _eight_bit(path)
        for name in file.keys():  # noqa: SIM118 - one by one: never the whole file in two types at once
            if is_scale(name, eight_bit):
                continue
            tensor = unpacked(name, file.get_tensor(name), file.get_tensor)
            cast[name] = tensor.to(dtype) if tensor.is_floating_point() else tensor
    known = module.state_dict().keys()
    module.load_state_dict({n: t for n, t in (counters | cast).items() if n in known}, assign=True)
    module.to(device).requires_grad_(False).eval()


def _eight_bit(path: Path) -> list[str]:
    """Return the tensors of a file that are weights of 8 bits; reads its header alone."""
    with safe_open(path, "pt") as file:
        return [name for name in file.keys() if file.get_slice(name).get_dtype() == "I8"]  # noqa: SIM118


def _form(shape: Iterable[int]) -> str:
    return "x".join(str(side) for side in shape) or "a scalar"


def _shown(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more
