"""What came out of a comparison: figures of frames, clips and the set, and their JSON form.

A measure that was not taken says why and what to do about it; it never has a number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from svfr_client.errors import SvfrError
from svfr_client.files import write_whole
from svfr_lab.metrics.errors import ReportCannotBeWritten

FORMAT = 1
DIGITS = 6

HIGHER_IS_BETTER = frozenset({"psnr_db", "ssim", "ids"})
"""Every other figure is the better the lower; ``vidd_truth`` is there to compare ``vidd`` with."""

FrameFigures: TypeAlias = Mapping[str, float | None]


@dataclass(frozen=True)
class NotComputed:
    """Why a measure has no figure, and what to do to get one."""

    reason: str
    remedy: str

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, whose ``computed`` is false."""
        return {"computed": False, "reason": self.reason, "remedy": self.remedy}


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One measure over the frames of a clip, or over the clips of a set.

    ``sd`` is the deviation among the ``count`` values (population form), ``of`` what they are figures of;
    ``facts`` hold what else belongs to the figure.
    """

    mean: float
    sd: float
    least: float
    most: float
    count: int
    of: str
    facts: Mapping[str, Any]

    @classmethod
    def over(cls, values: Sequence[float], of: str, facts: Mapping[str, Any]) -> Summary:
        """Summarise at least one value."""
        row = np.asarray(values, np.float64)
        return cls(
            mean=float(row.mean()),
            sd=float(row.std()),
            least=float(row.min()),
            most=float(row.max()),
            count=len(row),
            of=of,
            facts=dict(facts),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, whose ``computed`` is true."""
        return {
            "computed": True,
            "mean": round(self.mean, DIGITS),
            "sd": round(self.sd, DIGITS),
            "min": round(self.least, DIGITS),
            "max": round(self.most, DIGITS),
            "count": self.count,
            "of": self.of,
            **self.facts,
        }


Figure: TypeAlias = Summary | NotComputed


@dataclass(frozen=True)
class ClipReport:
    """The figures of one clip; ``frames`` are the result's numbers, ``figures`` those of each frame."""

    name: str
    result: str
    truth: str
    colour: Mapping[str, Any]
    frames: tuple[int, ...]
    truth_frames: tuple[int, ...]
    figures: tuple[FrameFigures, ...]
    metrics: Mapping[str, Figure]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; a frame without a figure has null."""
        rows = zip(self.frames, self.truth_frames, self.figures, strict=True)
        return {
            "name": self.name,
            "result": self.result,
            "truth": self.truth,
            "colour": dict(self.colour),
            "metrics": {name: figure.to_json() for name, figure in self.metrics.items()},
            "frames": [
                {
                    "frame": frame,
                    "truth_frame": truth,
                    **{name: None if v is None else round(v, DIGITS) for name, v in figures.items()},
                }
                for frame, truth, figures in rows
            ],
        }


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole comparison: the protocol, every clip, and the set they form."""

    protocol: Mapping[str, Any]
    matte: str | None
    clips: tuple[ClipReport, ...]
    metrics: Mapping[str, Figure]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "format": FORMAT,
            "protocol": dict(self.protocol),
            "matte": self.matte,
            "notes": list(self.notes),
            "metrics": {name: figure.to_json() for name, figure in self.metrics.items()},
            "clips": [clip.to_json() for clip in self.clips],
        }


def table_rows(report: Report) -> list[dict[str, str]]:
    """Return one row of texts for each measure of the set, for people to read."""
    rows = []
    for name, figure in report.metrics.items():
        if isinstance(figure, NotComputed):
            rows.append({"metric": name, "mean": "not computed"})
            continue
        digits = 2 if name.endswith("_db") or name == "fvd" else 4
        numbers = {"mean": figure.mean, "sd": figure.sd, "min": figure.least, "max": figure.most}
        better = "higher" if name in HIGHER_IS_BETTER else "" if name == "vidd_truth" else "lower"
        facts = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in figure.facts.items())
        rows.append(
            {
                "metric": name,
                "better": better,
                **{key: f"{value:.{digits}f}" for key, value in numbers.items()},
                "over": f"{figure.count} {figure.of}",
                "note": facts,
            }
        )
    return rows


def reasons(report: Report) -> list[str]:
    """Return why measures were not computed, one sentence for all that share a reason."""
    shared: dict[NotComputed, list[str]] = {}
    for name, figure in report.metrics.items():
        if isinstance(figure, NotComputed):
            shared.setdefault(figure, []).append(name)
    return [f"{', '.join(names)}: not computed. {why.reason} {why.remedy}" for why, names in shared.items()]


def write_json(report: Report, path: Path) -> None:
    """Write the report whole or not at all; raises ReportCannotBeWritten."""
    text = json.dumps(report.to_json(), indent=1, allow_nan=False) + "\n"
    try:
        write_whole(path, text)
    except SvfrError as error:
        raise ReportCannotBeWritten(error.message, path=path, remedy=error.remedy) from error
