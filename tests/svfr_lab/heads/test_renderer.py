from dataclasses import replace

import numpy as np
import pytest
from still_heads import at_rest

from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.heads.renderer import ClipScene, FaceRenderer, draw_scene

GREEN = (0.0, 1.0, 0.0)
SEEDS = range(200, 206)


def before_a_green_wall(scene: ClipScene) -> ClipScene:
    wall = replace(scene.wall, wall_rgb=(GREEN,) * 5, wall_ripple=0.0)
    return replace(scene, wall=wall, backdrop=None)


def looking_straight_with_green_irises(scene: ClipScene) -> ClipScene:
    still = at_rest(scene.motion, "gaze")
    look = replace(
        scene.appearance,
        skin_rgb=(0.5, 0.2, 0.2),
        hair_rgb=(0.1, 0.02, 0.02),
        iris_rgb=GREEN,
        glasses_worn=0.0,
    )
    black = replace(scene.wall, wall_rgb=((0.0, 0.0, 0.0),) * 5)
    return replace(scene, motion=still, appearance=look, wall=black, backdrop=None)


def draw_face_centre(renderer: FaceRenderer, scene: ClipScene) -> tuple[int, int]:
    x, y = renderer.render_scene(scene).landmarks_px[0, 2]
    return int(x), int(y)


def test_the_same_seed_gives_the_same_pixels_and_landmarks(renderer: FaceRenderer):
    first, again = renderer.render_clip(11, 2), renderer.render_clip(11, 2)
    assert np.array_equal(first.frames, again.frames)
    assert np.array_equal(first.landmarks_px, again.landmarks_px)


def test_two_renderers_in_one_process_do_not_disturb_each_other(renderer: FaceRenderer):
    alone = renderer.render_clip(11, 1).frames
    other = FaceRenderer(64, np.zeros((3, 192, 192, 3), np.uint8))
    other_alone = other.render_clip(12, 1).frames
    assert np.array_equal(renderer.render_clip(11, 1).frames, alone)
    assert np.array_equal(other.render_clip(12, 1).frames, other_alone)
    other.close()
    assert np.array_equal(renderer.render_clip(11, 1).frames, alone)


def test_another_seed_gives_another_picture(renderer: FaceRenderer):
    first, other = renderer.render_clip(11, 1), renderer.render_clip(12, 1)
    assert np.abs(first.frames.astype(int) - other.frames).mean() > 10


def test_a_clip_moves_but_not_much_between_neighbours(renderer: FaceRenderer):
    frames = renderer.render_clip(13, 4).frames.astype(int)
    steps = np.abs(np.diff(frames, axis=0)).mean(axis=(1, 2, 3))
    assert (steps > 0).all() and (steps < 25).all()


def test_shapes_and_types_are_as_documented(renderer: FaceRenderer):
    clip = renderer.render_clip(14, 3)
    assert clip.frames.shape == (3, 128, 128, 3) and clip.frames.dtype == np.uint8
    assert clip.landmarks_px.shape == (3, 5, 2) and clip.landmarks_px.dtype == np.float32
    assert clip.landmarks68_px.shape == (3, 68, 2) and clip.landmarks68_px.dtype == np.float32


def test_every_landmark_lies_on_the_head(renderer: FaceRenderer):
    for seed in SEEDS:
        scene = before_a_green_wall(draw_scene(renderer.model, seed, 2, 3))
        clip = renderer.render_scene(scene)
        landmarks_px = np.concatenate([clip.landmarks_px, clip.landmarks68_px], axis=1)
        for frame, points in zip(clip.frames, landmarks_px, strict=True):
            for x, y in np.floor(points).astype(int):
                if 1 <= x < 127 and 1 <= y < 127:
                    around = frame[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3)
                    assert not (around == [0, 255, 0]).all(axis=1).all()


def test_eye_landmarks_agree_with_the_painted_irises(renderer: FaceRenderer):
    for seed in SEEDS:
        scene = looking_straight_with_green_irises(draw_scene(renderer.model, seed, 1, 3))
        clip = renderer.render_scene(scene)
        red, green, blue = np.moveaxis(clip.frames[0].astype(int), -1, 0)
        rows, columns = np.nonzero((green > 40) & (green > 2 * red) & (green > 2 * blue))
        middle = clip.landmarks_px[0, 2, 0]
        for eye, side in ((0, columns < middle), (1, columns >= middle)):
            assert side.sum() >= 3
            # lids may hide an iris from above or below, not from one side
            x, y = columns[side].mean() + 0.5, rows[side].mean() + 0.5
            assert clip.landmarks_px[0, eye, 0] == pytest.approx(x, abs=1.0)
            assert clip.landmarks_px[0, eye, 1] == pytest.approx(y, abs=3.0)


def test_the_wall_shows_wherever_there_is_no_head(renderer: FaceRenderer):
    scene = before_a_green_wall(draw_scene(renderer.model, 201, 1, 3))
    frame = renderer.render_scene(scene).frames[0]
    assert 0.05 < (frame == [0, 255, 0]).all(axis=-1).mean() < 0.95


def test_only_the_backdrop_follows_its_gain(renderer: FaceRenderer):
    scenes = (draw_scene(renderer.model, seed, 1, 3) for seed in SEEDS)
    scene = next(scene for scene in scenes if scene.backdrop is not None)
    dark, bright = (
        renderer.render_scene(replace(scene, backdrop=replace(scene.backdrop, gain=gain))).frames[0]
        for gain in (0.0, 1.0)
    )
    x, y = draw_face_centre(renderer, scene)
    assert np.array_equal(dark[y, x], bright[y, x])
    assert (dark.max(axis=-1) == 0).mean() > 0.05
    assert bright.mean() > dark.mean()


@pytest.mark.parametrize(("size_px", "backgrounds"), [(8, 1), (64, 0)])
def test_a_renderer_without_room_or_backgrounds_is_refused(size_px, backgrounds):
    with pytest.raises(ArgumentOutOfRange):
        FaceRenderer(size_px, np.zeros((backgrounds, 192, 192, 3), np.uint8))
