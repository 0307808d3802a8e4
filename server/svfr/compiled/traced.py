"""A network's call as a module of tensors in, tensors out, which torch.export can trace in one graph."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from svfr.compiled.calls import Call
from svfr.compiled.recipe import Recipe
from svfr.nets.device_memory import MOST_ELEMENTS
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import FastUNet, build_unet

Tokens = list[tuple[torch.Tensor, torch.Tensor]]


class BranchModule(nn.Module):
    """:meth:`svfr.nets.unet.FastUNet.branch`, with the tokens as a list."""

    def __init__(self, unet: nn.Module, windows: int, with_tokens: int) -> None:
        super().__init__()
        self.network = unet
        self._fast = FastUNet(unet)
        self._windows, self._with_tokens = windows, with_tokens

    def forward(
        self, sample: torch.Tensor, embedding: torch.Tensor, tokens: Tokens
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the output and the deep features."""
        projection = self._fast.as_projection(tokens) if tokens else None
        return self._fast.branch(
            sample, embedding, projection, deep=None, windows=self._windows, with_tokens=self._with_tokens
        )


class DecoderModule(nn.Module):
    """The decoding of one window."""

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.network = vae

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Return the pictures in the decoder's own number type."""
        vae: Any = self.network
        pictures: torch.Tensor = vae.decode(latents, num_frames=len(latents)).sample
        return pictures


def empty_module(recipe: Recipe, call: Call) -> nn.Module:
    """Return the module of a call with memory for weights on its device, and nothing written there.

    On a CPU memory that nobody writes costs nothing.
    """
    with torch.device("meta"):
        if call.network == "unet":
            network: nn.Module = build_unet(recipe.unet)
            network = nn.Module.to(network, getattr(torch, recipe.unet_type))
        else:
            assert recipe.decoder is not None
            network = KlTemporalCodec(build_kl(recipe.decoder), getattr(torch, recipe.decode_type)).vae
    network = network.to_empty(device=recipe.device).eval().requires_grad_(False)
    if call.network == "unet":
        return BranchModule(network, call.windows, call.with_tokens)
    return DecoderModule(network)


def example_inputs(module: nn.Module, call: Call) -> tuple[Any, ...]:
    """Return inputs of a call's shapes, types and device."""
    network: Any = module.get_submodule("network")
    if call.network == "decoder":
        weight = network.decoder.conv_in.weight
        return (torch.zeros(call.sample, dtype=weight.dtype, device=weight.device),)
    weight = network.conv_in.weight
    sample = torch.zeros(call.sample, dtype=weight.dtype, device=weight.device)
    fast = FastUNet(network)
    tokens: Tokens = []
    if call.tokens:
        channels = network.config["cross_attention_dim"]
        projection = fast.project_tokens(torch.zeros(1, call.tokens, channels))
        tokens = [(key.contiguous(), value.contiguous()) for key, value in projection.values()]
    return sample, fast.embed(0.0, torch.zeros(1, 3)), tokens


def exported(module: nn.Module, inputs: tuple[Any, ...]) -> torch.export.ExportedProgram:
    """Trace the module in one graph of fixed shapes.

    Raises ValueError where a tensor in it has more elements than kernels can count.
    """
    with torch.no_grad():
        program = torch.export.export(module, inputs, strict=False)
    for node in program.graph.nodes:
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and value.numel() > MOST_ELEMENTS:
            raise ValueError(f"a tensor of {value.numel()} elements is more than kernels count")
    return program
