import math

import cv2
import numpy as np
import pytest
import torch
from quality_samples import real_face_clip, save_arcface, small_arcface

from svfr.errors import TensorsMissing
from svfr_lab.metrics.arcface import ArcFace, aligned_face, identity_similarity, identity_step

# insightface's template for 112 px, as its face_align.py has it, counted from the first pixel's centre
TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)


@pytest.fixture(scope="module")
def network():
    return small_arcface()


@pytest.fixture(scope="module")
def arcface(network, tmp_path_factory):
    return ArcFace(save_arcface(tmp_path_factory.mktemp("weights") / "arcface.pth", network))


@pytest.fixture(scope="module")
def crop():
    return real_face_clip(1)[0].astype(np.float32) / 255.0


def turned(degrees):
    vector = np.zeros(512)
    vector[0], vector[1] = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return vector


@pytest.mark.parametrize("degrees", [0, 30, 90, 180])
def test_ids_is_the_cosine_of_the_angle(degrees):
    assert identity_similarity(turned(degrees), turned(0)) == pytest.approx(math.cos(math.radians(degrees)))


@pytest.mark.parametrize("degrees", [0, 30, 90, 180])
def test_vidd_is_the_chord_of_the_angle(degrees):
    chord = 2 * math.sin(math.radians(degrees) / 2)
    assert identity_step(turned(10), turned(10 + degrees)) == pytest.approx(chord, abs=1e-12)


def test_a_face_on_the_template_is_copied(crop):
    face = aligned_face(crop, TEMPLATE + 0.5)
    np.testing.assert_allclose(face, crop[:112, :112], atol=2e-3)


def test_a_turned_and_enlarged_face_is_put_upright(crop):
    angle, scale = math.radians(20), 1.6
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    matrix = np.column_stack([turn, [60.0, -10.0]])
    picture = cv2.warpAffine(crop[:112, :112], matrix, (256, 256), flags=cv2.INTER_CUBIC)
    points = TEMPLATE @ turn.T + matrix[:, 2] + 0.5
    inner = (slice(25, 90), slice(25, 90))
    error = np.abs(aligned_face(picture, points)[inner] - crop[:112, :112][inner])
    assert float(error.mean()) < 0.02


def test_the_embedding_is_the_network_s_on_the_aligned_face(network, arcface, crop):
    pixels = torch.from_numpy(crop[:112, :112].copy()).permute(2, 0, 1)[None] * 2 - 1
    with torch.no_grad():
        expected = network(pixels)[0][0].double().numpy()
    found = arcface.embedding(crop, TEMPLATE + 0.5)
    assert np.linalg.norm(found) == pytest.approx(1.0)
    # OpenCV's bilinear warp places pixels in steps of 1/32
    assert found @ expected / np.linalg.norm(expected) == pytest.approx(1.0, abs=1e-4)
    elsewhere = arcface.embedding(crop, TEMPLATE + 60.5)
    assert identity_similarity(found, elsewhere) < 0.99


def test_the_depth_is_read_from_the_file(arcface):
    assert arcface.blocks == (1, 2, 1, 1)


def test_red_and_blue_are_not_swapped(arcface, crop):
    points = TEMPLATE + 0.5
    swapped = arcface.embedding(np.ascontiguousarray(crop[..., ::-1]), points)
    assert identity_similarity(arcface.embedding(crop, points), swapped) < 0.999


def test_a_network_without_its_embedding_layer_is_refused(tmp_path, network):
    tensors = {name: tensor for name, tensor in network.state_dict().items() if not name.startswith("fc.")}
    torch.save(tensors, tmp_path / "arcface.pth")
    with pytest.raises(TensorsMissing, match=r"fc\.weight"):
        ArcFace(tmp_path / "arcface.pth")
