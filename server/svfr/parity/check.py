"""Recomputes every case of a folder of reference vectors and reports the largest error of each.

The vectors come from the published SVFR code. As long as every row is within its tolerance, official mode
does what the paper's authors' code does; the tolerances leave more than 75 times room to the nearest wrong
implementation (a missing shift, uniform blending, a flipped task bit) and to float rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from svfr import published_geometry
from svfr.diffusion.noise import OfficialNoise
from svfr.diffusion.schedule import karras_sigmas, timestep, with_final_zero
from svfr.diffusion.windows import official_decode_windows, official_windows
from svfr.nets.arcface import IResNet
from svfr.nets.unet import FastUNet
from svfr.parity.vectors import Vectors
from svfr.precision import strictest
from svfr.sampling.callbacks import NoCallbacks
from svfr.sampling.decode import decode_stream
from svfr.sampling.denoise import start_latents
from svfr.sampling.sampler import SamplePlan, encode_shot, pass_latents
from svfr.tasks import TaskSet

# Relative to the largest value: float32 rounding of sigma^(1/7) against the published table.
_SCHEDULE_TOLERANCE = 1e-6
# torch's normal numbers may differ in the last bit between vector units.
_NOISE_TOLERANCE = 1e-6
# Relative to the largest value, as the vectors' own note asks.
_ARCFACE_TOLERANCE = 1e-4
_SEED = 77


@dataclass(frozen=True)
class ParityRow:
    """The largest error of one recomputed output and what is allowed; NaN is never allowed."""

    case: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the error is within the tolerance."""
        return self.error <= self.tolerance


def check_folder(folder: Path) -> list[ParityRow]:
    """Recompute every case; VectorsInvalid when the folder is not complete."""
    vectors = Vectors.open(folder)
    with torch.no_grad(), strictest():
        return [row for check in CHECKS for row in check(vectors)]


def _difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Return the largest absolute difference; infinite when the shapes differ."""
    if ours.shape != theirs.shape:
        return float("inf")
    return float((ours.double() - theirs.double()).abs().max())


def _relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Return the largest absolute difference as a share of the largest reference value."""
    return _difference(ours, theirs) / float(theirs.abs().max())


def check_unet(vectors: Vectors) -> Iterator[ParityRow]:
    """Evaluate the UNet at each stored timestep, one batch entry at a time."""
    given = vectors.tensors(
        "unet_forward.safetensors", "sample", "timesteps", "ctx_49tokens", "added_time_ids"
    )
    network = FastUNet(vectors.unet())
    tokens = [network.project_tokens(context[None]) for context in given["ctx_49tokens"]]
    for i, step in enumerate(given["timesteps"].tolist()):
        ours = [
            network(sample, step, bits[None], projected)
            for sample, bits, projected in zip(given["sample"], given["added_time_ids"], tokens, strict=True)
        ]
        error = _difference(torch.stack(ours), given[f"out_{i}"])
        yield ParityRow(f"unet_forward {i}", error, vectors.tolerance("unet_forward_max_abs"))


def check_id_projection(vectors: Vectors) -> Iterator[ParityRow]:
    """Project stored ArcFace features to tokens."""
    given = vectors.tensors("id_proj.safetensors", "id_feature", "id_embedding")
    error = _difference(vectors.id_projection()(given["id_feature"]), given["id_embedding"])
    yield ParityRow("id_proj", error, vectors.tolerance("id_proj_max_abs"))


def check_arcface(vectors: Vectors) -> Iterator[ParityRow]:
    """Run ArcFace with weights and inputs by formula, so that nothing large is stored."""
    given = vectors.tensors("arcface.safetensors", "embedding_a", "layer4_a", "embedding_b", "layer4_b")
    network = IResNet().eval()
    load_formula_weights(network)
    for name, phase in (("a", 0.5), ("b", 2.0)):
        embedding, features = network(formula_face(phase))
        for part, ours in (("embedding", embedding), ("layer4", features)):
            error = _relative(ours, given[f"{part}_{name}"])
            yield ParityRow(f"arcface {part} {name}", error, _ARCFACE_TOLERANCE)


def formula_face(phase: float) -> torch.Tensor:
    """Return the input (1, 3, 112, 112) of an ArcFace case: sin and cos waves, one pair a channel."""
    channel = torch.arange(3, dtype=torch.float64).view(3, 1, 1)
    y = torch.arange(112, dtype=torch.float64).view(1, 112, 1)
    x = torch.arange(112, dtype=torch.float64).view(1, 1, 112)
    waves = torch.sin(0.05 * y * (channel + 1) + phase) * torch.cos(0.03 * x * (channel + 2) - phase)
    return waves[None].float()


