"""Lists of portraits, who is held back, and portraits that move."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data
from typer.testing import CliRunner

from svfr.training.recipe.config import Phase
from svfr_cli.main import app as cli
from svfr_lab.clips.errors import PortraitListInvalid
from svfr_lab.clips.portrait_clips import PortraitClips
from svfr_lab.clips.portrait_motion import draw_motion, seen
from svfr_lab.clips.portraits import (
    UNKNOWN,
    Portrait,
    PortraitList,
    held_back_hashes,
    is_held_back,
    is_portrait_list,
    list_portraits,
    read_portrait_list,
    sources_of,
    square_around,
    write_portrait_list,
)

CROP_PX = 48
SHARES = {"bfr": 0.5, "inpaint": 0.5}


def smooth_picture(seed: int, side: int = 120) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 255, (9, 9, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC))


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighteen pictures whose faces are said to be in the middle, and their list."""
    root = tmp_path_factory.mktemp("portraits")
    portraits = []
    for seed in range(18):
        path = root / f"{seed:02d}.png"
        cv2.imwrite(str(path), smooth_picture(seed))
        sha = hashlib.sha256(path.read_bytes()).hexdigest()
        portraits.append(Portrait(path.name, sha, (35.0, 35.0, 50.0, 50.0)))
    out = root / "portraits.jsonl"
    write_portrait_list(out, PortraitList(root, tuple(portraits)), [{"repository": "a/b"}])
    return out


def test_a_list_comes_back_as_it_was_written(listed: Path) -> None:
    read = read_portrait_list(listed)
    assert is_portrait_list(listed) and len(read.portraits) == 18
    assert {*read.trained_with, *read.held_back} == set(read.portraits)
    assert not set(read.trained_with) & set(read.held_back)
    assert json.loads(listed.read_text().splitlines()[0])["sources"] == [{"repository": "a/b"}]


def test_the_hash_alone_says_who_is_held_back() -> None:
    assert is_held_back(f"{7 * 10**30:064x}") and not is_held_back(f"{7 * 10**30 + 1:064x}")
    assert len(held_back_hashes()) >= 60 and all(is_held_back(sha) for sha in held_back_hashes())


BOXES = ["[NaN, 0, 9, 9]", "[0, 0, NaN, 9]", "[0, 0, 0, 9]", "[0, 0, 9, -1]", "[0, 1e300, 9, 9]"]
BOXED = [f'{{"path": "a.png", "sha256": "{7:064x}", "box": {box}}}' for box in BOXES]


@pytest.mark.parametrize(
    "line", ['{"path": "a.png"}', "[1]", "{", '{"path": 1, "sha256": "x", "box": [1]}', *BOXED]
)
def test_a_line_that_is_no_portrait_is_refused(listed: Path, tmp_path: Path, line: str) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text(listed.read_text().splitlines()[0] + "\n" + line + "\n")
    with pytest.raises(PortraitListInvalid, match="cannot be read"):
        read_portrait_list(broken)


def test_a_folder_without_faces_and_a_list_without_portraits_are_refused(
    listed: Path, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((60, 60, 3), 90, np.uint8))
    with pytest.raises(PortraitListInvalid, match="No picture"):
        list_portraits(tmp_path)
    (tmp_path / "empty.jsonl").write_text(listed.read_text().splitlines()[0] + "\n")
    with pytest.raises(PortraitListInvalid, match="no portrait"):
        read_portrait_list(tmp_path / "empty.jsonl")
    assert not is_portrait_list(tmp_path / "none.jsonl")


def test_a_picture_that_was_changed_is_not_trained_with(listed: Path, tmp_path: Path) -> None:
    read = read_portrait_list(listed)
    first = read.portraits[0]
    cv2.imwrite(str(tmp_path / first.path), smooth_picture(99))
    moved = tmp_path / "moved.jsonl"
    write_portrait_list(moved, PortraitList(tmp_path, (first,)), [])
    with pytest.raises(PortraitListInvalid, match="not the one listed"):
        PortraitClips(moved, SHARES, crop_px=CROP_PX)
    (tmp_path / first.path).unlink()
    with pytest.raises(PortraitListInvalid, match="cannot be read"):
        PortraitClips(moved, SHARES, crop_px=CROP_PX)


def test_held_back_people_are_never_drawn_and_equal_generators_give_equal_batches(listed: Path) -> None:
    source = PortraitClips(listed, SHARES, crop_px=CROP_PX)
    phase = Phase(steps=1, frames=2, batch=8, noised_share=0.0, damage="every_ratio")
    batch, again = (source.batch(np.random.default_rng(3), phase) for _ in range(2))
    assert batch.clean.shape == (8, 2, 3, CROP_PX, CROP_PX) and batch.low_quality.shape[2] == 4
    assert batch.clean.equal(again.clean) and batch.low_quality.equal(again.low_quality)
    assert batch.clips is not None and set(batch.clips.tolist()) <= set(source.store.drawn)
    watched = source.held_back("bfr", 1, 2)
    assert watched.clips is not None and set(watched.clips.tolist()) <= set(source.store.held_back)


def test_the_flow_says_where_every_pixel_of_a_frame_was() -> None:
    stored = smooth_picture(5, 360)
    for seed in range(4):
        motion = draw_motion(np.random.default_rng(seed), 192, 4)
        before, after = seen(stored, motion, 0), seen(stored, motion, 2)
        flow = motion.flow(2, 0, stored.shape[0])
        moved = cv2.remap(before, flow[..., 0], flow[..., 1], cv2.INTER_CUBIC)
        middle = (slice(24, -24), slice(24, -24))
        assert np.abs(moved - after)[middle].mean() * 255 < 1.0


def test_the_pictures_of_one_size_count_in_clones_of_the_published_repositories(tmp_path: Path) -> None:
    face = np.ascontiguousarray(data.astronaut()[..., ::-1])
    for place in ("us-house/headshots/512x512", "us-house/headshots/1024x1024"):
        (tmp_path / place).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / place / "one.png"), face)
        face = np.ascontiguousarray(face[4:, 4:])
    result = CliRunner().invoke(
        cli, ["clips", "portraits", str(tmp_path), "--out", str(tmp_path / "l.jsonl")]
    )
    assert result.exit_code == 0, result.output
    (portrait,) = read_portrait_list(tmp_path / "l.jsonl").portraits
    assert portrait.path == "us-house/headshots/512x512/one.png"
    assert np.abs(np.array(portrait.box[:2]) + 44 - [222, 125]).max() < 24
    (source,) = json.loads((tmp_path / "l.jsonl").read_text().splitlines()[0])["sources"]
    assert source["repository"] == "unknown" and "MIT" not in source["licence"]


def test_published_portraits_are_known_by_the_hashes_of_those_held_back(tmp_path: Path) -> None:
    known = sorted(held_back_hashes())[0]
    portrait = Portrait("us-senate/headshots/512x512/a.jpg", known, (0.0, 0.0, 9.0, 9.0))
    (source,) = sources_of(PortraitList(tmp_path, (portrait,)))
    assert (source["repository"], source["licence"]) == ("CivilServiceUSA/us-senate", "MIT")
    stranger = replace(portrait, sha256=f"{7 * 10**30:064x}")
    assert sources_of(PortraitList(tmp_path, (portrait, stranger))) == (UNKNOWN,)


def test_a_square_beyond_the_picture_is_mirrored() -> None:
    picture = smooth_picture(1)
    square = square_around(picture, (0.0, 0.0, 40.0, 40.0), 3.0, 60)
    assert square.shape == (60, 60, 3) and square.min() >= 0 and square.std() > 5
