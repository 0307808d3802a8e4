"""Measures what evaluating both branches and several windows at once changes, in time and in rounding.

    python -m benchmarks.sampling.batches [--repeats 3] [--device cpu]

One level of the network at Stable Video Diffusion's first width, random weights, 4 frames of 8 x 8 latents.
All batches are evaluated in turns; differences are to one branch at a time, as a share of the largest number.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch

from benchmarks.sampling.cpu_forms import SVD_TOKEN_CHANNELS, SVD_TOKENS, svd_level
from svfr.nets.unet import FastUNet

FRAMES, SIDE, WIDTH = 4, 8, 320
BATCHES = (1, 2, 4, 8)


def evaluate(network: FastUNet, windows: torch.Tensor, tokens: torch.Tensor, batch: int) -> torch.Tensor:
    """Return the outputs of both branches of all windows (W, F, C, h, w), ``batch`` branches at once."""
    projected = network.project_tokens(tokens)
    tasks = torch.tensor([[1.0, 0.0, 0.0]], device=windows.device)
    if batch == 1:
        branches = [[network(window, 0.5, tasks, each) for window in windows] for each in (projected, None)]
        return torch.stack([torch.stack(branch) for branch in branches])
    outputs = []
    for group in windows.split(batch // 2):
        sample = torch.cat([group.flatten(0, 1)] * 2)
        output, _ = network.evaluate(
            sample, 0.5, tasks, projected, windows=2 * len(group), with_tokens=len(group)
        )
        outputs.append(output.unflatten(0, (2, len(group), FRAMES)))
    return torch.cat(outputs, dim=1)


@torch.inference_mode()
def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    torch.manual_seed(1)
    network = FastUNet(svd_level(WIDTH).to(asked.device))
    windows = torch.randn(4, FRAMES, 12, SIDE, SIDE).to(asked.device)
    tokens = torch.randn(1, SVD_TOKENS, SVD_TOKEN_CHANNELS).to(asked.device)
    alone = evaluate(network, windows, tokens, 1)
    seconds: dict[int, list[float]] = {batch: [] for batch in BATCHES}
    differences = dict.fromkeys(BATCHES, 0.0)
    for _ in range(asked.repeats):
        for batch in BATCHES:
            began = time.process_time() if asked.device == "cpu" else time.perf_counter()
            output = evaluate(network, windows, tokens, batch)
            differences[batch] = float((output - alone).abs().max() / alone.abs().max())  # waits for a GPU
            ended = time.process_time() if asked.device == "cpu" else time.perf_counter()
            seconds[batch].append(ended - began)
    print("| branches at once | ms a branch | times as fast | largest difference, share |\n|---|---|---|---|")
    median = {batch: statistics.median(taken) for batch, taken in seconds.items()}
    for batch in BATCHES:
        each = 1e3 * median[batch] / (2 * len(windows))
        print(f"| {batch} | {each:.0f} | {median[1] / median[batch]:.2f} | {differences[batch]:.1e} |")


if __name__ == "__main__":
    main()
