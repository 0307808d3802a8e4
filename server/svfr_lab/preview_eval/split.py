"""The frozen evaluation split: which clips, which damage, and proof that they are the same everywhere.

``data/evaluation_split.json`` was written before any model was judged. A rendered folder is accepted when its
settings are the frozen ones and its clips either have the frozen sha256 or, where another OpenGL driver
rounded single pixels differently, the frozen mean colour of every clip. Identities and backgrounds of the
split occur in no training set: clip seeds start at 5 000 000 and the background bank has its own seed.

``python -m svfr_lab.preview_eval.split --folder DIR`` checks a folder; ``--freeze FILE`` writes a record of
it.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from svfr.eight_bit import eight_bit
from svfr.validation import read_json_file, read_record
from svfr_client.files import write_whole
from svfr_lab.degradation.basic import EVALUATION
from svfr_lab.degradation.degrade import Degraded, degrade
from svfr_lab.errors import EvaluationSplitDiffers
from svfr_lab.heads.dataset import (
    RenderedFolder,
    RenderSettings,
    file_sha256,
    open_rendered_folder,
)

EVALUATION_SPLIT_PATH = Path(__file__).parent / "data" / "evaluation_split.json"

# As they were when the split was recorded, not taken from the vocabulary: the bits below seed every clip's
# damage and the names are keys of evaluation_split.json, so a word more there must not change old figures.
FROZEN_TASKS = ("bfr", "colorize", "inpaint")

_RECORD_REMEDY = "Install the package again, or freeze the split again."
_DEGRADATION_SEED = 7
_TASK_BITS = {"bfr": 1, "colorize": 2, "inpaint": 4}
# Another rasteriser moves a clip's mean by thousandths of a code value, another seed by whole ones.
_MEAN_TOLERANCE_CODE = 0.05


@dataclass(frozen=True)
class EvaluationSample:
    """One clip of the split: its number, ``truth`` (F, H, W, 3) float32 code values in 0..1, its damage."""

    clip: int
    truth: NDArray[np.float32]
    degraded: Degraded


@dataclass(frozen=True)
class EvaluationSplit:
    """A verified folder. ``exact``: its clips are byte for byte the frozen ones."""

    folder: RenderedFolder
    exact: bool

    def samples(self, tasks: frozenset[str]) -> Iterator[EvaluationSample]:
        """Yield every clip with the damage of ``tasks``; the same for everyone who asks."""
        return _samples(self.folder.clips, tasks)


def open_evaluation_split(folder: Path, record_path: Path = EVALUATION_SPLIT_PATH) -> EvaluationSplit:
    """Open ``folder`` as the frozen split; raises :class:`EvaluationSplitDiffers` when it is not."""
    record = read_record(record_path, EvaluationSplitDiffers, "The record of the split", _RECORD_REMEDY)
    rendered = open_rendered_folder(folder)
    frozen = RenderSettings.from_record(record["settings"])
    if rendered.settings != frozen or len(rendered.clips) != frozen.clips:
        raise EvaluationSplitDiffers(
            f"The folder holds {len(rendered.clips)} clips of {asdict(rendered.settings)}, the split is "
            f"{asdict(frozen)}.",
            path=folder,
            remedy=_render_command(RenderSettings.from_record(record["settings"])),
        )
    exact = file_sha256(folder / "clips.npy") == record["clips_sha256"]
    if not exact:
        _check_means(rendered, record, folder)
    elif (digests := degraded_sha256(rendered.clips)) != record["degraded_sha256"]:
        changed = [task for task in FROZEN_TASKS if digests[task] != record["degraded_sha256"][task]]
        raise EvaluationSplitDiffers(
            f"The clips are the frozen ones, but their damage for {', '.join(changed)} is not.",
            path=folder,
            remedy=f"Use the versions the split was frozen with: {record['versions']}.",
        )
    return EvaluationSplit(rendered, exact)


def freeze_evaluation_split(folder: Path, record_path: Path) -> None:
    """Write the record that :func:`open_evaluation_split` checks ``folder`` and its like against."""
    rendered = open_rendered_folder(folder)
    record = {
        "settings": asdict(rendered.settings),
        "versions": read_json_file(folder / "dataset.json")["versions"],
        "degradation": asdict(EVALUATION),
        "degradation_seed": _DEGRADATION_SEED,
        "clips_sha256": file_sha256(folder / "clips.npy"),
        "degraded_sha256": degraded_sha256(rendered.clips),
        "clip_mean_codes": [[round(value, 3) for value in row] for row in _clip_means(rendered.clips)],
    }
    write_whole(record_path, json.dumps(record, indent=1) + "\n")


def degraded_sha256(clips: NDArray[np.uint8]) -> dict[str, str]:
    """Return, for each frozen task, the sha256 of all damaged clips in 8 bit and of their holes."""
    digests = {}
    for task in FROZEN_TASKS:
        digest = hashlib.sha256()
        for sample in _samples(clips, frozenset({task})):
            digest.update(eight_bit(sample.degraded.lq).tobytes())
            if sample.degraded.hole is not None:
                digest.update(np.packbits(sample.degraded.hole).tobytes())
        digests[task] = digest.hexdigest()
    return digests


def _samples(clips: NDArray[np.uint8], tasks: frozenset[str]) -> Iterator[EvaluationSample]:
    task_bits = sum(_TASK_BITS[task] for task in tasks)
    for clip, frames in enumerate(clips):
        truth = frames.astype(np.float32) / np.float32(255)
        rng = np.random.default_rng([_DEGRADATION_SEED, task_bits, clip])
        yield EvaluationSample(clip, truth, degrade(truth, tasks, rng, EVALUATION))


def _clip_means(clips: NDArray[np.uint8]) -> list[list[float]]:
    """Return the mean RGB code value (N, 3) of every clip, in 0..255."""
    return [frames.mean(axis=(0, 1, 2), dtype=np.float64).tolist() for frames in clips]


def _check_means(rendered: RenderedFolder, record: dict[str, Any], folder: Path) -> None:
    distance = np.abs(np.array(_clip_means(rendered.clips)) - np.array(record["clip_mean_codes"]))
    worst = int(distance.max(axis=1).argmax())
    if distance.max() > _MEAN_TOLERANCE_CODE:
        raise EvaluationSplitDiffers(
            f"Clip {worst} is another picture: its mean colour is off by {distance.max():.2f} code values.",
            path=folder,
            remedy=_render_command(RenderSettings.from_record(record["settings"])),
        )


def _render_command(settings: RenderSettings) -> str:
    return (
        "Render the split with: python -m svfr_lab.heads.dataset --out DIR"
        f" --clips {settings.clips} --first-seed {settings.first_seed} --size {settings.size_px}"
        f" --frames {settings.frames} --bank-seed {settings.bank_seed} --bank {settings.bank}"
        f" --revision {settings.revision}."
    )


def main() -> None:
    """Check a rendered folder against the frozen split, or freeze it."""
    parser = argparse.ArgumentParser(description="Check or freeze the evaluation split.")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--freeze", type=Path, help="write a new record to this file instead of checking")
    arguments = parser.parse_args()
    if arguments.freeze:
        freeze_evaluation_split(arguments.folder, arguments.freeze)
        return
    split = open_evaluation_split(arguments.folder)
    kind = "byte for byte the frozen split" if split.exact else "the frozen split, rendered by another driver"
    print(f"{len(split.folder.clips)} clips: {kind}.")


if __name__ == "__main__":
    main()
