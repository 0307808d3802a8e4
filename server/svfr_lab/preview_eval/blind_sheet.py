"""A sheet to choose from without knowing: ``python -m svfr_lab.preview_eval.blind_sheet ...``.

Each row is one damaged face by several methods in an order drawn for that row, called A, B, C, ... Which is
which stands in another file, so that whoever looks can choose honestly; ``--choices`` counts afterwards.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from svfr.arrays import Float32
from svfr.validation import read_json_file
from svfr_client.files import write_whole
from svfr_lab.clips.portraits import read_portrait_list
from svfr_lab.degradation.degrade import Degraded
from svfr_lab.errors import ArgumentOutOfRange
from svfr_lab.metrics.psnr_ssim import psnr_db
from svfr_lab.preview_eval.people import Bench, crop_samples, named_models, simple_methods
from svfr_lab.preview_eval.split import EvaluationSample
from svfr_restore.media.contact_sheet import Cell, write_contact_sheet
from svfr_restore.plan.models import ModelCache

_CELL_PX = 288
_ROWS_OF_SHEET = 8
_RATIO = 2.5
SIMPLE = "simple"
"""The best simple method's name in the key."""


def drawn_orders(names: Sequence[str], rows: int, seed: int) -> list[list[str]]:
    """Return the order of the methods in each row."""
    rng = np.random.default_rng(seed)
    return [[names[i] for i in rng.permutation(len(names))] for _ in range(rows)]


def counted(key: Sequence[Sequence[str]], choices: Mapping[str, str]) -> Counter[str]:
    """Return how often each method was chosen.

    ``choices`` has a letter by the number of a row, from "1". Raises ArgumentOutOfRange for rows and letters
    that are not on the sheet.
    """
    chosen: Counter[str] = Counter()
    for row, letter in choices.items():
        order = key[int(row) - 1] if row.isdecimal() and 1 <= int(row) <= len(key) else None
        place = ord(letter.upper()) - ord("A") if len(letter) == 1 else -1
        if order is None or not 0 <= place < len(order):
            raise ArgumentOutOfRange(
                f"Row {row!r} with choice {letter!r} is not on the sheet.",
                remedy=f"Give rows 1 to {len(key)} a letter from A.",
            )
        chosen[order[place]] += 1
    return chosen


def best_simple(samples: Sequence[EvaluationSample], task: str) -> Callable[[Degraded], Float32]:
    """Return the simple method of a task with the highest mean PSNR on these very samples."""

    def mean_db(method: Callable[[Degraded], Float32]) -> float:
        return float(np.mean([psnr_db(method(s.degraded), s.truth, s.degraded.hole) for s in samples]))

    return max(simple_methods(task).values(), key=mean_db)


def write_sheets(bench: Bench, task: str, rows: int, seed: int, folder: Path) -> None:
    """Write ``blind_1.png`` and more, eight rows each, and ``key.json``."""
    methods = bench.methods(ModelCache())
    samples = [sample for _, sample in crop_samples(bench, task, _RATIO, rows)]
    simple = best_simple(samples, task)
    key = drawn_orders([SIMPLE, *methods], len(samples), seed)
    lines = []
    for number, sample in enumerate(samples):
        middle = len(sample.truth) // 2
        clips = {SIMPLE: simple(sample.degraded)} | {
            name: method(sample, task) for name, method in methods.items()
        }
        lines.append(
            [Cell(sample.degraded.lq[middle], f"{number + 1}: damaged")]
            + [Cell(clips[name][middle], chr(ord("A") + place)) for place, name in enumerate(key[number])]
        )
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(0, len(lines), _ROWS_OF_SHEET):
        sheet = folder / f"blind_{first // _ROWS_OF_SHEET + 1}.png"
        write_contact_sheet(sheet, lines[first : first + _ROWS_OF_SHEET], _CELL_PX)
    write_whole(folder / "key.json", json.dumps(key) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Write the sheets and their key, or count choices."""
    parser = argparse.ArgumentParser(description="Write a blind comparison of models, or count its choices.")
    parser.add_argument("--folder", type=Path, required=True, help="of the sheets and the key")
    parser.add_argument("--choices", type=Path, help='a JSON file such as {"1": "A", "2": "C"}, to count')
    parser.add_argument("--portraits", type=Path, help="the list of svfr clips portraits")
    parser.add_argument("--model", action="append", default=[], metavar="NAME=MODEL[@DETAIL]")
    parser.add_argument("--task", default="bfr")
    parser.add_argument("--rows", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    if asked.choices is not None:
        chosen = counted(read_json_file(asked.folder / "key.json"), read_json_file(asked.choices))
        for name, times in chosen.most_common():
            print(f"{name}: chosen in {times} of {chosen.total()} rows")
        return
    if asked.portraits is None or not asked.model:
        parser.error("name --portraits and one --model or more, or --choices")
    bench = Bench(named_models(asked.model), read_portrait_list(asked.portraits), None)
    write_sheets(bench, asked.task, asked.rows, asked.seed, asked.folder)


if __name__ == "__main__":
    main()
