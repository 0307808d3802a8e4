"""Counts what decoding a window takes of memory, whole and in chunks of frames, and times both.

    python -m benchmarks.sampling.decode_chunks [--frames 16] [--runs 5]

The bytes are counted on torch's meta device at the official size in float16. The times are medians of a
narrower decoder on the CPU, both ways in turn in one run; the last column says how far a picture is from the
whole window's, beside a window that is simply cut and keeps two frames of context.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.network_sizes import VAE
from svfr.nets.decode_in_chunks import decode_in_chunks
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.live_bytes import LiveBytes

NARROW: dict[str, Any] = {**VAE, "block_out_channels": [32, 64, 64, 64]}
_SIDE, _SEED = 12, 5


def official_peak_gib(frames: int, at_once: int) -> float:
    """Return the largest sum of tensors alive at once for one window of 512 px in float16."""
    with torch.device("meta"):
        codec = KlTemporalCodec(torch.nn.Module.to(build_kl(VAE), "meta"), torch.float16)
        latents = torch.empty((frames, 4, 64, 64), dtype=torch.float16)
        with LiveBytes() as live:
            if at_once == frames:
                codec.vae.decode(latents, num_frames=frames)
            else:
                decode_in_chunks(codec.vae.decoder, latents, at_once)
    return live.peak_bytes / 2**30


def median_seconds(calls: dict[int, Callable[[], object]], runs: int) -> dict[int, float]:
    """Return the median time of each call, all of them in turn."""
    seconds: dict[int, list[float]] = {name: [] for name in calls}
    for _ in range(runs + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - began)
    return {name: statistics.median(taken[1:]) for name, taken in seconds.items()}


@torch.no_grad()
def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args(arguments)
    torch.manual_seed(_SEED)
    codec = KlTemporalCodec(build_kl(NARROW).requires_grad_(False))
    latents = torch.randn((asked.frames, 4, _SIDE, _SIDE))
    whole = codec.decode(latents)
    chunks = [n for n in (1, 2, 4, 8) if n < asked.frames]
    calls: dict[int, Callable[[], object]] = {asked.frames: lambda: codec.decode(latents)}
    for at_once in chunks:
        calls[at_once] = lambda n=at_once: decode_in_chunks(codec.vae.decoder, latents, n)  # type: ignore[misc]
    seconds = median_seconds(calls, asked.runs)
    print("| frames at once | GiB, official size | times the whole window's time | largest difference |")
    print("|---|---|---|---|")
    for at_once in (*chunks, asked.frames):
        gib, ratio = official_peak_gib(asked.frames, at_once), seconds[at_once] / seconds[asked.frames]
        difference = (
            0.0
            if at_once == asked.frames
            else float((decode_in_chunks(codec.vae.decoder, latents, at_once) - whole).abs().max())
        )
        print(f"| {at_once} | {gib:.2f} | {ratio:.2f} | {difference:.1e} |")
    cut = codec.decode(latents[-3:])[-1]
    print(f"\nLast frame alone with two frames of context: {float((cut - whole[-1]).abs().max()):.1e} away.")


if __name__ == "__main__":
    main()
