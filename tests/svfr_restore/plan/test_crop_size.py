"""Faces are cropped to as many pixels as the plate has of them, one size for a whole track."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import job_samples
import numpy as np
import pytest
import torch

from svfr.models.attenuation_spec import Attenuation
from svfr.models.folder import read_spec
from svfr.models.model import load_model
from svfr.models.spec import DiffusionSpec
from svfr_client.job import Box, FaceChoice, JobSpec, Reference
from svfr_restore.crops.crop_track import CropTrack, static_track
from svfr_restore.job import JobStages
from svfr_restore.plan.crop_size import crop_scale, crop_size
from svfr_restore.plan.estimate import estimate_job
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.reports import JobContext, NoStore
from svfr_restore.sampling.references import _at_size

SIZES = (192, 288, 384)
SMALL, LARGE = Box(2.0, 2.0, 20.0, 20.0), Box(24.0, 4.0, 44.0, 44.0)
NOTHING_COUNTS = Attenuation(nothing_codes=250.0, whole_codes=255.0)


def square(side: float) -> CropTrack:
    return static_track(0, range(1, 4), 100.0, 100.0, side)


@pytest.fixture(scope="module")
def large_crops(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model, whose "standard" and "final" crop larger faces up to twice as large."""
    spec = read_spec(Path(tiny_model))
    assert isinstance(spec, DiffusionSpec)
    presets = {
        name: replace(preset, largest_crop_px=None if name == "draft" else 2 * spec.crop_px)
        for name, preset in spec.presets.items()
    }
    folder = tmp_path_factory.mktemp("models") / "large"
    return job_samples.written_again(tiny_model, folder, presets=presets)


def two_faces(plate: str, output: Path, **changes: Any) -> JobSpec:
    faces = FaceChoice("box", boxes=(SMALL, LARGE))
    return job_samples.job(plate, output, "1001-1002", faces=faces, **changes)


@pytest.mark.parametrize(
    ("side", "expected"), [(20, 192), (220, 192), (222, 288), (331, 288), (332, 384), (4000, 384)]
)
def test_a_crop_has_about_the_pixels_of_its_square_up_to_the_largest(side: float, expected: int) -> None:
    assert crop_size(SIZES, square(side)) == expected
    assert crop_scale(expected, square(side)) == expected / side


def test_one_size_serves_a_whole_track_whatever_some_frames_are() -> None:
    sides = np.array([100.0, 100.0, 100.0, 2000.0, 90.0])
    middles = np.full(5, 50.0)
    track = CropTrack(index=0, first_frame=1, centre_x=middles, centre_y=middles, side_px=sides)
    assert crop_size(SIZES, track) == 192


def test_each_face_of_a_job_has_its_own_size_and_a_draft_the_models(
    plate: str, large_crops: str, tiny_model: str, tmp_path: Path
) -> None:
    def sizes(**changes: Any) -> list[int]:
        plan = plan_job(two_faces(plate, tmp_path, **changes), ModelCache())
        context = JobContext(report=lambda report: None, cancelled=lambda: False, store=NoStore())
        return [track.crop_px for track in JobStages(plan, ModelCache(), context).find_tracks()]

    assert sizes(model=large_crops) == [32, 48]
    assert sizes(model=large_crops, preset="draft") == [32, 32]
    assert sizes(model=tiny_model) == [32, 32]
    assert sizes(model=large_crops, tasks=("colorize",)) == sizes(
        model=large_crops, tasks=("bfr", "colorize")
    )
    assert sizes(model=large_crops, tasks=("colorize",)) == [32, 32]


def test_crops_of_every_size_go_back_to_where_they_came_from(
    plate: str, large_crops: str, tmp_path: Path
) -> None:
    model = job_samples.with_attenuation(large_crops, tmp_path / "sparing", NOTHING_COUNTS)
    given = Reference(frame=1002)
    result = job_samples.run(two_faces(plate, tmp_path / "out", model=model, references=(given,), layers=()))
    assert result.counts["crops_restored"] == 4
    restored = job_samples.read_all([output.path for output in result.outputs])
    identity = job_samples.run(two_faces(plate, tmp_path / "identity"))
    expected = job_samples.read_all([output.path for output in identity.outputs])
    np.testing.assert_allclose(restored[..., :3], expected[..., :3], atol=1e-3)


def test_the_estimate_knows_that_larger_crops_cost_more(
    plate: str, large_crops: str, tiny_model: str, tmp_path: Path
) -> None:
    estimates = []
    for model in (tiny_model, large_crops):
        plan = plan_job(two_faces(plate, tmp_path, model=model), ModelCache())
        context = JobContext(report=lambda report: None, cancelled=lambda: False, store=NoStore())
        estimates.append(estimate_job(plan, JobStages(plan, ModelCache(), context).find_tracks()))
    small, large = estimates
    # one of two faces has 2.25 times the pixels
    assert large.spool_bytes == small.spool_bytes * 1.625
    assert large.checkpoint_bytes == small.checkpoint_bytes * 1.625
    assert large.memory_bytes > small.memory_bytes


def test_the_same_networks_see_a_larger_crop(large_crops: str) -> None:
    model = load_model(Path(large_crops))
    larger = model.with_crop_px(64)
    assert model.with_crop_px(32) is model
    assert larger.unet is model.unet and larger.spec.crop_px == 64
    tokens = larger.identity.encode(torch.zeros(3, 64, 64))
    assert tokens.shape[1] == larger.identity.token_count > model.identity.token_count


def test_a_photo_is_made_for_the_largest_crops_and_shrunk_for_smaller_ones() -> None:
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert _at_size(photo, 64) is photo
    half = _at_size(photo, 32)
    assert half.shape == (3, 32, 32)
    assert torch.allclose(half, torch.nn.functional.avg_pool2d(photo[None], 2)[0], atol=1e-6)
