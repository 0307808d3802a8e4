import dataclasses
import json
from itertools import chain, combinations

import numpy as np
import pytest

from svfr_client.errors import BadRecord
from svfr_client.vocabulary import TASKS
from svfr_lab.degradation.basic import TRAINING, TRAINING_WIDE
from svfr_lab.degradation.chain import ClipDegradation, degrade_clip
from svfr_lab.degradation.degrade import HOLE_CODE, degrade
from svfr_lab.degradation.ranges import DegradationRanges
from svfr_lab.degradation.registry import FILM, RECIPES, RICH
from svfr_lab.degradation.tone import FilmResponse
from svfr_lab.errors import ArgumentOutOfRange

COMBINATIONS = [
    frozenset(names)
    for names in chain.from_iterable(combinations(sorted(frozenset(TASKS)), n) for n in range(4))
]
NEW = [FILM, RICH]


@pytest.fixture(scope="module")
def clip():
    """Five frames of smooth colour with a moving edge."""
    y, x = np.mgrid[0:72, 0:96] / 96
    frames = [np.stack([x, y, (x > 0.3 + 0.02 * f) * 0.8], axis=-1) for f in range(5)]
    return np.stack(frames).astype(np.float32)


@pytest.mark.parametrize("tasks", COMBINATIONS, ids=lambda tasks: "+".join(sorted(tasks)) or "none")
@pytest.mark.parametrize("name", list(RECIPES))
def test_shape_and_range_stay_and_the_seed_decides_every_byte(clip, tasks, name):
    before = clip.copy()
    first, again = (degrade(clip, tasks, np.random.default_rng(4), RECIPES[name]) for _ in range(2))
    assert first.lq.shape == clip.shape and first.lq.dtype == np.float32
    assert first.lq.min() >= 0 and first.lq.max() <= 1
    assert first.lq.tobytes() == again.lq.tobytes()
    assert np.array_equal(clip, before), "the clean clip is left alone"
    assert (first.low_resolution is None) == ("bfr" not in tasks)
    assert (first.hole is None) == ("inpaint" not in tasks)
    for frame in range(len(clip)):
        hole = first.hole_of(frame)
        if hole is not None:
            assert hole.shape == clip.shape[1:3]
            assert (first.lq[frame][hole] == HOLE_CODE).all()


@pytest.mark.parametrize("recipe", NEW)
def test_another_seed_is_another_damage(clip, recipe):
    damaged = [degrade(clip, frozenset(TASKS), np.random.default_rng(seed), recipe).lq for seed in range(12)]
    assert len({lq.tobytes() for lq in damaged}) == 12


@pytest.mark.parametrize("recipe", NEW)
def test_no_task_means_no_damage(clip, recipe):
    for seed in range(5):
        assert np.array_equal(degrade(clip, frozenset(), np.random.default_rng(seed), recipe).lq, clip)


@pytest.mark.parametrize("recipe", NEW)
def test_colorize_alone_takes_colour_and_nothing_else(clip, recipe):
    rec601 = clip @ np.array([0.299, 0.587, 0.114], np.float32)
    seen = set()
    for seed in range(30):
        drawn = recipe.draw(np.random.default_rng(seed))
        lq = degrade_clip(clip, frozenset({"colorize"}), drawn).lq
        assert np.array_equal(lq[..., 0], lq[..., 1]) and np.array_equal(lq[..., 0], lq[..., 2])
        assert np.allclose(lq[..., 0], rec601, atol=1e-6) == (drawn.film.response is FilmResponse.REC601)
        seen.add(drawn.film.response)
    assert seen == set(FilmResponse)


@pytest.mark.parametrize("recipe", NEW)
def test_a_grey_film_stays_grey_through_noise_and_codecs(clip, recipe):
    for seed in range(12):
        lq = degrade(clip, frozenset({"bfr", "colorize"}), np.random.default_rng(seed), recipe).lq
        assert np.ptp(lq, axis=-1).max() == 0


@pytest.mark.parametrize("recipe", NEW)
def test_inpaint_alone_changes_the_hole_alone(clip, recipe):
    for seed in range(10):
        degraded = degrade(clip, frozenset({"inpaint"}), np.random.default_rng(seed), recipe)
        assert degraded.hole is not None and degraded.hole.shape == clip.shape[:3]
        assert np.array_equal(degraded.lq[~degraded.hole], clip[~degraded.hole])


