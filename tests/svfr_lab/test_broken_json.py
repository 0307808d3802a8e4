"""The laboratory's files that broke: a typed error with path and remedy, never a traceback."""

from collections.abc import Callable
from pathlib import Path

import pytest
from broken_json import check_refused

from svfr_lab.clips.layouts import _celebv_videos
from svfr_lab.clips.portraits import read_portrait_list
from svfr_lab.experiments.kit.clock import BudgetClock
from svfr_lab.experiments.kit.notebook import Notebook
from svfr_lab.experiments.kit.noted import read_noted
from svfr_lab.heads.dataset import RenderSettings, open_rendered_folder, render_dataset
from svfr_lab.heads.landmarks68 import read_landmarks_68
from svfr_lab.preview_eval.split import open_evaluation_split

SETTINGS = RenderSettings(clips=1, first_seed=1, size_px=96, frames=1, bank_seed=1, bank=1)

READERS: dict[str, Callable[[Path], object]] = {
    "dataset.json": lambda path: open_rendered_folder(path.parent),
    "resumed/dataset.json": lambda path: render_dataset(path.parent, SETTINGS),
    "split.json": lambda path: open_evaluation_split(path.parent, path),
    "landmarks.json": lambda path: read_landmarks_68(path, 1),
    "portraits.jsonl": read_portrait_list,
    "celebvtext_info.json": _celebv_videos,
    "clock.json": lambda path: BudgetClock(path, 1.0),
    "request.json": read_noted,
}


@pytest.mark.parametrize("name", sorted(READERS))
def test_a_broken_file_is_refused_with_path_and_remedy(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    check_refused(path, lambda: READERS[name](path))


def test_a_notebook_that_broke_in_the_middle_says_so(tmp_path: Path) -> None:
    from svfr_lab.experiments.kit.errors import ExperimentFolderIsDamaged

    (tmp_path / "rows.jsonl").write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    with pytest.raises(ExperimentFolderIsDamaged, match="no JSON") as caught:
        Notebook(tmp_path / "rows.jsonl")
    assert caught.value.remedy
