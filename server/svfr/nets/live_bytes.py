"""Counts the bytes of tensors that are alive at once while a network runs, on any device, meta's too.

On torch's meta device nothing is computed or allocated, so that a network of any size is counted in about a
second on any machine. What libraries take inside a call (workspaces of convolutions) is not seen, nor is what
an allocator wastes. Attention counts as the fused kernels of a real device: no matrix of scores.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Within the block, ``peak_bytes`` of the tensors made in it, and ``largest_elements`` of one of them.

    What lived before, such as weights and inputs, is not counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak_bytes, self.largest_elements = 0, 0
        self._bytes = 0
        self._attention = _FusedAttention()
        self._known: weakref.WeakKeyDictionary[torch.UntypedStorage, int] = weakref.WeakKeyDictionary()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and take note of the storages that it makes."""
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, torch.Tensor):
                self._known.setdefault(value.untyped_storage(), 0)
        result = func(*args, **(kwargs or {}))
        for value in tree_leaves(result):
            if isinstance(value, torch.Tensor):
                self.largest_elements = max(self.largest_elements, value.numel())
                self._take(value.untyped_storage())
        return result

    def _take(self, storage: torch.UntypedStorage) -> None:
        if storage in self._known:
            return
        count = storage.nbytes()
        self._known[storage] = count
        self._bytes += count
        self.peak_bytes = max(self.peak_bytes, self._bytes)
        weakref.finalize(storage, self._let_go, count)

    def _let_go(self, count: int) -> None:
        self._bytes -= count

    def __enter__(self) -> LiveBytes:
        """Begin to count."""
        self._attention.__enter__()
        super().__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        """Stop counting."""
        super().__exit__(*problem)
        self._attention.__exit__(*problem)


class _FusedAttention(TorchFunctionMode):
    """Replaces attention on the meta device, whose own form makes the matrix of scores."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.scaled_dot_product_attention:
            query = args[0] if args else (kwargs or {})["query"]
            if query.is_meta:
                return torch.empty_like(query)
        return func(*args, **(kwargs or {}))