@pytest.mark.parametrize("recipe", NEW)
def test_all_sets_of_tasks_share_what_was_drawn(clip, recipe):
    quality, both, hole = (
        degrade(clip, frozenset(tasks), np.random.default_rng(6), recipe)
        for tasks in ({"bfr"}, {"bfr", "inpaint"}, {"colorize", "inpaint"})
    )
    assert np.array_equal(both.hole, hole.hole)
    assert np.array_equal(both.lq[~both.hole], quality.lq[~both.hole])


@pytest.mark.parametrize("recipe", NEW)
@pytest.mark.parametrize("shape", [(1, 96, 96), (3, 37, 53), (2, 16, 130)])
def test_one_frame_and_odd_sizes_are_damaged_too(recipe, shape):
    clip = np.random.default_rng(0).random((*shape, 3), np.float32)
    for seed in range(8):
        assert degrade(clip, frozenset(TASKS), np.random.default_rng(seed), recipe).lq.shape == clip.shape


@pytest.mark.parametrize("recipe", NEW)
def test_mild_and_severe_damage_are_both_common(clip, recipe):
    errors = [
        np.abs(degrade(clip, frozenset({"bfr"}), np.random.default_rng(seed), recipe).lq - clip).mean()
        for seed in range(60)
    ]
    assert np.percentile(errors, 90) > 3 * np.percentile(errors, 10)
    assert min(errors) > 0.001


def test_leaving_one_damage_out_changes_no_other():
    drawn = FILM.draw(np.random.default_rng(8))
    clip = np.full((4, 64, 64, 3), 0.5, np.float32)
    without = dataclasses.replace(
        drawn, film=dataclasses.replace(drawn.film, dirt=dataclasses.replace(drawn.film.dirt, opacity=0.0))
    )
    first, second = (degrade_clip(clip, frozenset({"bfr"}), one).lq for one in (drawn, without))
    assert drawn.film.dirt.opacity > 0 and np.mean(first != second) > 0.02
    assert np.abs(first - second).mean() < 0.5 * np.abs(second - 0.5).mean(), "grain and flicker are the same"


@pytest.mark.parametrize("recipe", NEW)
def test_what_was_drawn_can_be_written_down_and_applied_again(clip, recipe):
    for seed in range(10):
        drawn = recipe.draw(np.random.default_rng(seed))
        read = ClipDegradation.from_text(drawn.to_text())
        assert read == drawn
        again, first = (degrade_clip(clip, frozenset(TASKS), one).lq for one in (read, drawn))
        assert again.tobytes() == first.tobytes()
        assert np.array_equal(first, degrade(clip, frozenset(TASKS), np.random.default_rng(seed), recipe).lq)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda plain: plain.pop("seed"), BadRecord, "seed is missing"),
        (lambda plain: plain.update(colour=1), BadRecord, "colour is unknown"),
        (lambda plain: plain["film"].update(response="sepia"), BadRecord, "one of rec601, orthochromatic"),
        (lambda plain: plain["copies"][0].update(jpeg_quality=101), ArgumentOutOfRange, "jpeg_quality"),
        (lambda plain: plain.update(seed=-1), ArgumentOutOfRange, "seed"),
    ],
)
def test_damage_that_cannot_be_is_refused_by_name(change, error, said):
    plain = json.loads(RICH.draw(np.random.default_rng(0)).to_text())
    change(plain)
    with pytest.raises(error, match=said):
        ClipDegradation.from_text(json.dumps(plain))


def test_text_that_is_not_json_is_refused():
    with pytest.raises(BadRecord, match="is no JSON"):
        ClipDegradation.from_text("seed 7")


def test_the_named_sets_are_those_of_the_training_recipes():
    assert {"usual", "wide", "film", "rich"} <= set(RECIPES)
    assert RECIPES["usual"] is TRAINING and RECIPES["wide"] is TRAINING_WIDE
    assert isinstance(RECIPES["film"], DegradationRanges) and isinstance(RECIPES["rich"], DegradationRanges)
    with pytest.raises(TypeError):
        RECIPES["mine"] = TRAINING
