import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from sampling_models import (
    CROP_PX,
    Calls,
    Crops,
    Recorder,
    identify,
    pictures,
    plan_with,
    random_tokens,
    run_until_cancelled,
    tiny_model,
)

from svfr.errors import Cancelled, CropShapeMismatch, NotFinite, SeedOutOfRange, ShotTooShort
from svfr.models.model import Model
from svfr.nets.live_bytes import LiveBytes
from svfr.sampling.callbacks import NoCallbacks
from svfr.sampling.sampler import encode_shot, make_reference, pass_latents, restore, two_passes
from svfr.tasks import TaskSet

STUDIO = plan_with()
ONE_STEP = plan_with(reference_steps=1, steps=1)


@pytest.fixture(scope="module")
def model() -> Model:
    return tiny_model()


def run(
    model: Model, count: int, plan: Any = STUDIO, callbacks: Any = None
) -> list[tuple[int, torch.Tensor]]:
    return list(two_passes(model, Crops(count), identify, plan, callbacks))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 17, 40])
def test_any_number_of_frames_gives_finite_pictures_that_repeat_bit_for_bit(model: Model, count: int) -> None:
    first, second = run(model, count), run(model, count)
    assert [frame for frame, _ in first] == list(range(1001, 1001 + count))
    assert all(picture.shape == (3, CROP_PX, CROP_PX) for _, picture in first)
    assert bool(torch.isfinite(pictures(first)).all())
    assert torch.equal(pictures(first), pictures(second))


@pytest.mark.parametrize("count", [4, 20])
def test_official_mode_is_finite_and_repeats_too(model: Model, count: int) -> None:
    plan = plan_with("official")
    assert torch.equal(pictures(run(model, count, plan)), pictures(run(model, count, plan)))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_official_mode_refuses_shots_the_published_code_fails_on(model: Model, count: int) -> None:
    with pytest.raises(ShotTooShort, match=r"at least 4 frames.*studio"):
        run(model, count, plan_with("official"))


def test_the_reference_is_the_last_frame_of_the_first_window(model: Model) -> None:
    long, short = Crops(20), Crops(8)
    assert torch.equal(make_reference(model, long, STUDIO), make_reference(model, short, STUDIO))
    changed = Crops(8)
    changed.pixels[7] *= -1
    assert not torch.equal(make_reference(model, short, ONE_STEP), make_reference(model, changed, ONE_STEP))


def test_two_passes_are_the_two_calls_one_after_the_other(model: Model) -> None:
    reference = make_reference(model, Crops(9), STUDIO)
    separately = restore(model, Crops(9), reference, identify(reference), plan=STUDIO)
    assert torch.equal(pictures(separately), pictures(run(model, 9)))


def test_reference_tokens_tasks_seed_and_guidance_all_matter(model: Model) -> None:
    reference = make_reference(model, Crops(6), STUDIO)
    base = pictures(restore(model, Crops(6), reference, random_tokens(), plan=STUDIO))
    others = [
        restore(model, Crops(6), None, random_tokens(), plan=STUDIO),
        restore(model, Crops(6), reference, None, plan=STUDIO),
        restore(model, Crops(6), reference, random_tokens(), plan=plan_with(guidance=1.0)),
        restore(model, Crops(6), reference, random_tokens(), plan=dataclasses.replace(STUDIO, seed=78)),
        restore(
            model,
            Crops(6),
            reference,
            random_tokens(),
            plan=dataclasses.replace(STUDIO, tasks=TaskSet(inpaint=True)),
        ),
    ]
    assert all(not torch.allclose(base, pictures(other), atol=1e-3) for other in others)


def test_without_noise_the_seed_does_not_matter(model: Model) -> None:
    plan = plan_with(initial_noise=0.0)
    other = dataclasses.replace(plan, seed=123)
    assert torch.equal(pictures(run(model, 6, plan)), pictures(run(model, 6, other)))


