"""SVFR's own recipe in small, with all 68 landmarks, on clips of the renderer."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_svd
import torch

from svfr.training.loop.trainer import Trainer
from svfr.training.losses.facial_prior import five_points
from svfr.training.recipe.config import Phase
from svfr_lab.clips.degraded_clips import RenderedClips
from svfr_lab.errors import RenderedFolderIsUnusable
from svfr_lab.heads.dataset import RenderSettings, render_dataset
from svfr_lab.training.run import open_clips

SETTINGS = RenderSettings(
    clips=36, first_seed=500, size_px=tiny_svd.CROP_PX, frames=tiny_svd.FRAMES, bank_seed=2, bank=2
)
SHARES = {"bfr": 0.5, "colorize": 0.5}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "rendered"
    render_dataset(folder, SETTINGS)
    return folder


def test_a_recipe_with_68_landmarks_trains_on_rendered_clips(rendered: Path, tmp_path: Path) -> None:
    source, _ = tiny_svd.write_svd(tmp_path / "official")
    config = tiny_svd.CONFIG
    assert config.facial_prior is not None and config.facial_prior.landmarks == 68
    trainer = Trainer(
        config=config, source=open_clips(rendered, config), folder=tmp_path / "run", device="cpu", svd=source
    )
    head = trainer.heads["facial_prior"]
    before = [parameter.detach().clone() for parameter in head.parameters()]
    for _ in range(2):
        terms = trainer.train_step()
        assert float(terms["facial_prior"]) > 0.0
        assert all(bool(torch.isfinite(value).all()) for value in terms.values())
    assert not all(torch.equal(old, new) for old, new in zip(before, head.parameters(), strict=True))


def test_the_recipe_decides_how_many_landmarks_it_gets(rendered: Path) -> None:
    phase = Phase(steps=1, frames=2, batch=4, noised_share=0.0)
    config = tiny_svd.CONFIG
    assert config.facial_prior is not None
    few = replace(config, facial_prior=replace(config.facial_prior, landmarks=5))
    none = replace(config, facial_prior=None, losses=replace(config.losses, facial_prior=0.0))
    for recipe, count in ((config, 68), (few, 5), (none, 5)):
        batch = open_clips(rendered, recipe).batch(np.random.default_rng(0), phase)
        assert batch.landmarks is not None and batch.landmarks.shape == (4, 2, count, 2)
        assert batch.reference_landmarks is not None and batch.reference_landmarks.shape == (4, count, 2)


def test_five_of_the_68_lie_where_the_five_are_mirrored_or_not(rendered: Path) -> None:
    for seed in range(6):
        few, many = (
            RenderedClips(rendered, SHARES, landmarks=count).batch(
                np.random.default_rng(seed), Phase(steps=1, frames=2, batch=4, noised_share=0.0)
            )
            for count in (5, 68)
        )
        assert torch.equal(few.clean, many.clean)
        assert few.landmarks is not None and many.landmarks is not None
        apart = (few.landmarks[..., 0, :] - few.landmarks[..., 1, :]).norm(dim=-1, keepdim=True)
        difference = (five_points(many.landmarks) - few.landmarks).norm(dim=-1)
        # an eye's point is the eyeball's pole, the middle of its lids lies a little beside it
        assert bool((difference < 0.2 * apart + 0.01).all())


def test_a_folder_of_five_landmarks_says_how_to_get_the_others(rendered: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    for name in ("clips.npy", "landmarks.npy", "dataset.json", "done"):
        (old / name).write_bytes((rendered / name).read_bytes())
    assert (
        RenderedClips(old, SHARES).batch(
            np.random.default_rng(0), Phase(steps=1, frames=1, batch=1, noised_share=0.0)
        )
        is not None
    )
    with pytest.raises(RenderedFolderIsUnusable, match="--add-landmarks68"):
        RenderedClips(old, SHARES, landmarks=68)


def test_another_number_of_landmarks_is_refused(rendered: Path) -> None:
    with pytest.raises(RenderedFolderIsUnusable, match="Ask for 5 or 68"):
        RenderedClips(rendered, SHARES, landmarks=98)
