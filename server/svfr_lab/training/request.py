"""What a training run is asked for and answers, and what runs of every kind do alike."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from svfr.training.errors import TrainingDataUnusable
from svfr.training.nets.svd_parts import SvdSource
from svfr_client.files import is_file, write_whole
from svfr_lab.clips.list_file import LIST_SUFFIX, read_clip_list
from svfr_lab.clips.portraits import is_portrait_list, read_portrait_list
from svfr_lab.heads.dataset import file_sha256, open_rendered_folder

DATA_FILE = "data.json"
_STATE_FILE = "state.pt"


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """What to train.

    ``recipe`` is a TOML file or the name of a packaged one. ``export_only`` writes the model folder of the
    state as it is, and does not train. ``start`` is the model, by name or folder, whose weights a new run of
    a preview network begins with. ``workers`` processes draw and damage the clips, 0: the training one does.
    """

    recipe: str
    data: Path
    out: Path
    svd: SvdSource | None = None
    device: str = "auto"
    threads: int | None = None
    tensorboard: bool = False
    export_only: bool = False
    start: str | None = None
    workers: int = 0


@dataclass(frozen=True)
class TrainResult:
    """How far the run is, and the model folder when one was written by this process."""

    steps: int
    planned_steps: int
    folder: Path | None


def keep_recipe(recipe: Path, copy: Path) -> None:
    """Copy the recipe beside the run, unless it is that copy."""
    if not copy.exists() or not copy.samefile(recipe):
        write_whole(copy, recipe.read_bytes())


def keep_data_record(request: TrainRequest) -> None:
    """Note beside the run what it is trained with; raises TrainingDataUnusable when it was other data before.

    A folder without steps may begin with other data. So may one of before this was noted.
    """
    kept = request.out / DATA_FILE
    text = json.dumps(data_record(request.data), indent=1) + "\n"
    has_steps = (request.out / _STATE_FILE).is_file()
    if has_steps and is_file(kept) and kept.read_text(encoding="utf-8", errors="replace") != text:
        raise TrainingDataUnusable(
            "The run in this folder was trained with other data until now.",
            path=request.data,
            remedy=f"Give the --data it began with, or another --out; without its {DATA_FILE} it goes on so.",
        )
    write_whole(kept, text)


def data_record(data: Path) -> dict[str, Any]:
    """Return what tells the training data apart from other data, without the paths of this machine."""
    if is_portrait_list(data):
        portraits = read_portrait_list(data)
        return {
            "portraits_sha256": portraits.sha256,
            "people": len(portraits.trained_with),
            "held_back": len(portraits.held_back),
        }
    if data.suffix == LIST_SUFFIX:
        entries = read_clip_list(data).entries
        people = len({entry.identity for entry in entries})
        return {"list_sha256": file_sha256(data), "clips": len(entries), "identities": people}
    rendered = open_rendered_folder(data)
    return {"settings": asdict(rendered.settings), "clips_sha256": rendered.clips_sha256}


@contextlib.contextmanager
def stop_requested() -> Iterator[Callable[[], bool]]:
    """Turn SIGTERM and Ctrl-C into a question; the handlers that were there come back."""
    received: list[int] = []
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda got, _frame: received.append(got)) for number in numbers]
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