def test_sigmas_of_the_preset_replace_the_schedule(model: Model) -> None:
    plain = plan_with(reference_steps=1, steps=1)
    same = dataclasses.replace(plain, preset=dataclasses.replace(plain.preset, sigmas=(20.0,)))
    other = dataclasses.replace(plain, preset=dataclasses.replace(plain.preset, sigmas=(5.0,)))
    assert torch.equal(pictures(run(model, 6, plain)), pictures(run(model, 6, same)))
    assert not torch.equal(pictures(run(model, 6, plain)), pictures(run(model, 6, other)))


def test_guidance_of_one_is_the_limit_of_two_branches(model: Model) -> None:
    one = pictures(run(model, 6, plan_with(guidance=1.0)))
    near = pictures(run(model, 6, plan_with(guidance=1.0 + 1e-6)))
    torch.testing.assert_close(one, near, atol=1e-3, rtol=1e-3)


def evaluations(model: Model, stream: Iterator[object]) -> int:
    calls = Calls(model.unet, "conv_in")
    list(stream)
    return calls.counts["conv_in"]


def test_only_branches_that_can_differ_are_evaluated() -> None:
    model, crops = tiny_model(), Crops(8)
    reference = torch.zeros(3, CROP_PX, CROP_PX)
    assert evaluations(model, iter([make_reference(model, crops, STUDIO)])) == 0
    calls = Calls(model.unet, "conv_in")
    make_reference(model, crops, STUDIO)
    assert calls.counts["conv_in"] == 2
    tokens = random_tokens()
    assert evaluations(model, restore(model, crops, reference, tokens, plan=STUDIO)) == 3 * 2
    assert evaluations(model, restore(model, crops, reference, None, plan=STUDIO)) == 3 * 2
    assert evaluations(model, restore(model, crops, None, None, plan=STUDIO)) == 3
    assert evaluations(model, restore(model, crops, reference, tokens, plan=plan_with(guidance=1.0))) == 3


def test_every_crop_is_encoded_once_for_both_passes() -> None:
    model = tiny_model()
    encoded: list[int] = []
    encode = model.codec.encode

    def counting(crops: torch.Tensor) -> torch.Tensor:
        encoded.append(crops.shape[0])
        return encode(crops)

    model.codec.encode = counting  # type: ignore[method-assign]
    run(model, 20)
    assert encoded == [8, 8, 4, 1]  # the crops of both passes in chunks, and the reference


def test_frames_far_from_the_end_do_not_see_it_in_studio_mode(model: Model) -> None:
    changed = Crops(20)
    changed.pixels[-1] *= -1
    for mode, joined in (("studio", False), ("official", True)):
        plan = plan_with(mode, reference_steps=1, steps=1)
        plain = pictures(restore(model, Crops(20), None, None, plan=plan))
        other = pictures(restore(model, changed, None, None, plan=plan))
        assert torch.equal(plain[:3], other[:3]) is not joined


def test_the_first_step_of_a_frame_does_not_depend_on_a_longer_range(model: Model) -> None:
    short = pictures(restore(model, Crops(17), None, None, plan=ONE_STEP))
    longer = pictures(restore(model, Crops(40), None, None, plan=ONE_STEP))
    torch.testing.assert_close(short[:8], longer[:8], atol=1e-5, rtol=0)


@pytest.mark.parametrize("mode", ["studio", "official"])
def test_a_run_goes_on_from_any_checkpoint_with_the_same_bits(model: Model, mode: str) -> None:
    plan, whole = plan_with(mode), Recorder()
    wanted = pictures(run(model, 11, plan, whole))
    names = list(whole.saved)
    assert "pass1/reference" in names and "pass2/step0002" in names
    for count in range(len(names) + 1):
        resumed = Recorder({name: whole.saved[name] for name in names[:count]})
        assert torch.equal(pictures(run(model, 11, plan, resumed)), wanted)
        assert list(resumed.saved) == names[count:]


def test_a_run_cancelled_at_any_window_loses_at_most_one_step(model: Model) -> None:
    wanted = pictures(run(model, 11))
    known: dict[str, torch.Tensor] = {}
    for _ in range(100):
        recorder = Recorder(known, windows=6)
        if not run_until_cancelled(two_passes(model, Crops(11), identify, STUDIO, recorder)):
            break
        assert recorder.saved
        known |= recorder.saved
    assert torch.equal(pictures(run(model, 11, callbacks=Recorder(known))), wanted)


