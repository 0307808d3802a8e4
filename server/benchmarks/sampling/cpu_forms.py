"""The forms in which a CPU can evaluate the network, side by side in one process with the same weights.

    OMP_NUM_THREADS=1 python -m benchmarks.sampling.cpu_forms --json cpu-forms.json

Each form is the whole network in another arrangement of the same sums: the (3, 1, 1) temporal convolutions as
PyTorch's Conv3d, as a Conv2d over frames and pixels, or as three matrix products; channels first or last in
memory. bfloat16 rounds, so it is measured and listed apart. Forms take turns, and what counts are ratios of
medians of processor time, which other load on the machine disturbs least. Beside each ratio stands the
largest difference to the native form, as a share of the native form's largest value.

Measured are the shipped preview network, one level of the network at Stable Video Diffusion's first two
widths (random weights), and a training step of the preview network, where the differences are those of
the gradients. Last the reference vectors are checked with the form that the product uses. The exit status is
1 when a form that claims to be equal is not within the vectors' tolerance, or the product is not.
"""

from __future__ import annotations

import argparse
import copy
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional

import svfr.nets.unet
from svfr.models.folder import find_model
from svfr.models.model import load_model
from svfr.nets.unet import FastUNet, build_unet
from svfr.parity.check import check_folder
from svfr.parity.vectors import Vectors
from svfr.training.nets.preview_unet import build_preview_unet
from svfr_client.files import write_whole

VECTORS = Path(__file__).parents[2] / "tests" / "data" / "golden"
TOLERANCE = "latents_max_abs"
_SEED = 5
SVD_TOKENS, SVD_TOKEN_CHANNELS = 49, 1024

