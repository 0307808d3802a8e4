import numpy as np
import pytest
import torch
from quality_samples import MeanVideo, save_script
from scipy.linalg import sqrtm
from torch import nn

from svfr.errors import ModelFileMissing
from svfr_lab.metrics.errors import PicturesDoNotMatch, TorchScriptNotTrusted, TorchScriptUnusable
from svfr_lab.metrics.fvd import ClipCutter, I3d, frechet_distance


def samples(count, channels, seed, shift=0.0, scale=1.0):
    return np.random.default_rng(seed).normal(shift, scale, (count, channels))


def by_matrix_root(ours, theirs):
    """The formula as StyleGAN-V's code writes it."""
    ours_cov, theirs_cov = np.cov(ours, rowvar=False), np.cov(theirs, rowvar=False)
    root = sqrtm(ours_cov @ theirs_cov)
    apart = np.square(ours.mean(0) - theirs.mean(0)).sum()
    return float(np.real(apart + np.trace(ours_cov + theirs_cov - 2 * root)))


def test_in_one_dimension_the_distance_is_that_of_means_and_deviations():
    ours, theirs = samples(50, 1, 0, 1.0, 2.0), samples(40, 1, 1, -2.0, 0.5)
    expected = (ours.mean() - theirs.mean()) ** 2 + (ours.std(ddof=1) - theirs.std(ddof=1)) ** 2
    assert frechet_distance(ours, theirs) == pytest.approx(expected, rel=1e-9)


def test_with_many_clips_the_distance_is_that_of_the_matrix_root():
    ours, theirs = samples(60, 8, 2, 0.3), samples(70, 8, 3, 0.0, 1.7)
    assert frechet_distance(ours, theirs) == pytest.approx(by_matrix_root(ours, theirs), rel=1e-6)


def test_with_fewer_clips_than_channels_only_what_was_seen_counts():
    ours, theirs = samples(5, 3, 4), samples(4, 3, 5, 1.0)
    wide = np.zeros((3, 400))
    wide[0, 10] = wide[1, 200] = wide[2, 399] = 1.0
    assert frechet_distance(ours @ wide, theirs @ wide) == pytest.approx(frechet_distance(ours, theirs))


def test_equal_sets_have_no_distance():
    assert frechet_distance(samples(6, 400, 6), samples(6, 400, 6)) == pytest.approx(0.0, abs=1e-9)


def test_a_shift_of_every_clip_costs_its_square():
    ours = samples(6, 12, 7)
    assert frechet_distance(ours + 0.5, ours) == pytest.approx(12 * 0.25)


@pytest.mark.parametrize("theirs", [samples(1, 4, 0), samples(3, 5, 0)], ids=["one clip", "other channels"])
def test_sets_that_have_no_distance_are_refused(theirs):
    with pytest.raises(PicturesDoNotMatch):
        frechet_distance(samples(3, 4, 1), theirs)


@pytest.mark.parametrize(
    ("length", "stride", "starts"), [(4, 4, [0, 4, 8]), (4, 2, [0, 2, 4, 6, 8]), (2, 5, [0, 5, 10])]
)
def test_clips_begin_every_stride_frames(length, stride, starts):
    cutter, clips = ClipCutter(length, stride), []
    for number in range(12):
        clip = cutter.add(np.full((2, 2, 3), number / 255, np.float32))
        clips += [] if clip is None else [clip]
    assert [clip[:, 0, 0, 0].tolist() for clip in clips] == [
        list(range(start, start + length)) for start in starts
    ]


def test_the_network_gets_codes_with_its_switches_on(tmp_path):
    i3d = I3d(save_script(tmp_path / "i3d.pt", MeanVideo()), trusted=True)
    clip = np.zeros((4, 5, 6, 3), np.uint8)
    clip[..., 0], clip[:2, ..., 1] = 255, 255
    np.testing.assert_allclose(i3d.features(clip), [1.0, 0.0, -1.0], atol=1e-6)


def test_a_missing_network_is_named(tmp_path):
    with pytest.raises(ModelFileMissing) as caught:
        I3d(tmp_path / "i3d.pt", trusted=True)
    assert caught.value.path == str(tmp_path / "i3d.pt")


def test_a_network_that_is_not_trusted_is_not_run(tmp_path):
    path = save_script(tmp_path / "i3d.pt", MeanVideo())
    with pytest.raises(TorchScriptNotTrusted) as caught:
        I3d(path, trusted=False)
    assert "--trust-torchscript" in caught.value.remedy


@pytest.mark.parametrize("content", [b"", b"no program at all"], ids=["empty", "text"])
def test_a_file_that_is_no_torchscript_is_unusable(tmp_path, content):
    (tmp_path / "i3d.pt").write_bytes(content)
    with pytest.raises(TorchScriptUnusable, match="cannot be loaded"):
        I3d(tmp_path / "i3d.pt", trusted=True)


def test_a_state_dict_is_unusable(tmp_path):
    torch.save({"weight": torch.zeros(3)}, tmp_path / "i3d.pt")
    with pytest.raises(TorchScriptUnusable, match="cannot be loaded"):
        I3d(tmp_path / "i3d.pt", trusted=True)


class OtherInterface(nn.Module):
    def forward(self, video: torch.Tensor) -> torch.Tensor:
        return video.mean(dim=[2, 3, 4])


class NotFinite(nn.Module):
    def forward(
        self, video: torch.Tensor, rescale: bool, resize: bool, return_features: bool
    ) -> torch.Tensor:
        return video.mean(dim=[2, 3, 4]) / 0.0


@pytest.mark.parametrize(
    ("module", "reason"), [(OtherInterface(), "does not take a clip"), (NotFinite(), "no finite features")]
)
def test_a_network_with_another_interface_is_unusable(tmp_path, module, reason):
    i3d = I3d(save_script(tmp_path / "other.pt", module), trusted=True)
    with pytest.raises(TorchScriptUnusable, match=reason):
        i3d.features(np.zeros((4, 5, 6, 3), np.uint8))
