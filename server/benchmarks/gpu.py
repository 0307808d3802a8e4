"""Times the networks of the official size, with random weights, in every number type: the first run on a GPU.

    python -m benchmarks.gpu --out DIR                       # a GPU: under nine minutes on a data-centre card
    python -m benchmarks.gpu --out DIR --device cpu --tiny    # the rehearsal, seconds on a laptop

Needs torch, diffusers and this package, no weights and no network. For the UNet (one window, one branch) and
the picture decoder (one window) it prints the median seconds, the device's peak memory, and the PSNR to
float32, each number type in the same run from the same seeded weights; with ``--compile`` the compiled UNet
as well. ``gpu.json`` and ``gpu.md`` are written to the folder. Random weights say how fast a card is and
whether a type overflows by itself; they say nothing of quality.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from svfr.models.svd_folder import SVD_XT_UNET
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import FastUNet, build_unet
from svfr.precision import Precision, apply_switches, device_name
from svfr_client.files import write_whole

VAE: dict[str, Any] = {
    "block_out_channels": [128, 256, 512, 512],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "latent_channels": 4,
    "layers_per_block": 2,
}
TINY_UNET = {
    **SVD_XT_UNET,
    "block_out_channels": [32, 32, 32, 32],
    "num_attention_heads": [1, 1, 1, 1],
    "layers_per_block": 1,
    "cross_attention_dim": 32,
    "addition_time_embed_dim": 32,
    "projection_class_embeddings_input_dim": 96,
}
TINY_VAE = {**VAE, "block_out_channels": [32, 32, 32, 32], "layers_per_block": 1}
PRECISIONS = {
    "float32": Precision(),
    "float32, TF32": Precision(tf32=True),
    "float16": Precision(unet=torch.float16, decode=torch.float16, tf32=True),
    "bfloat16": Precision(unet=torch.bfloat16, decode=torch.bfloat16, tf32=True),
}
_SEED, _TOKENS = 5, 49


@dataclass(frozen=True)
class Size:
    """What is run: the networks' configurations, frames of a window, latent side."""

    unet: Any
    vae: Any
    frames: int
    side: int
    runs: int


FULL = Size(SVD_XT_UNET, VAE, frames=16, side=64, runs=5)
TINY = Size(TINY_UNET, TINY_VAE, frames=2, side=8, runs=1)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; ``psnr_db`` None: it is the reference itself, or not finite."""

    what: str
    precision: str
    first_seconds: float
    seconds: float
    peak_gib: float
    finite: bool
    psnr_db: float | None


@dataclass(frozen=True)
class Run:
    """The times of some equal calls, the peak of memory, and what the last call returned, on the CPU."""

    first_seconds: float
    seconds: float
    peak_gib: float
    result: torch.Tensor


def timed(work: Callable[[], torch.Tensor], device: torch.device, runs: int) -> Run:
    """Run ``work`` once to warm up and ``runs`` times for the clock."""
    is_cuda = device.type == "cuda"
    if is_cuda:
        torch.cuda.reset_peak_memory_stats(device)
    seconds = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        result = work()
        if is_cuda:
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - began)
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if is_cuda else 0.0
    return Run(seconds[0], statistics.median(seconds[1:]), peak, result.float().cpu())


def psnr_over_range_db(result: torch.Tensor, reference: torch.Tensor) -> float | None:
    """Return the PSNR over the reference's own range; None for equal or not finite results."""
    error = float((result - reference).square().mean())
    peak = float(reference.max() - reference.min())
    if not 0.0 < error < float("inf"):
        return None
    return float(10.0 * torch.log10(torch.tensor(peak**2 / error)))


def random_unet(size: Size, precision: Precision, device: torch.device) -> FastUNet:
    """Return the same random network for every call, in the UNet's type of ``precision``."""
    torch.manual_seed(_SEED)
    unet = build_unet(size.unet).requires_grad_(False)
    return FastUNet(torch.nn.Module.to(unet, device, precision.unet))