Evaluate = Callable[[], torch.Tensor]
TemporalForm = Callable[[nn.Conv3d, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Form:
    """One arrangement: ``equal`` claims the same result but for float rounding; ``product`` is in use."""

    name: str
    evaluate: Evaluate
    equal: bool = True
    product: bool = False


class Line(NamedTuple):
    """What was measured of a form: seconds of each turn, and its largest difference as a share."""

    form: Form
    seconds: tuple[float, ...]
    difference: float

    @property
    def median_s(self) -> float:
        """The median of the turns."""
        return statistics.median(self.seconds)


def native_convolution(conv: nn.Conv3d, x: torch.Tensor) -> torch.Tensor:
    """Convolve (1, C, F, pixels) as PyTorch's own Conv3d does."""
    return functional.conv3d(x[..., None], conv.weight, conv.bias, padding=(1, 0, 0))[..., 0]


def three_products(conv: nn.Conv3d, x: torch.Tensor) -> torch.Tensor:
    """Convolve (1, C, F, pixels) as one matrix product for each tap."""
    (channels, frames, pixels), taps = x.shape[1:], conv.weight[..., 0, 0]
    assert conv.bias is not None
    flat = x[0].reshape(channels, frames * pixels)
    out = torch.addmm(conv.bias[:, None], taps[..., 1], flat).view(-1, frames, pixels)
    out[:, 1:] += (taps[..., 0] @ flat[:, : (frames - 1) * pixels]).view(-1, frames - 1, pixels)
    out[:, :-1] += (taps[..., 2] @ flat[:, pixels:]).view(-1, frames - 1, pixels)
    return out[None]


def channels_last_block(block: Any, x: torch.Tensor, given: Any) -> torch.Tensor:
    """Evaluate a residual block on (F, C, h, w) with channels last: frames become a row without a copy."""
    spatial = block.spatial_res_block(x, given.embedding)
    frames, channels, height, width = spatial.shape
    by_pixel = spatial.permute(0, 2, 3, 1).reshape(1, frames, height * width, channels)
    row = by_pixel.permute(0, 3, 1, 2)
    residual = svfr.nets.unet._temporal_residual(block.temporal_res_block, row, given.embedding)
    by_frame = residual[0].transpose(0, 1).unflatten(2, (height, width))
    return torch.addcmul(spatial, by_frame, svfr.nets.unet._temporal_share(block.time_mixer, spatial))


def put_channels_last(module: nn.Module) -> None:
    """Lay out the weights of all convolutions inside ``module`` with channels last; values stay the same."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Conv3d):
            layout = torch.channels_last if isinstance(layer, nn.Conv2d) else torch.channels_last_3d
            layer.weight.data = layer.weight.data.contiguous(memory_format=layout)


@contextmanager
def other_parts(convolution: TemporalForm | None, last: bool) -> Iterator[None]:
    """Within the block the network's temporal convolutions, or its residual blocks, are other forms."""
    parts: Any = svfr.nets.unet
    own = parts._temporal_convolution, parts._resnet
    parts._temporal_convolution = convolution or own[0]
    parts._resnet = channels_last_block if last else own[1]
    try:
        yield
    finally:
        parts._temporal_convolution, parts._resnet = own


def inference_forms(unet: nn.Module, sample: torch.Tensor, tokens: torch.Tensor) -> list[Form]:
    """Return every form of evaluating a network once; the native one first."""
    relaid, rounded, rounded_relaid = (copy.deepcopy(unet) for _ in range(3))
    for network in (rounded, rounded_relaid):
        network.to(dtype=torch.bfloat16)
    for network in (relaid, rounded_relaid):
        put_channels_last(network)

    def form(
        name: str,
        weights: nn.Module = unet,
        convolution: TemporalForm | None = None,
        last: bool = False,
        autocast: bool = False,
        **claims: bool,
    ) -> Form:
        """Return one form of evaluating ``weights``."""
        network = FastUNet(weights)
        projected = network.project_tokens(tokens)
        given = sample.contiguous(memory_format=torch.channels_last) if last else sample

        def evaluate() -> torch.Tensor:
            rounding = torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext()
            with other_parts(convolution, last), rounding:
                return network(given, 0.5, torch.tensor([[1.0, 0.0, 0.0]]), projected).float()

        return Form(name, evaluate, **claims)

    return [
        form("Conv3d, channels first", convolution=native_convolution),
        form("three matrix products, channels first", convolution=three_products),
        form("Conv2d, channels first", product=True),
        form("Conv2d, channels last, weights as loaded", last=True),
        form("Conv2d, channels last", relaid, last=True),
        form("bfloat16 autocast, channels first", autocast=True, equal=False),
        form("bfloat16 weights, channels first", rounded, equal=False),
        form("bfloat16 weights, channels last", rounded_relaid, last=True, equal=False),
    ]


def preview_forms(frames: int) -> list[Form]:
    """Return the forms of the shipped preview network on a window of so many frames."""
    model = load_model(find_model("mini"))
    config = model.unet.config
    side = model.spec.crop_px // model.codec.factor
    tokens = torch.randn(1, 36, int(config["cross_attention_dim"]))
    return inference_forms(model.unet, torch.randn(frames, int(config["in_channels"]), side, side), tokens)


def svd_level(width: int) -> nn.Module:
    """Return a network of one level at one of Stable Video Diffusion's widths, with random weights."""
    return build_unet(
        {
            "in_channels": 12,
            "out_channels": 4,
            "down_block_types": ["CrossAttnDownBlockSpatioTemporal"],
            "up_block_types": ["CrossAttnUpBlockSpatioTemporal"],
            "block_out_channels": [width],
            "addition_time_embed_dim": 32,
            "projection_class_embeddings_input_dim": 96,
            "layers_per_block": 1,
            "cross_attention_dim": SVD_TOKEN_CHANNELS,
            "num_attention_heads": [width // 64],
            "num_frames": 16,
        }
    ).requires_grad_(False)


def svd_forms(width: int, side: int, frames: int) -> list[Form]:
    """Return the forms of one level on latents of ``side`` squared."""
    tokens = torch.randn(1, SVD_TOKENS, SVD_TOKEN_CHANNELS)
    return inference_forms(svd_level(width), torch.randn(frames, 12, side, side), tokens)


def training_forms(clips: int, frames: int, crop_px: int | None = None) -> list[Form]:
    """Return the forms of a forward and a backward pass of the preview network; each returns gradients.

    ``crop_px`` None is the model's own size.
    """
    model = load_model(find_model("mini"))
    config, side = dict(model.unet.config), (crop_px or model.spec.crop_px) // model.codec.factor
    native = build_unet(config)
    with torch.no_grad():
        for weight, given in zip(native.parameters(), model.unet.parameters(), strict=True):
            weight.copy_(given)
    fast = build_preview_unet({k: v for k, v in config.items() if not k.startswith("_")})
    fast.load_state_dict(native.state_dict())
    # What a first pass sees: low-quality latents, and nothing that is noisy, hole or reference. With noise in
    # every channel, which the weights do not know, rounding grows until equal forms look unequal.
    channels, generator = model.codec.channels, torch.Generator().manual_seed(_SEED)
    sample = torch.zeros(clips, frames, int(config["in_channels"]), side, side)
    sample[:, :, channels : 2 * channels] = torch.randn(
        clips, frames, channels, side, side, generator=generator
    )
    tokens = torch.zeros(clips, 36, int(config["cross_attention_dim"]))
    bits = torch.tensor([[1.0, 0.0, 0.0]]).expand(clips, 3)

    def form(
        name: str, network: nn.Module, last: bool = False, autocast: bool = False, **claims: bool
    ) -> Form:
        """Return one form of a training step of a copy of ``network``."""
        own: Any = copy.deepcopy(network).train().requires_grad_(True)
        if last:
            put_channels_last(own)

        def step() -> torch.Tensor:
            own.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext():
                output = own(sample, 0.5, tokens, added_time_ids=bits, return_dict=False)[0]
            output.float().square().mean().backward()
            return torch.cat([p.grad.flatten() for p in own.parameters() if p.grad is not None])

        return Form(name, step, **claims)

    return [
        form("Conv3d, channels first", native),
        form("Conv2d, channels first", fast, product=not fast_bfloat16()),
        form("Conv2d, weights with channels last", fast, last=True),
        form("Conv2d, bfloat16 autocast", fast, autocast=True, equal=False, product=fast_bfloat16()),
    ]


def fast_bfloat16() -> bool:
    """Return whether the trainer computes in bfloat16 here."""
    from svfr.training.loop.trainer import has_fast_bfloat16

    return has_fast_bfloat16(torch.device("cpu"))


def measure(forms: Sequence[Form], repeats: int) -> list[Line]:
    """Evaluate all forms in turns; the first turn gives the differences and is not timed."""
    results = [form.evaluate() for form in forms]
    largest = float(results[0].abs().max())
    differences = [float((result - results[0]).abs().max()) / largest for result in results]
    del results
    seconds: list[list[float]] = [[] for _ in forms]
    for _ in range(repeats):
        for taken, form in zip(seconds, forms, strict=True):
            started = time.process_time()
            form.evaluate()
            taken.append(time.process_time() - started)
    return [
        Line(form, tuple(taken), difference)
        for form, taken, difference in zip(forms, seconds, differences, strict=True)
    ]


def table(lines: Sequence[Line]) -> str:
    """Return a Markdown table: times the native form's speed, spread of that over turns, difference."""
    rows = ["| form | ms | times as fast | in single turns | largest difference |", "|---|---|---|---|---|"]
    native = lines[0]
    for line in lines:
        turns = sorted(one / other for one, other in zip(native.seconds, line.seconds, strict=True))
        note = " (in use)" if line.form.product else ""
        note += "" if line.form.equal else ", not equal"
        rows.append(
            f"| {line.form.name}{note} | {1e3 * line.median_s:.1f} | {native.median_s / line.median_s:.2f} |"
            f" {turns[0]:.2f} to {turns[-1]:.2f} | {line.difference:.1e} |"
        )
    return "\n".join(rows)


def record(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return the lines for a program."""
    return [
        {
            "form": line.form.name,
            "equal": line.form.equal,
            "product": line.form.product,
            "seconds": [round(value, 6) for value in line.seconds],
            "ratio": round(lines[0].median_s / line.median_s, 4),
            "difference": line.difference,
        }
        for line in lines
    ]


def parity_share(folder: Path) -> float:
    """Return the largest error of the product on the reference vectors, as a share of its tolerance."""
    shares = [row.error / row.tolerance for row in check_folder(folder) if row.tolerance > 0.0]
    return max(shares)


def cases() -> dict[str, Callable[[], list[Form]]]:
    """Return what is measured, by title."""
    return {
        "preview network, 8 frames of 96 px": lambda: preview_forms(8),
        "one level of width 320, 8 frames, latents 16 x 16": lambda: svd_forms(320, 16, 8),
        "one level of width 640, 8 frames, latents 8 x 8": lambda: svd_forms(640, 8, 8),
        "preview network, a training step of 2 clips of 8 frames": lambda: training_forms(2, 8),
    }


def run(chosen: dict[str, Callable[[], list[Form]]], repeats: int, vectors: Path) -> dict[str, Any]:
    """Measure and print everything; return the record, whose "holds" says whether equal forms are equal."""
    tolerance = Vectors.open(vectors).tolerance(TOLERANCE)
    found: dict[str, Any] = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    found |= {"machine": platform.machine(), "native_bfloat16": fast_bfloat16(), "cases": {}}
    holds = True
    for title, forms in chosen.items():
        torch.manual_seed(1)
        training = "training" in title
        with nullcontext() if training else torch.inference_mode():
            lines = measure(forms(), repeats)
        holds &= all(line.difference <= tolerance for line in lines if line.form.equal)
        found["cases"][title] = record(lines)
        print(f"\n### {title}, {repeats} turns\n\n{table(lines)}", flush=True)
    share = parity_share(vectors)
    print(f"\nThe product on the reference vectors: {share:.2f} of the tolerance at worst.")
    return found | {"parity_share": share, "tolerance": tolerance, "holds": holds and share <= 1.0}


def main() -> int:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="turns of each form")
    parser.add_argument("--only", default="", help="measure only the cases whose title has these words")
    parser.add_argument("--json", type=Path, help="write the record to this file")
    parser.add_argument("--vectors", type=Path, default=VECTORS, help="folder of reference vectors")
    asked = parser.parse_args()
    chosen = {title: forms for title, forms in cases().items() if asked.only in title}
    found = run(chosen, asked.repeats, asked.vectors)
    if asked.json:
        write_whole(asked.json, json.dumps(found, indent=1) + "\n")
    return 0 if found["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
