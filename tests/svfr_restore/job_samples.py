"""Tiny plates, a tiny random diffusion model and recorders for the tests of whole jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import torch
from numpy.typing import NDArray

from benchmarks.random_model import Layout, write_random_model
from svfr.models.attenuation_spec import Attenuation
from svfr.models.detail_spec import DetailAmounts, DetailSpec
from svfr.models.folder import read_spec, write_folder
from svfr.models.networks import COLOUR_FILE, DETAIL_FILE, HOLE_FILE
from svfr.models.reference_net_spec import ReferenceNetSpec
from svfr.models.spec import DiffusionSpec, Preset
from svfr.nets.colour_net import ColourNet
from svfr.nets.detail_net import DetailNet, DetailSizes
from svfr.nets.hole_net import HoleNet
from svfr_client.job import Box, ColourClaim, FaceChoice, JobSpec
from svfr_restore.crops.crop_file import write_tracks
from svfr_restore.crops.crop_track import static_track
from svfr_restore.job import run_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.reports import JobResult, Report

WIDTH, HEIGHT = 72, 56
FIRST = 1001
CROP_PX, WINDOW = 32, 4
BOX = Box(20.0, 12.0, 32.0, 32.0)
LINEAR = ColourClaim(space="lin_rec709_scene", exposure_stops=0.0)
SDR = ColourClaim(space="srgb_rec709_display")

Float32 = NDArray[np.float32]


def picture(frame: int, height: int = HEIGHT, width: int = WIDTH) -> Float32:
    """A (h, w, 3) texture that drifts with the frame: every frame differs, none is a cut."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    drift = 0.05 * (frame - FIRST)
    waves = [0.4 + 0.25 * np.sin(0.21 * x + 0.13 * c * y + drift) for c in (1, 2, 3)]
    return np.stack(waves, axis=-1).astype(np.float32)


