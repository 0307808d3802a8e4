"""The layers that say what was invented, and the two that a comp mixes: whole jobs, known answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import job_samples
import numpy as np
import OpenImageIO as oiio
import pytest
from job_samples import BOX, FIRST, Reports

from svfr_client.errors import BadJob, SeveralProblems, SvfrError
from svfr_client.job import Box, FaceChoice, JobSpec
from svfr_restore.errors import LayerCannotBeMade
from svfr_restore.reports import JobResult

pytestmark = pytest.mark.usefixtures("scratch")

LINES, COLUMNS = slice(int(BOX.y), int(BOX.y + BOX.height)), slice(int(BOX.x), int(BOX.x + BOX.width))
HALF_STEP = 2.0**-11  # of a value: half a step of half floats, which have 11 bits


@pytest.fixture(scope="module")
def detailed(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    return job_samples.with_detail(tiny_model, tmp_path_factory.mktemp("detailed") / "tiny")


@pytest.fixture
def job(plate: str, detailed: str, tmp_path: Path) -> Callable[..., JobSpec]:
    """A job of one frame under a name of its own."""

    def made(name: str, **changes: object) -> JobSpec:
        given = {"model": detailed, "preset": "draft"} | changes
        return job_samples.job(plate, tmp_path / name, str(FIRST), **given)

    return made


def layer(path: Path, name: str) -> np.ndarray:
    """One layer as float64, (h, w) or (h, w, C)."""
    source = oiio.ImageInput.open(str(path))
    part = 1
    while source.seek_subimage(part, 0):
        spec = source.spec()
        order = [n for n, channel in enumerate(spec.channelnames) if channel.startswith(f"svfr.{name}.")]
        if order:
            pixels = np.asarray(source.read_image(part, 0, 0, spec.nchannels, "float"), np.float64)
            return np.squeeze(pixels.reshape(spec.height, spec.width, -1)[..., order])
        part += 1
    raise AssertionError(f"{path} has no layer {name}")


def attribute(path: Path, name: str) -> str:
    source = oiio.ImageInput.open(str(path))
    return str(source.spec().getattribute(name))


def picture(result: JobResult, lines: slice = LINES, columns: slice = COLUMNS) -> np.ndarray:
    return job_samples.read_exr(result.outputs[0].path).astype(np.float64)[lines, columns]


# A box of the crop's own size is copied, others are resampled: larger and smaller.
@pytest.mark.parametrize("side", [32, 44, 20])
def test_base_and_a_share_of_detail_are_the_picture_of_a_job_with_that_detail(
    plate: str, job: Callable[..., JobSpec], side: int
) -> None:
    asked = {"faces": FaceChoice("box", boxes=(Box(12.0, 8.0, float(side), float(side)),))}
    place = slice(8, 8 + side), slice(12, 12 + side)
    layered = job_samples.run(
        job("layers", layers=("base", "detail", "delta", "matte"), detail=0.35, **asked)
    )
    path = layered.outputs[0].path
    base, detail, delta, matte = (layer(path, name) for name in ("base", "detail", "delta", "matte"))
    assert np.abs(detail).max() > 0.01 and np.abs(base).max() > 0.01
    before = job_samples.read_exr(Path(plate % FIRST)).astype(np.float64)[place]
    for share in (0.0, 0.35, 0.8, 1.0):
        other = layered if share == 0.35 else job_samples.run(job(f"at {share}", detail=share, **asked))
        rendered = picture(other, *place)
        mixed = before + matte[..., None] * (base + share * detail)
        # the picture is rounded to halves once, and each layer once
        parts = [np.abs(part) for part in (rendered, base, share * detail, mixed - before)]
        np.testing.assert_array_less(np.abs(mixed - rendered), HALF_STEP * sum(parts) + 1e-7)
    np.testing.assert_allclose(delta, base + 0.35 * detail, atol=HALF_STEP * 3)


def test_the_layers_do_not_change_the_picture(job: Callable[..., JobSpec]) -> None:
    every = ("base", "detail", "delta", "matte", "invention", "identity")
    for detail in (0.0, 0.35, 1.0):
        plain, layered = (
            job_samples.run(job(f"{detail} {len(names)}", layers=names, detail=detail))
            for names in ((), every)
        )
        np.testing.assert_array_equal(picture(plain), picture(layered))


def test_the_spread_is_that_of_jobs_with_the_seeds_one_by_one(job: Callable[..., JobSpec]) -> None:
    asked = {"preset": "standard", "colour": job_samples.SDR, "detail": 0.5}
    spread = job_samples.run(job("spread", layers=("spread", "matte"), seed=11, spread_seeds=3, **asked))
    singles = [job_samples.run(job(f"seed {seed}", seed=seed, **asked)) for seed in (11, 12, 13)]
    np.testing.assert_array_equal(picture(spread), picture(singles[0]))
    path = spread.outputs[0].path
    whole = layer(path, "matte") == 1.0
    assert whole.sum() > 50
    # code values are what an sRGB plate holds
    expected = np.sqrt(np.var([picture(single) for single in singles], axis=0, ddof=1).mean(axis=-1))
    assert expected[whole].mean() > 0.01
    np.testing.assert_allclose(layer(path, "spread")[whole], expected[whole], atol=1e-3)


def test_the_seeds_of_a_spread_are_one_progress(job: Callable[..., JobSpec]) -> None:
    reports = Reports()
    spec = job("spread", layers=("spread",), preset="standard")
    result = job_samples.run(spec, reports=reports)
    assert len(spec.further_seeds) == 3 and result.counts["crops_restored"] == 1
    assert [done for done, _ in reports.progress("denoise")] == sorted(
        done for done, _ in reports.progress("denoise")
    )
    assert reports.progress("denoise")[-1] == (8, 8)  # two steps for each of four seeds
    overall = [report.overall for report in reports.all if report.overall is not None]
    assert overall == sorted(overall) and overall[-1] == 1.0


def test_what_changes_nothing_invents_nothing(job: Callable[..., JobSpec]) -> None:
    result = job_samples.run(job("identity", model="identity", preset="standard", layers=("invention",)))
    assert not layer(result.outputs[0].path, "invention").any()


def test_the_probes_patch_is_invented_at_its_edge_and_whole_in_a_hole(
    plate: str, job: Callable[..., JobSpec], tmp_path: Path
) -> None:
    asked = {"model": "probe", "preset": "standard", "layers": ("invention",), "colour": job_samples.SDR}
    found = layer(job_samples.run(job("seen", **asked)).outputs[0].path, "invention")
    edge, inside, outside = found[10:13, 14:18].max(), found[15:17, 15:17].max(), found[:6].max()
    assert edge > 2 * inside and outside == 0.0
    mask = tmp_path / "mask.exr"
    job_samples.write_exr(mask, np.ones((job_samples.HEIGHT, job_samples.WIDTH, 1), np.float32))
    hidden = job_samples.run(job("hidden", tasks=("inpaint",), mask_path=str(mask), **asked))
    before = job_samples.read_exr(Path(plate % FIRST)).astype(np.float64)[LINES, COLUMNS]
    change = np.sqrt(np.mean((np.array([0.75, 0.25, 0.5]) - before) ** 2, axis=-1))
    np.testing.assert_allclose(
        layer(hidden.outputs[0].path, "invention")[12:20, 12:20], change[12:20, 12:20], atol=1e-3
    )


def test_a_face_without_points_has_an_unknown_likeness(job: Callable[..., JobSpec]) -> None:
    result = job_samples.run(job("identity", layers=("identity",)))
    assert attribute(result.outputs[0].path, "svfr/identity") == "0=unknown"
    assert job_samples.channel_names(result.outputs[0].path) == ["R", "G", "B"]


def test_layers_that_a_model_has_nothing_to_say_about_are_refused_together(
    job: Callable[..., JobSpec],
) -> None:
    with pytest.raises(SeveralProblems) as several:
        job_samples.run(job("no", model="identity", layers=("base", "detail", "spread", "identity")))
    problems = several.value.problems
    assert {type(problem) for problem in problems} == {LayerCannotBeMade}
    text = " ".join(str(problem) for problem in problems)
    assert (
        "no layer base or detail" in text and "same picture for every seed" in text and "no reference" in text
    )


def test_a_preset_that_does_not_begin_with_noise_has_no_spread(job: Callable[..., JobSpec]) -> None:
    with pytest.raises(LayerCannotBeMade, match="same picture for every seed"):
        job_samples.run(job("draft", layers=("spread",)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"spread_seeds": 3}, "the layer spread is not asked for"),
        ({"spread_seeds": 1, "layers": ("spread",)}, "outside 2 to 16"),
        ({"spread_seeds": 17, "layers": ("spread",)}, "outside 2 to 16"),
        ({"layers": ("wonder",)}, "layers cannot be 'wonder'"),
    ],
)
def test_a_wrong_number_of_seeds_is_refused(
    job: Callable[..., JobSpec], changes: dict[str, object], words: str
) -> None:
    with pytest.raises(SvfrError, match=words) as refused:
        job_samples.run(job("bad", preset="standard", **changes))
    assert isinstance(refused.value, BadJob)


def test_a_frame_without_a_face_has_the_same_layers(plate: str, detailed: str, tmp_path: Path) -> None:
    tracks = job_samples.write_two_faces(tmp_path / "tracks.json", 1006)
    names = ("base", "detail", "invention", "matte")
    spec = job_samples.job(plate, tmp_path / "out", "1001-1005", model=detailed, preset="draft", layers=names)
    late = replace(spec, crop_tracks=tracks)
    channels = [job_samples.channel_names(output.path) for output in job_samples.run(late).outputs]
    assert all(found == channels[0] for found in channels) and "svfr.detail.G" in channels[0]
