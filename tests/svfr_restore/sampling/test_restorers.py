"""Whole jobs through the two passes with a tiny random model: lengths, noise, checkpoints."""

import dataclasses
from pathlib import Path
from typing import Any

import job_samples
import numpy as np
import pytest
import torch
from job_samples import MemoryStore, Reports

import svfr.sampling.sampler
from svfr.models.attenuation_spec import Attenuation
from svfr.models.spec import Preset
from svfr.nets.colour_net import luma_of
from svfr_client.errors import JobWasCancelled
from svfr_client.job import JobSpec, Reference
from svfr_restore.reports import JobResult

pytestmark = pytest.mark.usefixtures("scratch")


def restored(result: JobResult) -> np.ndarray:
    return job_samples.read_all([output.path for output in result.outputs])


@pytest.mark.parametrize("count", [1, 2, 3, 5, 17, 40])
def test_any_number_of_frames_is_finite_and_repeats_bit_for_bit(
    plate: str, tiny_model: str, tmp_path: Path, count: int
) -> None:
    frames = f"1001-{1000 + count}"
    runs = [
        job_samples.run(job_samples.job(plate, tmp_path / name, frames, model=tiny_model))
        for name in ("first", "second")
    ]
    pictures = [restored(result) for result in runs]
    assert len(pictures[0]) == count and np.isfinite(pictures[0]).all()
    np.testing.assert_array_equal(pictures[0].view(np.uint16), pictures[1].view(np.uint16))
    assert runs[0].counts["pixels_changed"] > 0
    assert runs[0].counts["crops_restored"] == count


@dataclasses.dataclass(frozen=True)
class Start:
    """Where one pass of one track began."""

    unit_noise: torch.Tensor
    latents: torch.Tensor


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[Start]:
    """Every pass's start of the jobs that run, in their order."""
    seen: list[Start] = []
    real = svfr.sampling.sampler.start_latents

    def captured(lq_scaled: torch.Tensor, unit_noise: torch.Tensor | None, sigma: float) -> torch.Tensor:
        assert unit_noise is not None
        latents = real(lq_scaled, unit_noise, sigma)
        seen.append(Start(unit_noise.clone(), latents.clone()))
        return latents

    monkeypatch.setattr(svfr.sampling.sampler, "start_latents", captured)
    return seen


def test_a_frame_starts_alike_alone_and_in_a_long_shot_with_another_face(
    plate: str, tiny_model: str, tmp_path: Path, starts: list[Start]
) -> None:
    tracks = job_samples.write_two_faces(tmp_path / "tracks.json", 1050)
    for frames in ("1010", "1001-1050"):
        spec = job_samples.job(plate, tmp_path / frames, frames, model=tiny_model, crop_tracks=tracks)
        assert job_samples.run(spec).tracks == (0, 1)
    # each job: face 0 pass 1, pass 2, face 1 pass 1, pass 2
    alone, in_shot = (starts[1], starts[3]), (starts[5], starts[7])
    assert [len(start.latents) for start in in_shot] == [46, 50]
    for one, many, first_frame in zip(alone, in_shot, (1005, 1001), strict=True):
        assert torch.equal(one.unit_noise[0], many.unit_noise[1010 - first_frame])
        assert torch.equal(one.latents[0], many.latents[1010 - first_frame])
    # the same frame has the same noise whatever the face, and passes differ
    assert torch.equal(alone[0].unit_noise, alone[1].unit_noise)
    assert not torch.equal(starts[0].unit_noise, starts[1].unit_noise)


