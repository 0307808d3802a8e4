from dataclasses import replace

import numpy as np
import pytest
from still_heads import at_rest

from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.heads.appearance_v2 import draw_calm_motion, draw_photographed_appearance, draw_scalp
from svfr_lab.heads.clip_scene import CURRENT_REVISION, draw_scene
from svfr_lab.heads.dataset import RenderSettings
from svfr_lab.heads.detector_agreement import Share, frontal_people
from svfr_lab.heads.mesh import PART_SKIN, load_head_model
from svfr_lab.heads.renderer import FaceRenderer

LUMA = np.array([0.2126, 0.7152, 0.0722])
SEEDS = range(40)


def test_revisions_draw_other_clips_from_the_same_seed(renderer: FaceRenderer):
    first, current = (draw_scene(renderer.model, 5, 2, 3, revision) for revision in (1, CURRENT_REVISION))
    assert not np.allclose(first.identity, current.identity)
    assert first.details is None and current.details is not None


@pytest.mark.parametrize("revision", [0, CURRENT_REVISION + 1])
def test_a_revision_that_does_not_exist_is_refused(renderer: FaceRenderer, revision: int):
    with pytest.raises(ArgumentOutOfRange, match="no revision"):
        draw_scene(renderer.model, 5, 2, 3, revision)
    with pytest.raises(ArgumentOutOfRange, match="no revision"):
        FaceRenderer(64, np.zeros((1, 8, 8, 3), np.uint8), revision)


def test_settings_of_before_there_were_revisions_are_of_the_first():
    record = {"clips": 1, "first_seed": 2, "size_px": 96, "frames": 8, "bank_seed": 5, "bank": 600}
    assert RenderSettings.from_record(record).revision == 1
    assert RenderSettings.from_record(record | {"revision": 2}).revision == 2
    assert RenderSettings(clips=1, first_seed=2).revision == CURRENT_REVISION


def test_hair_grows_on_skin_above_the_brows_and_never_on_ears():
    model = load_head_model()
    y = model.assets.rest_vertices[:, 1]
    forehead = (np.abs(model.assets.rest_vertices[:, 0]) < 0.1) & (model.assets.rest_vertices[:, 2] > 1.3)
    for seed in SEEDS:
        scalp = draw_scalp(model, np.random.default_rng(seed))
        assert scalp.min() == 0.0 and scalp.max() == 1.0
        assert not scalp[model.ears].any() and not scalp[model.parts != PART_SKIN].any()
        assert not scalp[forehead & (y < model.eye_level + 0.5)].any()


def test_expressions_are_few_smooth_and_the_same_on_both_sides():
    model = load_head_model()
    names = model.assets.target_names
    for seed in range(6):
        motion = draw_calm_motion(model, np.random.default_rng(seed), 12)
        chosen = [names[target] for target in motion.targets]
        assert len(chosen) == len(set(chosen)) and motion.weights.shape == (12, len(chosen))
        assert motion.weights.min() >= 0.0 and motion.weights.max() <= 1.0
        assert chosen[-3:] == ["ex/jawOpen", "ex/eyeBlinkLeft", "ex/eyeBlinkRight"]
        assert not any("tongue" in name for name in chosen)
        for name in chosen:
            if name.endswith("Left") and not name.startswith(("ex/jaw", "ex/mouthLeft")):
                assert name.replace("Left", "Right") in chosen


def test_no_face_is_left_in_the_dark_or_blown_out():
    for seed in SEEDS:
        look = draw_photographed_appearance(np.random.default_rng(seed))
        light = (
            0.7 * np.array(look.ambient_rgb)
            + max(0.0, 0.85 * look.key_direction[2] + 0.15) * np.array(look.key_rgb)
            + max(0.0, look.fill_direction[2]) * np.array(look.fill_rgb)
        )
        assert 0.099 < float((np.array(look.skin_rgb) * light) @ LUMA) < 0.421


def test_people_differ_in_all_that_should_vary():
    looks = [draw_photographed_appearance(np.random.default_rng(seed)) for seed in range(120)]
    for name in ("skin_rgb", "hair_rgb", "iris_rgb", "lip_rgb", "clothes_rgb_1", "key_direction", "key_rgb"):
        spread = np.std([getattr(look, name) for look in looks], axis=0)
        assert spread.min() > 0.02, name
    assert 0.05 < np.mean([look.glasses_worn for look in looks]) < 0.3
    assert 0.1 < np.mean([look.beard > 0 for look in looks]) < 0.45
    assert {int(look.clothes_pattern * 5) for look in looks} == set(range(5))


def test_the_brows_that_are_painted_lie_at_the_landmarks(renderer: FaceRenderer):
    """Black brows on pale skin are darkest a little below the landmarks of their upper half."""
    for seed in range(300, 306):
        scene = draw_scene(renderer.model, seed, 1, 3)
        still = at_rest(scene.motion, "shift")
        look = replace(
            scene.appearance,
            skin_rgb=(0.6, 0.6, 0.6),
            hair_rgb=(0.0, 0.0, 0.0),
            hair_style=0.0,
            glasses_worn=0.0,
            eye_shadow=0.0,
            specular=0.0,
        )
        assert scene.details is not None
        thick = replace(scene.details, brow_half_height=0.06, brow_density=1.1)
        clip = renderer.render_scene(replace(scene, motion=still, appearance=look, details=thick))
        grey = clip.frames[0].astype(float).mean(axis=-1)
        points = clip.landmarks68_px[0]
        for brow in (19, 24):
            x, y = points[brow]
            column = grey[int(y) - 8 : int(y) + 9, int(x)]
            assert abs(int(column.argmin()) - 8 - 2) <= 3


def test_the_detector_agrees_on_most_frontal_people(renderer: FaceRenderer):
    """The whole measurement has 200 people; here a few, for the way and against a fall."""
    people = list(frontal_people(8_500_000, 16, CURRENT_REVISION))
    assert len({person.seed for person in people}) == 16
    assert sum(person.is_found for person in people) >= 13


def test_wilsons_interval_is_the_published_one():
    share = Share.of(81, 263)
    assert (share.low, share.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert Share.of(10, 10).high == pytest.approx(1.0) and Share.of(10, 10).low < 0.75
    assert "95 % interval" in str(share)
