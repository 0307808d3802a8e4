"""What a GPU does with networks of the official size, with random weights: the first run on a card.

    python -m benchmarks.gpu --out DIR                       # a GPU: under nine minutes on a data-centre card
    python -m benchmarks.gpu --out DIR --device cpu --tiny    # the rehearsal, seconds on a laptop

Needs torch, diffusers and this package, no weights and no network. In this order, everything in one run:

1. UNet (one window, one branch) and picture decoder (one window) in every number type: median seconds, peak
   memory, PSNR to float32, whether they stay finite; with ``--compile`` both compiled in float16 as well:
   the first call is the cold start, then the start from the compiler's cache;
2. how near this project's sampler in the device's types is to the published one in float32, beside the
   published one in the same types, from the same noise;
3. shots of 16 and 100 frames, 50 + 30 steps: the published sampler, ours in both modes, and the share of the
   time in which kernels run (:mod:`benchmarks.gpu_shots`);
4. what allocator, cuBLAS and cuDNN say when memory is short, and whether the worker knows it
   (:mod:`benchmarks.gpu_memory`).

What does not begin within ``--minutes`` is left out and named. ``gpu.json`` and ``gpu.md`` are written to the
folder after each part. Random weights say how fast a card is and whether a type overflows by itself; they say
nothing of quality.
"""

from __future__ import annotations

import argparse
import gc
import json
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_memory import Provoked, provoke_all
from benchmarks.gpu_shots import ShotRow, ShotSize, nearness_db, whole_shots
from benchmarks.network_sizes import TINY_UNET, TINY_VAE, VAE
from svfr.models.svd_folder import SVD_XT_UNET
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import FastUNet, build_unet
from svfr.precision import Precision, apply_switches, device_name
from svfr_client.files import write_whole

PRECISIONS = {
    "float32": Precision(),
    "float32, TF32": Precision(tf32=True),
    "float16": Precision(unet=torch.float16, decode=torch.float16, tf32=True),
    "bfloat16": Precision(unet=torch.bfloat16, decode=torch.bfloat16, tf32=True),
}
COMPILED = "float16"  # what a GPU computes in; a compiler takes a minute for each network and type
_SEED, _TOKENS = 5, 49


@dataclass(frozen=True)
class Size:
    """What is run: the networks' configurations, frames of a window, latent side."""

    unet: Any
    vae: Any
    frames: int
    side: int
    runs: int


FULL_SHOTS = ShotSize(SVD_XT_UNET, VAE, 16, 512, lengths=(16, 100), steps=(50, 30), few=(4, 4))
FULL = Size(SVD_XT_UNET, VAE, frames=16, side=64, runs=5)
TINY_SHOTS = ShotSize(TINY_UNET, TINY_VAE, 4, 64, lengths=(4, 6), steps=(2, 1), few=(1, 1))
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
    with device:  # filling 1.5 billion numbers takes a CPU half a minute
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
    with device:
        vae = build_kl(size.vae).requires_grad_(False)
    codec = KlTemporalCodec(vae, precision.decode).to(device)
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

    def add_compiled(what: str, name: str, call: Callable[[], torch.Tensor]) -> None:
        """Time ``call`` compiled, and once more as a new process finds it: from the compiler's cache."""
        for start in ("compiled", "compiled, from the cache"):
            torch.compiler.reset()
            add(what, f"{name}, {start}", torch.compile(call))

    for name, precision in PRECISIONS.items():
        apply_switches(precision)
        try:
            network = random_unet(size, precision, device)
            call = unet_call(network, size, device)
            add("UNet, one window", name, call)
            if compiles and name == COMPILED:
                add_compiled("UNet, one window", name, call)
            del network, call
            call = decoder_call(size, precision, device)
            add("decode, one window", name, call)
            if compiles and name == COMPILED:
                add_compiled("decode, one window", name, call)
            del call
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


