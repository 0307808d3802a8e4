"""The small parts of a job: frame planning, means, watching the sampler, the first look."""

import subprocess
import sys
import tomllib
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from job_samples import MemoryStore, Reports

from svfr.sampling.network_input import from_network, to_network
from svfr_client.frames import FrameRange
from svfr_ocio.config import open_config
from svfr_ocio.domain import ModelDomain
from svfr_restore.code_sources import OURS, imported_sources, method_sources
from svfr_restore.content_keys import content_key
from svfr_restore.crops.spool import CropSpool
from svfr_restore.faces.box import FaceBox
from svfr_restore.media.feed import nearest_before
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.window import Window
from svfr_restore.paste.weighted_mean import WeightedMean
from svfr_restore.plan.frames import plan_frames
from svfr_restore.plan.precheck import _spread
from svfr_restore.plan.survey import Survey, visible
from svfr_restore.plan.surveyed_frame import Thumbnail
from svfr_restore.reports import JobContext
from svfr_restore.sampling.job_callbacks import (
    JobCallbacks,
    code_key,
    tensor_key,
)


def test_gaps_of_up_to_eight_frames_are_bridged_and_longer_ones_part() -> None:
    frames = plan_frames(
        FrameRange.parse("1,10,20"), range(1, 30), handles=0, write_handles=False, missing="error"
    )
    assert frames.runs == (range(1, 11), range(20, 21)) and frames.written == (1, 10, 20)
    assert frames.needed([1, 2, 10]) == (1, 2, 10, 20)


def test_handles_are_what_the_plate_has() -> None:
    frames = plan_frames(
        FrameRange.parse("5-6"), [3, 5, 6, 7], handles=3, write_handles=True, missing="error"
    )
    assert frames.runs == (range(3, 8),) and frames.written == (3, 5, 6, 7)


def test_skipping_everything_leaves_nothing() -> None:
    assert plan_frames(FrameRange.parse("5-6"), [1], handles=3, write_handles=True, missing="skip").read == ()


@pytest.mark.parametrize(("frame", "source"), [(0, 2), (2, 2), (4, 2), (5, 5), (9, 5)])
def test_a_frame_is_held_from_the_one_before(frame: int, source: int) -> None:
    assert nearest_before([2, 5], frame) == source


def test_every_frame_is_looked_at_once_from_far_apart() -> None:
    for count in (1, 5, 16, 100):
        assert sorted(_spread(tuple(range(count)))) == list(range(count))
    assert list(_spread(tuple(range(64))))[:8] == [0, 16, 32, 48, 8, 24, 40, 56]


def test_a_mean_keeps_the_bits_of_what_lies_alone() -> None:
    random = np.random.default_rng(1)
    one, other = (random.normal(size=(4, 6, 3)).astype(np.float32) for _ in range(2))
    weight = random.uniform(0.1, 1.0, (4, 6)).astype(np.float32)
    mean = WeightedMean((4, 9))
    mean.add((slice(0, 4), slice(0, 6)), one, weight)
    mean.add((slice(0, 4), slice(3, 9)), other, weight)
    np.testing.assert_array_equal(mean.value[:, :3], one[:, :3])
    np.testing.assert_array_equal(mean.value[:, 6:], other[:, 3:])
    total = weight[:, 3:] + weight[:, :3]
    expected = (one[:, 3:] * weight[:, 3:, None] + other[:, :3] * weight[:, :3, None]) / total[..., None]
    np.testing.assert_allclose(mean.value[:, 3:6], expected, rtol=1e-4, atol=1e-6)


def test_nothing_weighs_nothing() -> None:
    mean = WeightedMean((2, 2))
    mean.add((slice(0, 2), slice(0, 2)), np.ones((2, 2, 3), np.float32), np.zeros((2, 2), np.float32))
    assert not mean.value.any()


def test_keys_tell_parts_apart() -> None:
    assert content_key("ab", "c") != content_key("a", "bc")
    assert tensor_key(torch.zeros(2, 3)) != tensor_key(torch.zeros(3, 2))


