"""Portraits to learn colours or holes from: who is in them, and that equal draws are equal."""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from svfr.luma import luma_601
from svfr.training.errors import TrainingDataUnusable
from svfr_lab.clips.errors import PortraitListInvalid
from svfr_lab.clips.portrait_pairs import People, PortraitPairs
from svfr_lab.clips.portraits import Portrait, PortraitList, read_portrait_list, write_portrait_list
from svfr_lab.degradation.grey import draw_grey

SIDE = 24


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pictures of one hue each, and their list."""
    root, found = tmp_path_factory.mktemp("portraits"), []
    for number in range(12):
        coarse = np.random.default_rng(number).integers(0, 255, (9, 9, 3)).astype(np.uint8)
        path = root / f"{number:02d}.png"
        cv2.imwrite(str(path), cv2.resize(coarse, (120, 120), interpolation=cv2.INTER_CUBIC))
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        found.append(Portrait(path.name, sha, (35.0, 35.0, 50.0, 50.0)))
    write_portrait_list(root / "people.jsonl", PortraitList(root, tuple(found)), [])
    return root / "people.jsonl"


def drawn(source: PortraitPairs, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    batch = source.batch(np.random.default_rng(seed), 3, SIDE)
    return batch.clean, batch.plane


def test_equal_generators_give_equal_pictures_whoever_draws_them(listed: Path) -> None:
    one, other = PortraitPairs(listed, 3), PortraitPairs(listed, 3, workers=2)
    clean, grey = drawn(one, 5)
    assert clean.shape == (3, 3, SIDE, SIDE) and grey.shape == (3, 1, SIDE, SIDE)
    assert clean.dtype == grey.dtype == torch.float32
    assert float(grey.min()) >= 0.0 and float(grey.max()) <= 1.0
    assert all(torch.equal(a, b) for a, b in zip(drawn(one, 5), drawn(other, 5), strict=True))
    assert not torch.equal(clean, drawn(one, 6)[0])
    assert one.batch(np.random.default_rng(5), 1, 16).clean.shape == (1, 3, 16, 16), "another side"


def test_who_is_kept_aside_or_held_back_is_never_learnt_from(listed: Path) -> None:
    people, nobody = People(listed, 3, SIDE), People(listed, 0, SIDE)
    trained_with = len(read_portrait_list(listed).trained_with)
    assert people.kept_aside and not set(people.kept_aside) & set(people.learnt)
    assert sorted([*people.kept_aside, *people.learnt]) == nobody.learnt == list(range(trained_with))
    aside = PortraitPairs(listed, 3).aside(SIDE)
    assert aside is not None and len(aside.clean) == len(people.kept_aside)
    pictures = aside.clean.permute(0, 2, 3, 1).numpy()
    assert np.array_equal(luma_601(pictures), aside.plane.permute(0, 2, 3, 1).numpy()), "undamaged"
    assert PortraitPairs(listed, 0).aside(SIDE) is None


def test_holes_are_drawn_and_those_aside_are_always_the_same(listed: Path) -> None:
    one, other = (PortraitPairs(listed, 3, workers=count, stage="hole") for count in (0, 2))
    batches = [source.batch(np.random.default_rng(5), 40, SIDE) for source in (one, other)]
    for batch in batches:
        assert batch.plane.shape == (40, 1, SIDE, SIDE) and set(batch.plane.unique().tolist()) == {0.0, 1.0}
        assert (batch.plane.sum((1, 2, 3)) > 0).all() and float(batch.plane.mean()) < 0.5
        grey = (batch.clean - batch.clean.mean(1, keepdim=True)).abs().amax((1, 2, 3)) < 1e-3
        assert 0 < int(grey.sum()) < 20, "film without colours has holes too"
    assert torch.equal(batches[0].clean, batches[1].clean)
    assert torch.equal(batches[0].plane, batches[1].plane)
    aside, again = one.aside(SIDE), PortraitPairs(listed, 3, stage="hole").aside(SIDE)
    assert aside is not None and again is not None and torch.equal(aside.plane, again.plane)
    assert len(aside.clean) == 2 * len(People(listed, 3, SIDE).kept_aside)
    assert not torch.equal(aside.plane[0], aside.plane[1])


def test_a_list_with_nobody_to_learn_from_and_what_is_no_list_are_refused(
    listed: Path, tmp_path: Path
) -> None:
    read = read_portrait_list(listed)
    alone = tmp_path / "alone.jsonl"
    write_portrait_list(alone, PortraitList(read.root, read.held_back), [])
    with pytest.raises(TrainingDataUnusable, match="nobody to learn from"):
        People(alone, 0, SIDE)
    with pytest.raises(PortraitListInvalid):
        People(tmp_path / "none.jsonl", 0, SIDE)


def test_grey_is_often_the_luma_and_never_leaves_its_range() -> None:
    picture = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)
    greys = [draw_grey(picture, np.random.default_rng(seed)) for seed in range(40)]
    assert all(grey.shape == (SIDE, SIDE, 1) and grey.dtype == np.float32 for grey in greys)
    assert all(grey.min() >= 0.0 and grey.max() <= 1.0 for grey in greys)
    plain = sum(np.array_equal(grey, luma_601(picture)) for grey in greys)
    assert 0 < plain < 30


def test_a_process_that_draws_and_is_killed_ends_the_run_with_something_to_do(listed: Path) -> None:
    source = PortraitPairs(listed, 0, workers=2)
    drawn(source, 5)
    for process in multiprocessing.active_children():
        process.kill()
    with pytest.raises(TrainingDataUnusable, match="ended from outside"):
        for seed in range(3):
            drawn(source, seed)


def test_processes_that_draw_end_with_a_run_that_is_killed(listed: Path) -> None:
    reading, writing = multiprocessing.Pipe(duplex=False)
    run = multiprocessing.get_context("fork").Process(target=_draw_until_killed, args=(listed, writing))
    run.start()
    writing.close()
    assert reading.poll(60.0) and reading.recv() == "drawn"
    run.kill()
    run.join()
    assert reading.poll(60.0), "the last process that holds the other end is gone"
    with pytest.raises(EOFError):
        reading.recv()


def _draw_until_killed(path: Path, writing: Connection) -> None:
    drawn(PortraitPairs(path, 0, workers=2), 5)
    writing.send("drawn")
    signal.pause()
