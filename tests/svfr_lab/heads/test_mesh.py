import numpy as np
import pytest

from svfr_lab.heads import mesh


def test_rotations_keep_lengths_and_handedness():
    rotation = mesh.rotation_matrix(0.4, -0.2, 0.1)
    assert np.allclose(rotation @ rotation.T, np.eye(3))
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_a_positive_yaw_turns_the_face_towards_image_right():
    assert (mesh.rotation_matrix(0.3, 0, 0) @ [0, 0, 1])[0] > 0


def test_normals_have_unit_length_and_point_away_from_the_head():
    model = mesh.load_head_model()
    rest = model.assets.rest_vertices
    normals = mesh.vertex_normals(model, rest)
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-4)
    assert normals[model.nose_tip_vertex, 2] > 0.7


def test_the_same_seed_draws_the_same_person_and_another_seed_another():
    model = mesh.load_head_model()
    first, again, other = (mesh.draw_identity(model, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 0.05


def test_motion_is_smooth_and_its_weights_stay_in_range():
    motion = mesh.draw_motion(mesh.load_head_model(), np.random.default_rng(3), frame_count=40)
    assert motion.frame_count == 40
    assert motion.weights.min() >= 0 and motion.weights.max() <= 1
    assert np.abs(np.diff(motion.rotation_rad, axis=0)).max() < 0.05


def test_a_clip_of_one_frame_can_be_drawn():
    model = mesh.load_head_model()
    rng = np.random.default_rng(4)
    identity = mesh.draw_identity(model, rng)
    motion = mesh.draw_motion(model, rng, frame_count=1)
    assert mesh.posed_vertices(model, identity, motion).shape == (1, *identity.shape)


def test_the_five_points_of_the_rest_head_are_where_a_face_has_them():
    model = mesh.load_head_model()
    points = mesh.five_points(model, model.assets.rest_vertices)
    left_eye, right_eye, nose, left_mouth, right_mouth = points
    assert left_eye[0] == pytest.approx(-right_eye[0], abs=1e-3)
    assert left_mouth[0] == pytest.approx(-right_mouth[0], abs=1e-3)
    assert left_eye[0] < left_mouth[0] < nose[0] < right_mouth[0] < right_eye[0]
    assert left_eye[1] > nose[1] > left_mouth[1]
    assert nose[2] == points[:, 2].max()


def test_the_pivot_of_the_head_projects_to_the_middle_of_the_image():
    model = mesh.load_head_model()
    motion = mesh.draw_motion(model, np.random.default_rng(5), frame_count=1)
    centred = mesh.view_matrix(model, motion, 0)
    centred[:2, 3] -= motion.shift[0]
    pivot = np.array([[0, model.eye_level - 0.22, 0.55]], np.float32)
    assert np.allclose(mesh.project(pivot, centred, 100), [[50, 50]], atol=1e-3)
