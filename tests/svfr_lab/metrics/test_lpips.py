import numpy as np
import pytest
import torch
from quality_samples import alex_features, noisy, real_face_clip, save_backbone, vgg_features
from torchmetrics.functional.image import lpips as reference

from svfr.errors import (
    CheckpointUnreadable,
    TensorShapesWrong,
    TensorsMissing,
)
from svfr_lab.metrics.errors import PicturesDoNotMatch, PictureTooSmall
from svfr_lab.metrics.lpips import Lpips

FEATURES = {"alex": alex_features, "vgg": vgg_features}


@pytest.fixture(scope="module")
def pictures():
    truth = real_face_clip(1)[0, 60:156, 80:192]
    return tuple(clip.astype(np.float32) / 255.0 for clip in (noisy(truth, 25.0), truth))


@pytest.fixture(scope="module", params=["alex", "vgg"])
def network(request, tmp_path_factory):
    torch.manual_seed(3)
    features = FEATURES[request.param]()
    path = save_backbone(tmp_path_factory.mktemp("weights") / f"{request.param}.pth", features)
    return request.param, features, Lpips(path)


@pytest.fixture(scope="module")
def alex_file(tmp_path_factory):
    torch.manual_seed(4)
    return save_backbone(tmp_path_factory.mktemp("weights") / "alex.pth", alex_features())


def planes(picture):
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def test_the_distance_is_that_of_the_published_code(network, pictures, monkeypatch):
    name, features, ours = network
    # torchmetrics carries the published code and takes only its backbone from torchvision
    monkeypatch.setattr(reference, "_get_tv_model_features", lambda net, pretrained: features)
    theirs = reference._LPIPS(net=name)
    with torch.no_grad():
        expected = float(theirs(*map(planes, pictures), normalize=True))
    assert expected > 1e-3
    assert ours.distance(*pictures) == pytest.approx(expected, rel=1e-4)


def test_the_backbone_is_known_by_its_weights(network):
    assert network[2].backbone == network[0]


def test_equal_pictures_have_no_distance(network, pictures):
    assert network[2].distance(pictures[1], pictures[1]) == 0.0


def test_a_matte_that_is_one_everywhere_changes_nothing(network, pictures):
    matte = np.ones(pictures[0].shape[:2], np.float32)
    assert network[2].distance(*pictures, matte) == pytest.approx(network[2].distance(*pictures), rel=1e-5)


def test_under_an_empty_matte_there_is_no_distance(network, pictures):
    assert network[2].distance(*pictures, np.zeros(pictures[0].shape[:2], np.float32)) is None


def test_a_matte_leads_the_eye_to_where_the_difference_is(alex_file, pictures):
    lpips = Lpips(alex_file)
    truth = pictures[1]
    result, matte = truth.copy(), np.zeros(truth.shape[:2], np.float32)
    result[:32], matte[:32] = 1.0 - result[:32], 1.0
    assert lpips.distance(result, truth, matte) > 1.5 * lpips.distance(result, truth)


def test_pictures_too_small_for_the_last_layer_are_refused(network):
    side = 15 if network[0] == "vgg" else 30
    small = np.zeros((side, 64, 3), np.float32)
    with pytest.raises(PictureTooSmall):
        network[2].distance(small, small)


def test_the_smallest_pictures_have_a_distance(network):
    side = 16 if network[0] == "vgg" else 31
    small = np.random.default_rng(0).random((side, side, 3), np.float32)
    assert network[2].distance(small, 1 - small) > 0.0


def test_pictures_of_two_sizes_are_refused(alex_file, pictures):
    with pytest.raises(PicturesDoNotMatch):
        Lpips(alex_file).distance(pictures[0][:-1], pictures[1])


def test_a_truncated_weight_file_is_unreadable(tmp_path, alex_file):
    cut = tmp_path / "alexnet.pth"
    cut.write_bytes(alex_file.read_bytes()[:5000])
    with pytest.raises(CheckpointUnreadable):
        Lpips(cut)


@pytest.mark.parametrize(
    ("name", "value", "error"),
    [("features.3.bias", None, TensorsMissing), ("features.3.bias", torch.zeros(7), TensorShapesWrong)],
    ids=["missing", "misshapen"],
)
def test_every_tensor_of_the_backbone_is_checked(tmp_path, alex_file, name, value, error):
    tensors = torch.load(alex_file, weights_only=True)
    del tensors[name]
    torch.save(tensors | ({} if value is None else {name: value}), tmp_path / "alexnet.pth")
    with pytest.raises(error, match=r"features\.3\.bias"):
        Lpips(tmp_path / "alexnet.pth")
