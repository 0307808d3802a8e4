"""Counts, with hooks on the modules of a model, what a sampler really evaluates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from svfr.models.model import Model


class EvaluationCounter:
    """Counts while it is in use as a context manager; ``window`` is the frames of every evaluation."""

    def __init__(self, model: Model, window: int) -> None:
        self._model, self._window = model, window
        self._handles: list[Any] = []
        self._unconditional = False
        self.branches: list[int] = []  # of each call of the network, in order
        self.pictures_encoded = 0
        self.token_projections = 0
        self.token_rows_projected = 0
        self.cross_attentions = 0
        self.cross_attentions_unconditional = 0

    def __enter__(self) -> EvaluationCounter:
        unet = self._model.unet
        self._hook(unet.conv_in, self._saw_sample)
        self._hook(self._model.codec.get_submodule("vae.encoder"), self._saw_pictures)
        for name, module in unet.named_modules():
            if name.endswith(("attn2.to_k", "attn2.to_v")):
                self._hook(module, self._saw_tokens)
            elif name.endswith("attn2.to_q"):
                self._hook(module, self._saw_queries)
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _hook(self, module: torch.nn.Module, saw: Callable[[torch.Tensor], None]) -> None:
        self._handles.append(module.register_forward_pre_hook(lambda _, inputs: saw(inputs[0])))

    def _saw_sample(self, sample: torch.Tensor) -> None:
        # a branch without a reference is the unconditional one; in a batch of both it comes first
        self._unconditional = not bool(sample[0, -self._model.spec.latent_channels :].any())
        self.branches.append(sample.shape[0] // self._window)

    def _saw_pictures(self, pictures: torch.Tensor) -> None:
        self.pictures_encoded += pictures.shape[0]

    def _saw_tokens(self, tokens: torch.Tensor) -> None:
        self.token_projections += 1
        self.token_rows_projected += tokens.shape[0] * tokens.shape[1]

    def _saw_queries(self, _: torch.Tensor) -> None:
        self.cross_attentions += 1
        self.cross_attentions_unconditional += self._unconditional

    def describe(self, windows_pass1: int) -> str:
        """Return the counts as lines of text; pass 1 is the first ``windows_pass1`` calls of the network."""
        first, second = sum(self.branches[:windows_pass1]), sum(self.branches[windows_pass1:])
        return (
            f"  branch evaluations                    {first} + {second}\n"
            f"  pictures encoded                      {self.pictures_encoded}\n"
            f"  key and value projections             {self.token_projections}, "
            f"{self.token_rows_projected} rows\n"
            f"  cross-attention calls                 {self.cross_attentions}\n"
            f"  of them for an unconditional branch   {self.cross_attentions_unconditional}"
        )