def test_a_cancelled_run_says_so_before_any_work(model: Model) -> None:
    recorder = Recorder(windows=0)
    with pytest.raises(Cancelled):
        run(model, 6, callbacks=recorder)
    assert recorder.saved == {}


def test_progress_counts_the_windows_of_every_stage(model: Model) -> None:
    recorder = Recorder()
    run(model, 20, callbacks=recorder)
    stages = list(dict.fromkeys(stage for stage, _, _ in recorder.reports))
    assert stages == ["encode", "reference", "denoise", "decode"]
    for stage in stages:
        last = [report for report in recorder.reports if report[0] == stage][-1]
        assert last[1] == last[2] > 0


def test_a_checkpoint_of_another_shape_is_refused(model: Model) -> None:
    with pytest.raises(CropShapeMismatch, match="pass2/step0000"):
        list(
            restore(
                model,
                Crops(6),
                None,
                None,
                plan=STUDIO,
                callbacks=Recorder({"pass2/step0000": torch.zeros(5, 4, 4, 4)}),
            )
        )


def test_crops_of_another_size_are_refused_with_their_frame(model: Model) -> None:
    crops = Crops(6)
    crops.pixels = torch.zeros(6, 3, 24, 24)
    with pytest.raises(CropShapeMismatch, match=r"16, 16.*frame 1001"):
        make_reference(model, crops, STUDIO)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_crop_that_is_not_finite_is_refused_with_its_frame(model: Model, bad: float) -> None:
    crops = Crops(12)
    crops.pixels[9, 0, 3, 3] = bad
    with pytest.raises(NotFinite, match="frame 1010"):
        list(restore(model, crops, None, None, plan=STUDIO))


def test_no_crops_are_refused(model: Model) -> None:
    with pytest.raises(CropShapeMismatch, match="no crops"):
        encode_shot(model, Crops(0))


def test_a_reference_that_does_not_fit_is_refused(model: Model) -> None:
    with pytest.raises(CropShapeMismatch, match="reference"):
        list(restore(model, Crops(4), torch.zeros(3, 8, 8), None, plan=STUDIO))
    with pytest.raises(NotFinite, match="reference"):
        list(restore(model, Crops(4), torch.full((3, CROP_PX, CROP_PX), float("nan")), None, plan=STUDIO))


@pytest.mark.parametrize("shape", [(1, 5, 8), (2, 5, 16), (5, 16)])
def test_tokens_that_do_not_fit_are_refused(model: Model, shape: tuple[int, ...]) -> None:
    with pytest.raises(CropShapeMismatch, match="tokens"):
        list(restore(model, Crops(4), None, torch.zeros(shape), plan=STUDIO))


def test_a_seed_that_does_not_fit_is_refused(model: Model) -> None:
    with pytest.raises(SeedOutOfRange):
        run(model, 4, dataclasses.replace(STUDIO, seed=-1))


def test_latents_stay_float32_when_the_network_is_not(model: Model) -> None:
    half = tiny_model()
    half.unet.to(torch.bfloat16)
    ours, exact = pictures(run(half, 9)), pictures(run(model, 9))
    assert ours.dtype == torch.float32
    assert float((ours - exact).abs().max()) < 0.2 * float(exact.abs().max())


def test_a_shot_holds_four_latents_of_each_frame_and_pixels_of_none() -> None:
    def peak_bytes(count: int) -> int:
        model, plan = tiny_model(), plan_with(steps=2, guidance=1.0)
        shot = encode_shot(model, Crops(count))
        with LiveBytes() as live, torch.no_grad():
            pass_latents(
                model,
                shot,
                plan,
                sampling_pass=2,
                reference=torch.zeros(3, 16, 16),
                tokens=None,
                callbacks=NoCallbacks(),
            )
        return live.peak_bytes

    latent = 4 * 4 * 4 * 4
    assert (peak_bytes(96) - peak_bytes(48)) / 48 / latent < 4.2