def test_detail_is_added_to_what_was_kept_and_none_is_the_base_bit_for_bit(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    model = job_samples.with_detail(tiny_model, tmp_path / "detailed")
    kept = MemoryStore()
    spec = job_samples.job(plate, tmp_path / "base", "1001-1003", model=model)
    base = job_samples.run(spec, kept)
    assert base.counts["detail_frames"] == 0
    plain = job_samples.run(job_samples.job(plate, tmp_path / "plain", "1001-1003", model=tiny_model))
    np.testing.assert_array_equal(restored(base).view(np.uint16), restored(plain).view(np.uint16))
    sharp = dataclasses.replace(spec, output=str(tmp_path / "sharp" / "out.%04d.exr"), detail=1.0)
    after = job_samples.run(sharp, kept)
    assert windows(after) == (0, 0) and after.counts["detail_frames"] == 3
    assert (restored(after) != restored(base)).any()


@pytest.fixture(scope="module")
def colouring(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model with a colour network."""
    return job_samples.with_colour(tiny_model, tmp_path_factory.mktemp("models") / "colouring")


@pytest.mark.parametrize(
    "changes",
    [
        {"tasks": ("bfr",)},
        {"tasks": ("colorize",), "sampler": "official"},
        {"tasks": ("colorize",), "references": (Reference(frame=1002),)},
    ],
)
def test_a_colour_network_changes_no_bit_where_the_reference_is_not_its_to_colour(
    plate: str, tiny_model: str, colouring: str, tmp_path: Path, changes: dict[str, Any]
) -> None:
    plain, coloured = (
        job_samples.run(job_samples.job(plate, tmp_path / name, "1001-1004", model=model, **changes))
        for name, model in (("plain", tiny_model), ("coloured", colouring))
    )
    np.testing.assert_array_equal(restored(plain).view(np.uint16), restored(coloured).view(np.uint16))


def test_a_coloured_reference_is_kept_and_is_not_that_of_a_model_without_colours(
    plate: str, tiny_model: str, colouring: str, tmp_path: Path
) -> None:
    kept, frames = MemoryStore(), "1001-1003"

    def made(name: str, model: str) -> JobResult:
        return job_samples.run(
            job_samples.job(plate, tmp_path / name, frames, model=model, tasks=("colorize",)), kept
        )

    plain, coloured = made("plain", tiny_model), made("coloured", colouring)
    assert coloured.counts["reference_windows"] == plain.counts["reference_windows"] > 0
    assert (restored(coloured) != restored(plain)).any()
    references = [value for name, value in kept.kept.items() if name.endswith("pass1/reference")]
    assert len(references) == 2
    first, second = (luma_of(reference[None]) for reference in references)
    assert torch.allclose(first, second, atol=1e-5) and not torch.allclose(*references, atol=1e-2)
    again = made("again", colouring)
    assert windows(again) == (0, 0)
    np.testing.assert_array_equal(restored(again).view(np.uint16), restored(coloured).view(np.uint16))


@pytest.fixture(scope="module")
def painting(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A tiny model that is shown holes, and the same with a hole network."""
    return job_samples.with_hole(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize(
    "changes",
    [
        {"tasks": ("bfr",)},
        {"tasks": ("inpaint",), "sampler": "official"},
        {"tasks": ("inpaint",), "references": (Reference(frame=1002),)},
    ],
)
def test_a_hole_network_changes_no_bit_where_the_reference_is_not_its_to_paint(
    plate: str, painting: tuple[str, str], tmp_path: Path, changes: dict[str, Any]
) -> None:
    masks = job_samples.write_mattes(tmp_path / "mattes", range(1001, 1005))
    plain, painted = (
        job_samples.run(
            job_samples.job(
                plate, tmp_path / Path(model).name, "1001-1004", model=model, mask_path=masks, **changes
            )
        )
        for model in painting
    )
    np.testing.assert_array_equal(restored(plain).view(np.uint16), restored(painted).view(np.uint16))


def test_a_hole_is_painted_into_the_reference_that_is_kept_and_no_pixel_beside_the_matte_changes(
    plate: str, painting: tuple[str, str], tmp_path: Path
) -> None:
    masks, kept = job_samples.write_mattes(tmp_path / "mattes", range(1001, 1005)), MemoryStore()

    def made(name: str, model: str) -> JobResult:
        folder = tmp_path / name
        spec = job_samples.job(plate, folder, "1001-1004", model=model, mask_path=masks, tasks=("inpaint",))
        return job_samples.run(spec, kept)

    plain, painted = (made(name, model) for name, model in zip(("plain", "painted"), painting, strict=True))
    changed = (restored(plain) != restored(painted)).any(axis=(0, -1))
    assert changed.any() and not changed[:16].any() and not changed[:, :24].any()
    references = [value for name, value in kept.kept.items() if name.endswith("pass1/reference")]
    assert len(references) == 2
    differs = (references[0] != references[1]).any(0)
    assert differs.any() and not differs.all()
    again = made("again", painting[1])
    assert windows(again) == (0, 0)
    np.testing.assert_array_equal(restored(again).view(np.uint16), restored(painted).view(np.uint16))


def test_a_change_too_small_to_count_leaves_the_plate_as_it_was(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    rule = Attenuation(nothing_codes=250.0, whole_codes=255.0)
    model = job_samples.with_attenuation(tiny_model, tmp_path / "sparing", rule)
    reports = job_samples.Reports()
    job = job_samples.job(plate, tmp_path / "spared", "1001-1003", model=model)
    spared = job_samples.run(job, reports=reports)
    assert spared.counts["pixels_changed"] == 0 and any(
        "No pixel was changed" in one for one in reports.warnings
    )
    identity = job_samples.run(job_samples.job(plate, tmp_path / "identity", "1001-1003"))
    plain = job_samples.run(job_samples.job(plate, tmp_path / "plain", "1001-1003", model=tiny_model))
    np.testing.assert_allclose(restored(spared), restored(identity), atol=1e-3)
    assert np.abs(restored(plain) - restored(identity)).max() > 0.05


def windows(result: JobResult) -> tuple[int, int]:
    return result.counts["reference_windows"], result.counts["denoise_windows"]


@pytest.fixture(scope="module")
def first_run(
    plate: str, tiny_model: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[JobSpec, MemoryStore, JobResult]:
    """A job of 10 frames, what it kept and what it did."""
    store = MemoryStore()
    spec = job_samples.job(plate, tmp_path_factory.mktemp("first"), "1001-1010", model=tiny_model)
    return spec, store, job_samples.run(spec, store)


def again(first_run: tuple[JobSpec, MemoryStore, JobResult], output: Path, **changes: Any) -> JobResult:
    """Run the first job again with what it kept, changed in some fields."""
    spec, store, _ = first_run
    copy = MemoryStore()
    copy.kept = dict(store.kept)
    changed = dataclasses.replace(spec, output=str(output / "out.%04d.exr"), **changes)
    return job_samples.run(changed, copy)


def test_the_first_run_counts_its_windows(first_run: tuple[JobSpec, MemoryStore, JobResult]) -> None:
    # standard: 2 + 2 steps; 10 frames in windows of 4 that overlap by 1: 3, then shifted by 1: 4
    assert windows(first_run[2]) == (2, 7)
    assert first_run[2].counts["encode_windows"] == 3
    assert first_run[2].counts["decode_windows"] == 3
    assert first_run[2].counts["checkpoints_reused"] == 0


@pytest.mark.parametrize(
    "changes",
    [{}, {"feather": 0.3}, {"layers": ("delta", "matte", "st")}, {"frames": "1001-1010x2"}, {"priority": 3}],
    ids=str,
)
def test_what_the_network_does_not_see_costs_no_window(
    first_run: tuple[JobSpec, MemoryStore, JobResult], tmp_path: Path, changes: dict[str, Any]
) -> None:
    if "frames" in changes:
        changes = {"frames": "1001-1009x2,1010"}  # the gaps are restored for context
    assert windows(again(first_run, tmp_path, **changes)) == (0, 0)


def test_a_mask_as_matte_costs_no_window(
    first_run: tuple[JobSpec, MemoryStore, JobResult], tmp_path: Path
) -> None:
    mask = job_samples.write_mattes(tmp_path / "mask", range(1001, 1011))
    assert windows(again(first_run, tmp_path, mask_path=mask)) == (0, 0)


def test_reused_steps_give_the_same_bits(
    first_run: tuple[JobSpec, MemoryStore, JobResult], tmp_path: Path
) -> None:
    np.testing.assert_array_equal(
        restored(again(first_run, tmp_path)).view(np.uint16), restored(first_run[2]).view(np.uint16)
    )


@pytest.mark.parametrize("changes", [{"seed": 78}, {"tasks": ("bfr", "colorize")}, {"sampler": "official"}])
def test_what_the_network_sees_is_computed_again(
    first_run: tuple[JobSpec, MemoryStore, JobResult], tmp_path: Path, changes: dict[str, Any]
) -> None:
    reference, main = windows(again(first_run, tmp_path, **changes))
    assert reference > 0 and main > 0


@pytest.mark.parametrize("changes", [{"frames": "1001-1014"}, {"preset": "final"}], ids=str)
def test_a_longer_range_and_more_main_steps_keep_the_reference(
    first_run: tuple[JobSpec, MemoryStore, JobResult], tmp_path: Path, changes: dict[str, Any]
) -> None:
    reference, main = windows(again(first_run, tmp_path, **changes))
    assert reference == 0 and main > 0


def test_a_preset_that_skips_work_is_called_experimental_and_its_fields_are_in_the_keys(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    store = MemoryStore()
    full = Preset(4, 4, initial_noise=1.0, guidance=2.0)
    counts = []
    for name, preset in (
        ("full", full),
        ("deep", dataclasses.replace(full, deep_every=2)),
        ("guidance", dataclasses.replace(full, guidance_every=2)),
        ("lower", dataclasses.replace(full, sigma_start=9.0)),
    ):
        presets = dict.fromkeys(("draft", "standard", "final"), preset)
        model = job_samples.written_again(tiny_model, tmp_path / name / "model", presets=presets)
        spec = job_samples.job(plate, tmp_path / name, "1001-1006", model=model)
        reports = Reports()
        result = job_samples.run(spec, store, reports)
        assert any("experimental" in text for text in reports.warnings) == preset.is_experimental
        counts.append(windows(result))
    assert len(set(counts)) == 1 and counts[0] > (0, 0), "none was taken for another"


def test_a_face_that_is_added_leaves_the_first_as_it_was(plate: str, tiny_model: str, tmp_path: Path) -> None:
    tracks = job_samples.write_two_faces(tmp_path / "tracks.json", 1010)
    store = MemoryStore()
    from svfr_client.job import FaceChoice

    one = job_samples.job(
        plate,
        tmp_path / "one",
        "1001-1010",
        model=tiny_model,
        crop_tracks=tracks,
        faces=FaceChoice("index", indices=(1,)),
    )
    alone = windows(job_samples.run(one, store))
    both = dataclasses.replace(one, output=str(tmp_path / "both" / "out.%04d.exr"), faces=FaceChoice("all"))
    added = windows(job_samples.run(both, store))
    assert alone == (2, 7) and added == (2, 4)  # face 0: 6 frames in windows of 4


def test_a_job_that_was_cancelled_goes_on_where_it_stopped(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    spec = job_samples.job(plate, tmp_path, "1001-1010", model=tiny_model)
    store, stopping = MemoryStore(), Reports("denoise", 6)  # after the first of two steps
    with pytest.raises(JobWasCancelled):
        job_samples.run(spec, store, stopping)
    assert stopping.progress("denoise")[-1] == (5, 7)
    assert not (tmp_path / "out.1001.exr").exists()
    result = job_samples.run(spec, store)
    assert windows(result) == (0, 4)
    fresh = job_samples.run(dataclasses.replace(spec, existing="overwrite"))
    whole = restored(fresh).view(np.uint16)
    np.testing.assert_array_equal(whole, restored(result).view(np.uint16))


def test_an_exposure_that_was_measured_survives_a_few_more_frames(
    plate: str, tiny_model: str, tmp_path: Path
) -> None:
    from svfr_client.job import ColourClaim

    store, metered = MemoryStore(), ColourClaim(space="lin_rec709_scene")
    spec = job_samples.job(plate, tmp_path / "a", "1001-1010", model=tiny_model, colour=metered)
    job_samples.run(spec, store)
    longer = dataclasses.replace(spec, frames="1001-1012", output=str(tmp_path / "b" / "out.%04d.exr"))
    assert windows(job_samples.run(longer, store))[0] == 0