def unet_call(network: FastUNet, size: Size, device: torch.device) -> Callable[[], torch.Tensor]:
    """Return one conditional branch over one window."""
    generator = torch.Generator().manual_seed(_SEED)
    shape = (size.frames, size.unet["in_channels"], size.side, size.side)
    sample = torch.randn(shape, generator=generator).to(device)
    tokens = torch.randn((1, _TOKENS, size.unet["cross_attention_dim"]), generator=generator)
    projected = network.project_tokens(tokens)
    bits = torch.tensor([[1.0, 0.0, 0.0]], device=device)
    return lambda: network(sample, 0.5, bits, projected)


def decoder_call(size: Size, precision: Precision, device: torch.device) -> Callable[[], torch.Tensor]:
    """Return the decoding of one window with the same random autoencoder for every call."""
    torch.manual_seed(_SEED)
    codec = KlTemporalCodec(build_kl(size.vae).requires_grad_(False), precision.decode).to(device)
    generator = torch.Generator().manual_seed(_SEED)
    latents = torch.randn((size.frames, 4, size.side, size.side), generator=generator).to(device)
    return lambda: codec.decode(latents)


@torch.no_grad()
def measure(size: Size, device: torch.device, compiles: bool, report: Callable[[Row], None]) -> list[Row]:
    """Measure both networks in every number type that the device has; one that does not fit is left out."""
    rows: list[Row] = []
    references: dict[str, torch.Tensor] = {}

    def add(what: str, name: str, call: Callable[[], torch.Tensor]) -> None:
        """Time ``call`` and report it; the first of each ``what`` is what the others are compared with."""
        run = timed(call, device, size.runs)
        reference = references.setdefault(what, run.result)
        row = Row(
            what=what,
            precision=name,
            first_seconds=run.first_seconds,
            seconds=run.seconds,
            peak_gib=run.peak_gib,
            finite=bool(torch.isfinite(run.result).all()),
            psnr_db=psnr_over_range_db(run.result, reference),
        )
        rows.append(row)
        report(row)

    for name, precision in PRECISIONS.items():
        apply_switches(precision)
        try:
            network = random_unet(size, precision, device)
            call = unet_call(network, size, device)
            add("UNet, one window", name, call)
            if compiles:
                add("UNet, one window", f"{name}, compiled", torch.compile(call))
            del network, call
            add("decode, one window", name, decoder_call(size, precision, device))
        except torch.OutOfMemoryError as problem:
            print(f"{name} does not fit: {str(problem).splitlines()[0]}")
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    return rows


def as_table(rows: list[Row]) -> str:
    """Return the rows in Markdown, each beside float32 of the same run."""
    plain = {row.what: row.seconds for row in rows if row.precision == "float32"}
    lines = [
        "| network | number type | first call s | median s | times float32 | peak GiB | PSNR dB |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ratio = f"{plain[row.what] / row.seconds:.2f}" if row.what in plain else ""
        psnr = "not finite" if not row.finite else "" if row.psnr_db is None else f"{row.psnr_db:.1f}"
        lines.append(
            f"| {row.what} | {row.precision} | {row.first_seconds:.2f} | {row.seconds:.4f} | {ratio} "
            f"| {row.peak_gib:.2f} | {psnr} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the table and the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu.json and gpu.md")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="networks of a few channels, to rehearse")
    parser.add_argument("--compile", action="store_true", help="measure the compiled UNet as well")
    asked = parser.parse_args(arguments)
    device = torch.device(asked.device)
    size = TINY if asked.tiny else FULL
    rows = measure(size, device, asked.compile, lambda row: print(row, flush=True))
    asked.out.mkdir(parents=True, exist_ok=True)
    about = {"device": device_name(device), "torch": torch.__version__, "cuda": torch.version.cuda}
    body = {**about, "tiny": asked.tiny, "rows": [asdict(row) for row in rows]}
    write_whole(asked.out / "gpu.json", json.dumps(body, indent=1) + "\n")
    title = f"{about['device']}, torch {about['torch']}, CUDA {about['cuda']}"
    write_whole(asked.out / "gpu.md", f"{title}\n\n{as_table(rows)}\n")
    print(title, as_table(rows), sep="\n\n")


if __name__ == "__main__":
    main()