def test_every_module_of_ours_that_sampling_loads_is_part_of_the_key() -> None:
    """A module that is left out would pass checkpoints of older code for fresh ones."""
    code = (
        "import sys, numpy, svfr\n"
        "model = svfr.load_model('mini')\n"
        "side = model.spec.crop_px\n"
        "svfr.restore_clip(model, numpy.full((1, side, side, 3), 0.5, numpy.float32), ['bfr'])\n"
        "print(*sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ours = {name for name in out.split() if name.startswith(OURS)}
    assert len(ours) > 30 and ours <= {name for name, _ in method_sources()}
    assert len(code_key()) == 64


def test_what_only_a_function_imports_is_part_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in packages of ours that are new; neither types, nor training, nor what libraries there are."""
    files = {
        "svfr_one/__init__.py": "",
        "svfr_one/work.py": "def f():\n from svfr_two.late import g\n import importlib as i\n"
        " i.import_module('svfr_three.deep')\n from . import beside\n import numpy, svfr_absent",
        "svfr_one/beside.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n import svfr_types",
        "svfr_one/training/__init__.py": "import svfr_of_training",
        "svfr_two/__init__.py": "",
        "svfr_two/late.py": "from svfr_face import Name",
        "svfr_three/deep/__init__.py": "__import__('svfr_single')",
        "svfr_face/__init__.py": "lazy_names(__name__, {'Name': '.home', 'Other': '.far'})",
        "svfr_face/home.py": "",
        "svfr_face/far.py": "",
        "svfr_single.py": "",
        "svfr_types.py": "",
        "svfr_of_training.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    found = dict(imported_sources("svfr_one", ("svfr_one.training",)))
    assert sorted(found) == [
        "svfr_face",
        "svfr_face.home",
        "svfr_one",
        "svfr_one.beside",
        "svfr_one.work",
        "svfr_single",
        "svfr_three.deep",
        "svfr_two",
        "svfr_two.late",
    ]
    assert found["svfr_two.late"] == files["svfr_two/late.py"].encode()
    assert not {name for name in sys.modules if name in found}  # found without running any of it


def test_every_package_of_the_project_is_one_of_ours() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["setuptools"]["packages"]["find"]["include"]
    assert all(name.startswith(OURS) for name in packages) and method_sources()


def test_training_and_the_service_are_no_part_of_the_key() -> None:
    names = {name for name, _ in method_sources()}
    assert not {name for name in names if name.startswith(("svfr.training", "svfr_server", "svfr_restore"))}
    assert not names & {"svfr_client.client", "svfr_client.protocol"}


def watch(store: MemoryStore, reports: Reports, counts: Counter[str]) -> JobCallbacks:
    return JobCallbacks(
        2,
        "ab" * 32,
        JobContext(report=reports, cancelled=reports.cancelled, store=store, counts=counts),
    )


def test_windows_of_an_earlier_run_are_not_counted_again() -> None:
    reports, counts = Reports(), Counter[str]()
    watching = watch(MemoryStore(), reports, counts)
    for done in (5, 6, 7):  # five were found
        watching.progress("denoise", done, 7)
    for done in (1, 2):
        watching.progress("decode", done, 2)
    assert counts == {"denoise_windows": 2, "decode_windows": 2}
    assert reports.progress("denoise") == [(5, 7), (6, 7), (7, 7)]
    assert {report.track for report in reports.all} == {2}


def test_checkpoints_of_negative_frames_have_names_that_stores_take() -> None:
    store, counts = MemoryStore(), Counter[str]()
    watching = watch(store, Reports(), counts)
    watching.save("encode/-5--1", torch.ones(1))
    assert [name.split("/", 1)[1] for name in store.kept] == ["encode/minus5-minus1"]
    kept = watching.load("encode/-5--1")
    assert kept is not None and torch.equal(kept, torch.ones(1))
    assert watching.load("encode/5-1") is None and counts == {"checkpoints_reused": 1}


def test_crops_come_back_from_disk_bit_for_bit_in_any_order(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    crops = random.normal(size=(3, 8, 8, 3)).astype(np.float32)
    spool = CropSpool(tmp_path / "crops", range(-1, 2), 8)
    for frame in (1, -1, 0):
        spool.write(frame, crops[frame + 1])
    np.testing.assert_array_equal(spool.crops(0, 3), crops)
    np.testing.assert_array_equal(spool.crop(0), crops[1])
    assert torch.equal(spool.read(1, 3), to_network(crops[1:3]))
    back = from_network(to_network(np.clip(crops[:1], 0, 1))[0])
    np.testing.assert_allclose(back, np.clip(crops[0], 0, 1), atol=2.0**-23)
    spool.remove()
    assert not spool.path.exists()


@pytest.fixture(scope="module")
def linear() -> ModelDomain:
    return ModelDomain.build(open_config(None), "lin_rec709_scene")


def test_a_dark_face_on_black_is_shown_neither_black_nor_blown_out(linear: ModelDomain) -> None:
    plate = np.zeros((100, 160, 3), np.float32)
    plate[30:60, 60:90] = np.linspace(0.004, 0.012, 30, dtype=np.float32)[:, None]
    shown = visible(plate, linear)[30:60, 60:90]
    assert shown.min() > 60 and shown.max() < 200


def test_numbers_that_are_none_are_shown_as_black_or_white(linear: ModelDomain) -> None:
    plate = np.full((20, 20, 3), 0.18, np.float32)
    plate[0, :3] = np.array([np.nan, np.inf, -np.inf])[:, None]
    shown = visible(plate, linear)
    assert (shown[0, :3] == np.array([0, 255, 0])[:, None]).all()
    assert visible(np.zeros((4, 4, 3), np.float32), linear).max() == 0


def test_a_large_picture_is_shown_as_its_parts_are(linear: ModelDomain) -> None:
    plate = np.random.default_rng(2).uniform(0.0, 0.4, (301, 401, 3)).astype(np.float32)
    shown = visible(
        plate, linear
    )  # its exposure is measured at every third row, upside down at the same ones
    assert np.array_equal(visible(plate[::-1], linear), shown[::-1])
    assert 100 < shown.mean() < 130


def test_each_frame_is_metered_over_its_own_window() -> None:
    luminance = np.full((10, 10), 0.01, np.float32)
    luminance[2:5, 2:5] = 0.8
    near, far = Thumbnail(luminance, Window(0, 0, 100, 100)), Thumbnail(luminance, Window(-50, -50, 100, 100))
    survey = Survey((), {}, {1: near, 2: far})
    bright, same_place = FaceBox(20.0, 20.0, 30.0, 30.0), FaceBox(-30.0, -30.0, 30.0, 30.0)
    assert survey.exposure({1: bright}) == survey.exposure({2: same_place}) == -2.0
    assert survey.exposure({2: bright}) > 4.0
    assert survey.exposure({3: bright}) == 0.0


def test_a_picture_that_moves_in_its_window_is_no_cut(linear: ModelDomain) -> None:
    from svfr_restore.plan.survey import _on_display

    display = Window(0, 0, 40, 20)
    small = np.full((10, 20, 3), 200, np.uint8)
    for window in (Window(0, 0, 20, 10), Window(-5, -5, 50, 30), Window(100, 0, 20, 10)):
        picture = PlateFrame(
            frame=1,
            path=Path("x"),
            kind="exr",
            rgb=np.zeros((1, 1, 3), np.float32),
            alpha=None,
            data_window=window,
            display_window=display,
            pixel_aspect=1.0,
            sample_bits=16,
            fps=Fraction(24),
        )
        shown = _on_display(np.resize(small, (window.height, window.width, 3)), picture)
        assert shown.shape[:2] == (20, 40)
        assert (
            int((shown > 0).all(axis=-1).sum())
            == window.intersect(display).width * window.intersect(display).height
        )
