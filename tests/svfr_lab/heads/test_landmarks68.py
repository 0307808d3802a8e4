import json
from pathlib import Path

import numpy as np
import pytest

from svfr_lab.errors import ArgumentOutOfRange, HeadAssetsDoNotMatch
from svfr_lab.heads.choose_landmarks68 import choose_landmarks
from svfr_lab.heads.clip_scene import CURRENT_REVISION, FIRST_REVISION
from svfr_lab.heads.landmarks68 import (
    BROWS,
    LANDMARKS_68_PATH,
    MIRRORED_68,
    SurfacePoint,
    load_landmarks_68,
    mirrored_order,
    read_landmarks_68,
    write_landmarks_68,
)
from svfr_lab.heads.mesh import PART_SKIN, five_points, load_head_model, vertex_normals

JAW, LEFT_BROW, RIGHT_BROW, RIDGE, BASE = (
    range(17),
    range(17, 22),
    range(22, 27),
    range(27, 31),
    range(31, 36),
)
OUTER = range(48, 60)


REVISIONS = range(FIRST_REVISION, CURRENT_REVISION + 1)


def points_on_rest(revision: int = CURRENT_REVISION) -> np.ndarray:
    return load_landmarks_68(revision).on(load_head_model().assets.rest_vertices)


def test_choosing_the_points_again_gives_the_packaged_file(tmp_path: Path):
    model, path = load_head_model(), tmp_path / "again.json"
    write_landmarks_68(path, choose_landmarks(model))
    for revision in REVISIONS:
        again = read_landmarks_68(path, revision).on(model.assets.rest_vertices)
        assert np.allclose(again, points_on_rest(revision), atol=1e-4)


def test_revisions_differ_in_the_brows_alone():
    first, current = points_on_rest(FIRST_REVISION), points_on_rest()
    moved = np.abs(first - current).max(axis=1) > 1e-6
    assert np.flatnonzero(moved).tolist() == list(BROWS)
    assert (first[BROWS, 1] > current[BROWS, 1]).all()


def test_every_point_lies_on_skin_that_faces_the_viewer():
    model, points = load_head_model(), load_landmarks_68(CURRENT_REVISION)
    assert (model.parts[points.vertices] == PART_SKIN).all()
    normals = vertex_normals(model, model.assets.rest_vertices)
    facing = points.on(normals)[:, 2]
    corners_of_the_mouth = {48, 54}
    front = [*LEFT_BROW, *RIGHT_BROW, *RIDGE, *sorted(set(OUTER) - corners_of_the_mouth)]
    assert facing[front].min() > 0.0


def test_the_rest_head_has_its_landmarks_in_the_order_of_the_scheme():
    x, y, z = points_on_rest().T
    assert (np.diff(x[1:16]) > 0).all() and y[JAW].argmin() == 8
    for row in (LEFT_BROW, RIGHT_BROW, BASE, range(48, 55), range(60, 65)):
        assert (np.diff(x[row]) > 0).all()
    assert (np.diff(y[RIDGE]) < 0).all() and z.argmax() == 30
    for corner, upper, inner, lower in ((36, (37, 38), 39, (40, 41)), (42, (43, 44), 45, (46, 47))):
        assert x[corner] < min(x[list(upper)]) and max(x[list(upper)]) < x[inner]
        assert y[list(upper)].min() > y[list(lower)].max()
    assert y[62] >= y[66] and y[51] > y[62] and y[57] < y[66]


def test_the_points_are_mirror_images_of_one_another():
    points = points_on_rest()
    assert np.allclose(points[list(MIRRORED_68)] * [-1, 1, 1], points, atol=2e-3)


def test_mirroring_twice_is_no_change():
    for count in (5, 68):
        order = mirrored_order(count)
        assert [order[i] for i in order] == list(range(count))


def test_the_corners_and_the_tip_agree_with_the_five_points():
    model = load_head_model()
    five, many = five_points(model, model.assets.rest_vertices), points_on_rest()
    assert np.allclose(many[30], five[2])
    for corner, of_five in ((48, 3), (54, 4)):
        assert np.abs(many[corner] - five[of_five])[:2].max() < 0.03


def test_a_blink_closes_the_lids_and_an_open_jaw_the_lips_apart():
    model, points = load_head_model(), load_landmarks_68(CURRENT_REVISION)
    rest, offsets = model.assets.rest_vertices, model.assets.offsets
    blink = rest + offsets[model.assets.target("ex/eyeBlinkRight")]
    speak = rest + offsets[model.assets.target("ex/jawOpen")]

    def gap(mesh: np.ndarray, upper: int, lower: int) -> float:
        on_mesh = points.on(mesh)
        return float(on_mesh[upper, 1] - on_mesh[lower, 1])

    assert gap(blink, 37, 41) < 0.35 * gap(rest, 37, 41)
    assert gap(speak, 62, 66) > gap(rest, 62, 66) + 0.1


def test_points_that_differ_elsewhere_are_not_written(tmp_path: Path):
    points = [SurfacePoint.of_vertex(vertex) for vertex in range(68)]
    with pytest.raises(ArgumentOutOfRange, match="brows alone"):
        write_landmarks_68(tmp_path / "points.json", {1: points, 2: [points[1], *points[1:]]})


@pytest.mark.parametrize("count", [4, 98])
def test_the_mirror_of_an_unknown_scheme_is_refused(count: int):
    with pytest.raises(ArgumentOutOfRange):
        mirrored_order(count)


@pytest.mark.parametrize("fault", ["gone", "short", "scheme", "weights", "text", "revision"])
def test_a_damaged_file_of_points_is_refused(tmp_path: Path, fault: str):
    path = tmp_path / "points.json"
    body = json.loads(LANDMARKS_68_PATH.read_text())
    if fault == "short":
        del body["points"]["3"]
    if fault == "scheme":
        body["scheme"] = "other"
    if fault == "weights":
        body["points"]["3"]["weights"] = [1.0, 1.0, 0.0]
    if fault == "revision":
        del body["brows"][str(CURRENT_REVISION)]
    if fault != "gone":
        path.write_text("no" if fault == "text" else json.dumps(body))
    with pytest.raises(HeadAssetsDoNotMatch, match="choose_landmarks68"):
        read_landmarks_68(path, CURRENT_REVISION)
