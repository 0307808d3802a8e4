"""The richer sets of damage reach the trainer through the clips it draws."""

import json

import numpy as np
import pytest
import torch

from svfr.training.recipe.config import Phase
from svfr_lab.clips.degraded_clips import RenderedClips
from svfr_lab.degradation.registry import RECIPES
from svfr_lab.errors import ArgumentOutOfRange

SIDE_PX, FRAMES = 48, 4


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rendered")
    rng = np.random.default_rng(0)
    clips = np.repeat(rng.integers(0, 256, (3, 1, 6, 6, 3), np.uint8), FRAMES, axis=1)
    np.save(folder / "clips.npy", clips.repeat(SIDE_PX // 6, axis=2).repeat(SIDE_PX // 6, axis=3))
    np.save(folder / "landmarks.npy", rng.uniform(9, 39, (3, FRAMES, 5, 2)).astype(np.float32))
    settings = {"clips": 3, "first_seed": 1, "size_px": SIDE_PX, "frames": FRAMES}
    (folder / "dataset.json").write_text(json.dumps({"settings": settings, "clips_sha256": ""}))
    (folder / "done").write_text("3\n")
    shares = {"bfr": 0.3, "inpaint": 0.4, "bfr+colorize+inpaint": 0.3}
    return RenderedClips(folder, shares, held_back=1)


@pytest.mark.parametrize("name", list(RECIPES))
def test_batches_of_every_set_are_finite_and_come_from_the_generator(source, name):
    phase = Phase(steps=1, frames=3, batch=6, noised_share=0.0, damage=name)
    first, again = (source.batch(np.random.default_rng(2), phase) for _ in range(2))
    assert torch.isfinite(first.low_quality).all() and first.low_quality.abs().max() <= 1
    assert torch.equal(first.low_quality, again.low_quality)
    assert not torch.equal(first.low_quality, first.clean)


def test_each_frame_is_filled_under_its_own_hole(source):
    phase = Phase(steps=1, frames=3, batch=24, noised_share=0.0, damage="rich")
    batch = source.batch(np.random.default_rng(1), phase)
    only_inpaint = batch.tasks[:, 2].bool() & ~batch.tasks[:, 0].bool()
    # 8-bit clips: what the fill did not touch is as it was
    changed = (batch.low_quality != batch.clean).any(dim=2)[only_inpaint]
    assert changed.flatten(1).any(dim=1).all()
    moved = [not torch.equal(clip[0], clip[-1]) for clip in changed]
    assert any(moved) and not all(moved)


def test_an_unknown_set_is_named_with_the_known_ones(source):
    with pytest.raises(ArgumentOutOfRange, match=r"usual, wide.*film, rich"):
        source.batch(
            np.random.default_rng(0), Phase(steps=1, frames=2, batch=2, noised_share=0.0, damage="gentle")
        )