def write_exr(path: Path, pixels: Float32, data_at: tuple[int, int] = (0, 0), **header: Any) -> Path:
    """Write one half-float EXR; ``display`` (x, y, w, h) and ``pixel_aspect`` may differ from the pixels'."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "half")
    spec.x, spec.y = data_at
    x, y, w, h = header.get("display", (0, 0, pixels.shape[1], pixels.shape[0]))
    spec.full_x, spec.full_y, spec.full_width, spec.full_height = x, y, w, h
    spec.attribute("PixelAspectRatio", header.get("pixel_aspect", 1.0))
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec) and out.write_image(np.ascontiguousarray(pixels)) and out.close()
    return path


def write_plate(folder: Path, frames: Iterable[int], **header: Any) -> str:
    """Write drifting textures and return the pattern."""
    pattern = str(folder / "shot.%04d.exr")
    for frame in frames:
        write_exr(Path(pattern % frame), picture(frame), **header)
    return pattern


def write_mattes(folder: Path, frames: Iterable[int], size: tuple[int, int] = (HEIGHT, WIDTH)) -> str:
    """Write mattes with a soft-edged square within BOX and return the pattern."""
    pattern = str(folder / "matte.%04d.exr")
    matte = np.zeros((*size, 1), np.float32)
    matte[20:36, 28:44] = 1.0
    matte[19, 28:44] = 0.5
    for frame in frames:
        write_exr(Path(pattern % frame), matte)
    return pattern


def write_tiny_model(folder: Path, seed: int = 5, *, hole_plane: bool = False) -> str:
    """Write a model folder with random weights, as small as the block types allow; return its path."""
    presets = {
        "draft": Preset(1, 1, initial_noise=0.0, guidance=1.0),
        "standard": Preset(2, 2, initial_noise=1.0, guidance=2.0),
        "final": Preset(2, 3, initial_noise=1.0, guidance=2.0),
    }
    layout = Layout(crop_px=CROP_PX, window=WINDOW, hole_plane=hole_plane)
    return write_random_model(folder, presets, layout, seed)


def with_detail(model: str, folder: Path) -> str:
    """Write the model folder again with a random detail network that "standard" does not use."""
    torch.manual_seed(9)
    sizes = DetailSizes((8, 8), (1, 1))
    weights = {name: 0.2 * torch.randn_like(tensor) for name, tensor in DetailNet(sizes).state_dict().items()}
    presets = DetailAmounts(draft=0.0, standard=0.0, final=1.0)
    detail = DetailSpec(widths=sizes.widths, blocks=sizes.blocks, presets=presets)
    return written_again(model, folder, {DETAIL_FILE: weights}, detail=detail)


def with_colour(model: str, folder: Path) -> str:
    """Write the model folder again with a random colour network."""
    colour = ReferenceNetSpec(widths=(8, 8), blocks=(1, 1), side_px=12)
    torch.manual_seed(9)
    network = ColourNet(colour.sizes)
    weights = {name: 0.3 * torch.randn_like(tensor) for name, tensor in network.state_dict().items()}
    return written_again(model, folder, {COLOUR_FILE: weights}, colour=colour)


def with_hole(folder: Path) -> tuple[str, str]:
    """Write a tiny model that is shown where holes are, and again with a random hole network; return both."""
    plain = write_tiny_model(folder / "plain", hole_plane=True)
    hole = ReferenceNetSpec(widths=(8, 8), blocks=(1, 1), side_px=12)
    torch.manual_seed(9)
    network = HoleNet(hole.sizes)
    weights = {name: 0.3 * torch.randn_like(tensor) for name, tensor in network.state_dict().items()}
    return plain, written_again(plain, folder / "painting", {HOLE_FILE: weights}, hole=hole)


def with_attenuation(model: str, folder: Path, rule: Attenuation) -> str:
    """Write the model folder again with a rule for changes that are too small to count."""
    return written_again(model, folder, attenuation=rule)


def written_again(
    model: str, folder: Path, more: Mapping[str, dict[str, torch.Tensor]] | None = None, **changes: Any
) -> str:
    """Write the model folder again with changes of its description and further files."""
    spec = read_spec(Path(model))
    assert isinstance(spec, DiffusionSpec)
    copies = {name: Path(model) / name for name in spec.files if name not in (more or {})}
    write_folder(folder, replace(spec, **changes), more or {}, copies)
    return str(folder)


def write_two_faces(path: Path, last: int) -> str:
    """Write a crop-track file: face 0 enters at 1005, face 1 is there from the beginning."""
    entering = static_track(0, range(1005, last + 1), 20.0, 20.0, 32.0)
    there = static_track(1, range(FIRST, last + 1), 50.0, 36.0, 32.0)
    write_tracks(path, [entering, there])
    return str(path)


def job(plate: str, output: Path, frames: str = "1001-1004", **changes: Any) -> JobSpec:
    """A bfr job on one box with the model ``identity``; ``changes`` are fields of JobSpec."""
    given: dict[str, Any] = {
        "tasks": ("bfr",),
        "faces": FaceChoice("box", boxes=(BOX,)),
        "colour": LINEAR,
        "model": "identity",
        "layers": (),
    }
    return JobSpec(plate, frames, output=str(output / "out.%04d.exr"), **(given | changes))


@dataclass
class Reports:
    """Collects what a job reports, and cancels it after so many reports of a stage."""

    cancel_stage: str = ""
    cancel_after: int = 0
    all: list[Report] = field(default_factory=list)

    def __call__(self, report: Report) -> None:
        self.all.append(report)

    def cancelled(self) -> bool:
        return bool(self.cancel_stage) and len(self.progress(self.cancel_stage)) >= self.cancel_after

    def progress(self, stage: str) -> list[tuple[int, int]]:
        return [(r.done, r.total) for r in self.all if r.kind == "progress" and r.stage == stage]

    @property
    def warnings(self) -> list[str]:
        return [report.message for report in self.all if report.kind == "warning"]


class MemoryStore:
    """A checkpoint store in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, torch.Tensor] = {}

    def load(self, name: str) -> torch.Tensor | None:
        return self.kept.get(name)

    def save(self, name: str, value: torch.Tensor) -> None:
        self.kept[name] = value.clone()


def run(spec: JobSpec, store: MemoryStore | None = None, reports: Reports | None = None) -> JobResult:
    """Run a job in this process."""
    reports = reports or Reports()
    return run_job(spec, ModelCache(), reports, reports.cancelled, store)


def read_exr(path: Path, part: int = 0) -> NDArray[Any]:
    """All channels of a part in their own type."""
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    assert source.seek_subimage(part, 0)
    pixels = source.read_image(part, 0, 0, source.spec().nchannels, source.spec().format.basetype)
    source.close()
    return np.asarray(pixels)


def channel_names(path: Path) -> list[str]:
    """The channels of all parts, in order."""
    source = oiio.ImageInput.open(str(path))
    names: list[str] = []
    part = 0
    while source.seek_subimage(part, 0):
        names += source.spec().channelnames
        part += 1
    source.close()
    return names


def read_all(paths: Sequence[Path]) -> NDArray[Any]:
    """The first parts of several files as one array."""
    return np.stack([read_exr(path) for path in paths])
