"""A compiled call as a file: how it is built, and how it is run over weights that live elsewhere.

A package holds no weights. Those of the running network are bound to it without a copy, and bound again
whenever they have moved or changed their type, since a package knows them by their addresses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from svfr.compiled.recipe import EXPORTED

ENDING = ".pt2"
_MOST_OFF = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 1e-1}


def build(program: torch.export.ExportedProgram, builder: str, path: Path) -> None:
    """Write the package of an exported call."""
    if builder == EXPORTED:
        torch.export.save(program, path)
        return
    configs = {
        "aot_inductor.package_constants_in_so": False,
        # else weights of a few numbers are written into the code
        "always_keep_tensor_constants": True,
        "joint_graph_constant_folding": False,
        # the same package for the same call: no choice of kernels by a stopwatch
        "max_autotune": False,
        "deterministic": True,
    }
    torch._inductor.aoti_compile_and_package(program, package_path=str(path), inductor_configs=configs)


@torch.no_grad()
def check(module: nn.Module, inputs: tuple[Any, ...], builder: str, path: Path) -> None:
    """Compare a package with the module it was built from, whose weights are overwritten with other numbers.

    Raises ValueError where they differ by more than rounding: a compiler may take weights for constants, and
    a package that does would compute with the numbers of another network.
    """
    generator = torch.Generator().manual_seed(0)
    for parameter in module.parameters():
        numbers = torch.rand(parameter.shape, generator=generator) - 0.5
        # sums stay near one, and what scales a norm is not near zero
        numbers = numbers + 0.5 if parameter.ndim < 2 else numbers / (parameter[0].numel() ** 0.5)
        parameter.copy_(numbers)
    varied = [torch.rand(one.shape, generator=generator).to(one) for one in tree_leaves(inputs)]
    given = tree_unflatten(varied, tree_flatten(inputs)[1])
    expected, found = module(*given), Package(path, builder).bound_to(module)(*given)
    for one, other in zip(tree_leaves(expected), tree_leaves(found), strict=True):
        off = float((one.float() - other.float()).norm() / one.float().norm())
        if not off <= _MOST_OFF[one.dtype]:
            raise ValueError(f"what was compiled computes something else, {off:.1e} away")


class Package:
    """A package that was read; ``digest`` tells it from every other, for content keys.

    Raises whatever torch says of a file that is none.
    """

    def __init__(self, path: Path, builder: str) -> None:
        self._path, self._builder = path, builder
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self._unbound: Any = self._open(-1)

    def _open(self, device_index: int) -> Any:
        if self._builder == EXPORTED:
            return torch.export.load(self._path).module()
        return torch._inductor.aoti_load_package(str(self._path), device_index=device_index)

    def bound_to(self, module: nn.Module) -> BoundPackage:
        """Return the package over the weights of ``module``, the form of it that was traced."""
        device = next(module.parameters()).device
        opened, self._unbound = self._unbound, None  # one that was bound holds that module's weights
        if self._builder == EXPORTED:
            graph = self._open(-1) if opened is None else opened
            return BoundPackage(module, graph, lambda weights: graph.load_state_dict(weights, assign=True))
        if opened is None or device.index is not None:
            opened = self._open(-1 if device.index is None else device.index)
        runner = opened
        names = set(runner.get_constant_fqns())

        def bind(weights: dict[str, torch.Tensor]) -> None:
            wanted = {name: weights[name] for name in names}
            runner.load_constants(wanted, check_full_update=True, user_managed=True)

        return BoundPackage(module, runner, bind)


class BoundPackage:
    """A package and the module whose weights it computes with."""

    def __init__(
        self,
        module: nn.Module,
        run: Callable[..., Any],
        bind: Callable[[dict[str, torch.Tensor]], object],
    ) -> None:
        self._module, self._run, self._bind = module, run, bind
        self._places = [
            (held, name)
            for inner in module.modules()
            for held in (inner._parameters, inner._buffers)
            for name, tensor in held.items()
            if tensor is not None
        ]
        self._addresses: list[int] = []

    @torch.no_grad()
    def __call__(self, *inputs: Any) -> Any:
        """Run; every tensor of ``inputs`` has the shape, type and device that was traced."""
        addresses = [held[name].data_ptr() for held, name in self._places]  # type: ignore[union-attr]
        if addresses != self._addresses:
            self._bind(dict(self._module.state_dict()))
            self._addresses = addresses
        return self._run(*inputs)


def as_traced(tensor: torch.Tensor) -> torch.Tensor:
    """Return the tensor in the layout of the traced inputs: in order, and aligned for vector loads."""
    tensor = tensor.contiguous()
    return tensor if tensor.data_ptr() % 64 == 0 else tensor.clone()