def shots_table(rows: list[ShotRow]) -> str:
    """Return the shots in Markdown, each beside the published sampler of the same run."""
    published = {row.frames: row.seconds for row in rows if row.sampler == "published"}
    lines = ["| sampler | frames | s | times published | device busy | peak GiB |", "|---" * 6 + "|"]
    for row in rows:
        ratio = f"{published[row.frames] / row.seconds:.2f}" if row.frames in published else ""
        busy = "" if row.busy is None else f"{row.busy:.0%}"
        note = "" if row.finite else " (not finite)"
        lines.append(
            f"| {row.sampler}{note} | {row.frames} | {row.seconds:.2f} | {ratio} | {busy} "
            f"| {row.peak_gib:.2f} |"
        )
    return "\n".join(lines)


def memory_table(found: list[Provoked]) -> str:
    """Return what was said of a lack of memory, in Markdown."""
    lines = ["| provoked in | error | text | known as a lack of memory |", "|---" * 4 + "|"]
    for one in found:
        first = (one.text.splitlines() or ["nothing failed"])[0][:120].replace("|", "/")
        lines.append(f"| {one.way} | {one.kind} | {first} | {'yes' if one.is_recognised else 'NO'} |")
    return "\n".join(lines)


class Results:
    """What has been measured so far; every part is written to the folder when it is done."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self._folder, self._body, self._texts = folder, dict(about), [", ".join(map(str, about.values()))]
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, name: str, body: Any, text: str) -> None:
        """Keep a part, print it, and write both files."""
        self._body[name] = body
        self._texts.append(text)
        print(f"\n{text}", flush=True)
        write_whole(self._folder / "gpu.json", json.dumps(self._body, indent=1) + "\n")
        write_whole(self._folder / "gpu.md", "\n\n".join(self._texts) + "\n")


def _driver() -> str:
    """Return the driver's version, "" where there is no NVIDIA driver."""
    if shutil.which("nvidia-smi") is None:
        return ""
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    return subprocess.run(asked, stdout=subprocess.PIPE, text=True).stdout.split("\n")[0]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the tables and the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for gpu.json and gpu.md")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="networks of a few channels, to rehearse")
    parser.add_argument("--compile", action="store_true", help="measure both networks compiled as well")
    parser.add_argument("--minutes", type=float, default=9.0, help="after which nothing new is begun")
    asked = parser.parse_args(arguments)
    device, ends = torch.device(asked.device), time.monotonic() + 60.0 * asked.minutes
    size, shots = (TINY, TINY_SHOTS) if asked.tiny else (FULL, FULL_SHOTS)
    about = {
        "device": device_name(device),
        "driver": _driver(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "tiny": asked.tiny,
    }
    results, left_out = Results(asked.out, about), list[str]()

    def has_time(part: str) -> bool:
        """Return whether the next part may begin; note it where not."""
        if time.monotonic() < ends:
            return True
        left_out.append(part)
        return False

    rows = measure(size, device, asked.compile, lambda row: print(row, flush=True))
    results.add("rows", [asdict(row) for row in rows], as_table(rows))
    if has_time("nearness to the published sampler"):
        near = nearness_db(shots, device, psnr_over_range_db)
        words = ", ".join(f"{name} {'equal' if db is None else f'{db:.1f} dB'}" for name, db in near.items())
        results.add("nearness_db", near, f"PSNR to the published sampler in float32: {words}")
    whole = whole_shots(shots, device, lambda row: print(row, flush=True), lambda: has_time("a shot"))
    results.add("shots", [asdict(row) for row in whole], shots_table(whole))
    if has_time("what is said when memory is short"):
        shortages = provoke_all(device)
        results.add("memory", [asdict(one) for one in shortages], memory_table(shortages))
    results.add("left_out", left_out, f"Left out for want of time: {', '.join(left_out) or 'nothing'}.")


if __name__ == "__main__":
    main()
