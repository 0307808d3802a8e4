"""In which number types a model computes on which kind of device: one policy, stated here alone.

On a GPU the UNet and the picture decoder compute in float16, as published; encoder, identity, latents, blend
sums and noise levels stay float32. float32 convolutions may use TF32 there, whose mantissa has float16's ten
bits, as the published code leaves it. float16 sums are kept in float32. On a CPU everything is float32.

A model folder may ask for other types on GPUs, and whoever runs the machine on any device. Where float32 is
asked for, nothing computes in TF32.

A step whose latents are not finite is done again in ``fallback``: float32, since casting float16 weights up
and back is exact, and bfloat16 would take three bits of each.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from svfr.number_types import NumberTypes


@dataclass(frozen=True, kw_only=True)
class Precision:
    """The number types of a model's networks; see the module's text."""

    unet: torch.dtype = torch.float32
    decode: torch.dtype = torch.float32
    fallback: torch.dtype = torch.float32
    tf32: bool = False

    @property
    def recipe(self) -> str:
        """A text that differs for all precisions whose results may differ, for content keys."""
        names = [str(kind).removeprefix("torch.") for kind in (self.unet, self.decode, self.fallback)]
        return f"unet {names[0]}, decode {names[1]}, fallback {names[2]}, tf32 {'on' if self.tf32 else 'off'}"


STRICT = Precision()
_BY_KIND = {"cuda": Precision(unet=torch.float16, decode=torch.float16, tf32=True)}


def precision_for(
    device: str | torch.device, asked: NumberTypes | None = None, of_model: NumberTypes | None = None
) -> Precision:
    """Return the policy of a kind of device; float32 throughout where none is stated.

    ``asked`` are the types of whoever runs the machine, ``of_model`` those of a model folder, which hold on
    GPUs, and where ``asked`` says nothing.
    """
    kind = torch.device(device).type
    policy = _BY_KIND.get(kind, STRICT)
    types = (asked or NumberTypes()).over(of_model if kind == "cuda" else None)
    named = {"unet": types.unet, "decode": types.decode}
    chosen = {part: getattr(torch, name) for part, name in named.items() if name is not None}
    return replace(policy, **chosen, tf32=policy.tf32 and torch.float32 not in chosen.values())


def device_name(device: str | torch.device) -> str:
    """Return what computes, without its index: results are kept per model of GPU, not per slot."""
    device = torch.device(device)
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def apply_switches(precision: Precision) -> None:
    """Set torch's switches for this process: TF32 as asked, sums of float16 products in float32."""
    torch.backends.cuda.matmul.allow_tf32 = precision.tf32
    torch.backends.cudnn.allow_tf32 = precision.tf32
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False


@contextmanager
def strictest() -> Iterator[None]:
    """Within the block float32 is float32 on every device; the switches are as before afterwards."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (
        matmul.allow_tf32,
        cudnn.allow_tf32,
        matmul.allow_fp16_reduced_precision_reduction,
        matmul.allow_bf16_reduced_precision_reduction,
    )
    apply_switches(STRICT)
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before[:2]
        matmul.allow_fp16_reduced_precision_reduction = before[2]
        matmul.allow_bf16_reduced_precision_reduction = before[3]