def load_formula_weights(network: torch.nn.Module) -> None:
    """Fill a network with the weights of the ArcFace cases: hashed noise in [-1, 1), scaled by kind.

    Tensor i of the state dict, counted without ``num_batches_tracked``, has at element j the fraction of
    ``sin(12.9898 j + 78.233 i + 0.5) * 43758.5453``.
    """
    tensors = {k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")}
    for i, (name, tensor) in enumerate(tensors.items()):
        position = torch.arange(tensor.numel(), dtype=torch.float64)
        hashed = torch.sin(12.9898 * position + 78.233 * i + 0.5) * 43758.5453
        spread = (2.0 * (hashed - hashed.floor()) - 1.0).view(tensor.shape)
        tensor.copy_(_formula_weight(name, spread))


def _formula_weight(name: str, spread: torch.Tensor) -> torch.Tensor:
    if name.endswith("running_var"):
        return 1.0 + 0.1 * spread
    if name.endswith(("running_mean", "bias")):
        return 0.05 * spread
    if "prelu" in name:
        return 0.25 + 0.05 * spread
    if spread.ndim == 1:
        return 1.0 + 0.1 * spread
    return spread * (3.0 / spread[0].numel()) ** 0.5


def check_seeded_noise(vectors: Vectors) -> Iterator[ParityRow]:
    """Repeat the seeded draws of one pass: the latents come after an unused picture-shaped draw."""
    given = vectors.tensors("seeded_noise.safetensors", "latents", "draw1_first8")
    theirs = given["latents"][0]
    frames, _, height, _ = theirs.shape
    ours = OfficialNoise(_SEED).next_pass(frames, 8 * height, tuple(theirs.shape[1:]))
    yield ParityRow("seeded_noise latents", _difference(ours, theirs), _NOISE_TOLERANCE)
    first = torch.randn((3, 8, 8), generator=torch.Generator().manual_seed(_SEED)).flatten()[:8]
    yield ParityRow("seeded_noise first draw", _difference(first, given["draw1_first8"]), _NOISE_TOLERANCE)


@dataclass(frozen=True)
class StoredCrops:
    """The low-quality crops of a pipeline case as a crop source."""

    crops: torch.Tensor

    @property
    def frames(self) -> range:
        """Frame numbers from 0."""
        return range(self.crops.shape[0])

    def read(self, start: int, stop: int) -> torch.Tensor:
        """Return the stored crops."""
        return self.crops[start:stop]


def check_pipelines(vectors: Vectors) -> Iterator[ParityRow]:
    """Run every pipeline case: encoding, windows, levels, and both passes one after the other."""
    for name in vectors.pipeline_cases():
        yield from _check_windows(vectors, name)
        yield from _check_schedule(vectors, name)
        yield from _check_passes(vectors, name)


def _check_windows(vectors: Vectors, name: str) -> Iterator[ParityRow]:
    about = vectors.case(name)
    for sampling_pass in (1, 2):
        count = min(about["T"], about["frames_per_batch"]) if sampling_pass == 1 else about["T"]
        length = count if sampling_pass == 1 else about["frames_per_batch"]
        ours = [
            [list(w.frames) for w in official_windows(count, length, about["overlap"], step)]
            for step in range(about[f"steps_pass{sampling_pass}"])
        ]
        wrong = _unequal(ours, about[f"windows_pass{sampling_pass}"])
        yield ParityRow(f"{name} windows pass {sampling_pass}", wrong, 0.0)
        calls = sum(len(step) for step in ours) - about[f"unet_calls_pass{sampling_pass}"]
        yield ParityRow(f"{name} network calls pass {sampling_pass}", float(abs(calls)), 0.0)


def _unequal(ours: Sequence[object], theirs: Sequence[object]) -> float:
    """Return how many steps have other windows."""
    differing = sum(a != b for a, b in zip(ours, theirs, strict=False))
    return float(differing + abs(len(ours) - len(theirs)))


def _check_schedule(vectors: Vectors, name: str) -> Iterator[ParityRow]:
    given = vectors.tensors(f"{name}.safetensors", "sigmas_pass1", "timesteps_pass1")
    spec = vectors.lookup("scheduler_config")
    for sampling_pass in (1, 2):
        steps = vectors.case(name)[f"steps_pass{sampling_pass}"]
        sigmas = with_final_zero(karras_sigmas(steps, spec["sigma_min"], spec["sigma_max"]))
        times = torch.tensor([timestep(sigma) for sigma in sigmas[:-1]])
        for part, ours in (("sigmas", torch.tensor(sigmas)), ("timesteps", times)):
            error = _relative(ours, given[f"{part}_pass{sampling_pass}"])
            yield ParityRow(f"{name} {part} pass {sampling_pass}", error, _SCHEDULE_TOLERANCE)


def _check_passes(vectors: Vectors, name: str) -> Iterator[ParityRow]:
    given = vectors.tensors(f"{name}.safetensors", "lq", "noise_pass1", "noise_pass2", "ref_frame")
    latents_max, frames_max = vectors.tolerance("latents_max_abs"), vectors.tolerance("frames_max_abs")
    model, silent = vectors.model(name), NoCallbacks()
    plan = SamplePlan(TaskSet.from_bits(vectors.case(name)["tasks"]), vectors.preset(name), _SEED, "official")
    shot = encode_shot(model, StoredCrops(given["lq"]))
    encoded = shot.latents(len(shot.frames), silent)
    yield ParityRow(f"{name} encoded", _difference(encoded, given["vae_mean_unscaled"]), latents_max)
    scale = model.codec.scaling_factor
    sigma = float(given["sigmas_pass2"][0])
    start = start_latents(scale * encoded, given["noise_pass2"][0], sigma)
    yield ParityRow(f"{name} start pass 2", _relative(start, given["init_latents_pass2"][0]), latents_max)
    reference, tokens = None, None
    for sampling_pass in (1, 2):
        noise = given[f"noise_pass{sampling_pass}"][0]
        latents = pass_latents(
            model,
            shot,
            plan,
            sampling_pass=sampling_pass,
            reference=reference,
            tokens=tokens,
            callbacks=silent,
            noise=noise,
        )
        error = _difference(latents, given[f"latents_pass{sampling_pass}"][0])
        yield ParityRow(f"{name} latents pass {sampling_pass}", error, latents_max)
        windows = official_decode_windows(latents.shape[0], vectors.case(name)["decode_chunk_size"])
        frames = torch.stack(list(decode_stream(model.codec, latents / scale, windows, silent)))
        error = _difference(frames, given[f"frames_pass{sampling_pass}"][0].transpose(0, 1))
        yield ParityRow(f"{name} frames pass {sampling_pass}", error, frames_max)
        if sampling_pass == 1:
            reference = frames[-1]
            tokens = vectors.id_projection()(vectors.tensors("id_proj.safetensors")["id_feature"])
            yield ParityRow(f"{name} reference", _difference(reference, given["ref_frame"]), frames_max)


def check_geometry(vectors: Vectors) -> Iterator[ParityRow]:
    """Repeat the crop boxes, the alignments, the preparation and the identity crops."""
    about = vectors.case("geometry")
    boxes_max, matrix_max = vectors.tolerance("geometry_box"), vectors.tolerance("affine_max_abs")
    for i, case in enumerate(about["crop"]):
        union = published_geometry.union_box(tuple(box) for box in case["bboxes_xyxy"])
        box = published_geometry.official_crop_box(union, case["width"], case["height"])
        ours = (box.left, box.top, box.right, box.bottom)
        wrong = max(abs(a - b) for a, b in zip(ours, case["square"], strict=True))
        yield ParityRow(f"geometry crop box {i}", float(wrong), boxes_max)
    template = torch.from_numpy(published_geometry.FACE_TEMPLATE_256)
    error = _difference(template, torch.tensor(about["mean_face_lm5p_256"]))
    yield ParityRow("geometry face template", error, matrix_max)
    for i, case in enumerate(about["affine"]):
        matrix = torch.from_numpy(published_geometry.alignment_matrix(np.array(case["pts5"])))
        error = _difference(matrix, torch.tensor(case["matrix_512"], dtype=torch.float64))
        yield ParityRow(f"geometry alignment {i}", error, matrix_max)
    yield from _check_preparation(vectors)
    yield from _check_id_crops(vectors)


def _enlarged(small: torch.Tensor) -> np.ndarray:
    """Return a picture (H, W, 3) with every pixel repeated 8 x 8."""
    return small.numpy().repeat(8, 0).repeat(8, 1)


def _check_preparation(vectors: Vectors) -> Iterator[ParityRow]:
    about = vectors.case("geometry")["prep"]
    given = vectors.tensors("geometry.safetensors", "prep_small", "prep_rgb_patch")
    picture, box = _enlarged(given["prep_small"]), published_geometry.PixelBox(*about["box"])
    mask = np.zeros((512, 512), dtype=np.uint8)
    for value in (255, 254):
        top, bottom, left, right = about[f"mask_rect_{value}"]
        mask[top:bottom, left:right] = value
    for name, grey, hole in (("rgb", False, None), ("gray", True, None), ("gray_mask", True, mask)):
        crop = published_geometry.prepare_crop(picture, box, 512, grey=grey, mask=hole)[100:164, 200:264]
        error = _difference(torch.from_numpy(crop), given[f"prep_{name}_patch"])
        yield ParityRow(f"geometry prepared {name}", error, vectors.tolerance("u8_max_abs"))
        if name == "gray_mask":
            error = 127.5 * _difference(published_geometry.network_input(crop), given["prep_net_input_patch"])
            yield ParityRow("geometry network input", error, vectors.tolerance("u8_max_abs"))


def _check_id_crops(vectors: Vectors) -> Iterator[ParityRow]:
    given = vectors.tensors("geometry.safetensors", "geo_small", "id_crop_official", "id_crop_corrected")
    picture = _enlarged(given["geo_small"])
    matrix = published_geometry.alignment_matrix(np.array(vectors.case("geometry")["affine"][0]["pts5"]))
    official = published_geometry.id_crop(picture, matrix, "official")
    corrected = published_geometry.id_crop(picture, matrix, "corrected")
    for name, ours in (("official", official), ("corrected", corrected)):
        error = 127.5 * _difference(ours, given[f"id_crop_{name}"])
        yield ParityRow(f"geometry identity crop {name}", error, vectors.tolerance("u8_max_abs"))


CHECKS: tuple[Callable[[Vectors], Iterator[ParityRow]], ...] = (
    check_unet,
    check_id_projection,
    check_arcface,
    check_seeded_noise,
    check_pipelines,
    check_geometry,
)
