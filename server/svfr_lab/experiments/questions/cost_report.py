"""What came out of the cost experiment: rows, figure and paragraph."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from svfr_lab.experiments.kit.experiment import NOT_MEASURED, Cell, Row
from svfr_lab.experiments.kit.results import markdown_table
from svfr_lab.experiments.kit.spread import Interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BASE = {"bfr": "denoised, mean over time", "inpaint": "Telea"}
_SHOT_FRAMES = 250
_ONE, _BOTH = "mini, one step", "mini, both passes"


@dataclass(frozen=True)
class CostFigures:
    """Seconds per frame of each repeat, extra peak memory and PSNR by "task|method".

    ``methods`` are (task, name, weights) in the order of the table.
    """

    methods: Sequence[tuple[str, str, int]]
    seconds: Mapping[str, Sequence[float]]
    memory_mb: Mapping[str, float | None]
    scores: Sequence[Mapping[str, float]]
    timed_frames: int
    window: int
    network_steps: int
    network_identities: int

    @property
    def repeats(self) -> int:
        """How often everything was timed."""
        return len(next(iter(self.seconds.values())))

    def median_s(self, key: str) -> float:
        """Return the median seconds per frame."""
        return statistics.median(self.seconds[key])

    def ratio(self, task: str, name: str) -> float:
        """Return the ratio of the medians to the task's usual simple method."""
        return self.median_s(f"{task}|{name}") / self.median_s(f"{task}|{_BASE[task]}")

    def psnr(self, key: str) -> Interval:
        """Return the mean PSNR over clips."""
        return Interval.of([row[key] for row in self.scores])

    def gain(self, task: str, name: str) -> Interval:
        """Return the paired gain in PSNR over the task's usual simple method."""
        return Interval.of([row[f"{task}|{name}"] - row[f"{task}|{_BASE[task]}"] for row in self.scores])


def rows(figures: CostFigures) -> list[Row]:
    """Return a row for each method and measure; seconds with the range of their repeats."""
    found: list[Row] = []
    for task, name, weights in figures.methods:
        key = f"{task}|{name}"
        start: dict[str, Cell] = {"task": task, "method": name}
        seconds = figures.seconds[key]
        of_time: dict[str, Cell] = {"low": min(seconds), "high": max(seconds), "n": len(seconds)}
        times: dict[str, Cell] = {"mean": figures.median_s(key), "spread": "range of repeats, median"}
        found.append(start | {"measure": "processor ms per frame"} | _in_ms(times | of_time))
        single: dict[str, Cell] = {"low": "", "high": "", "n": 1, "spread": ""}
        ratio: dict[str, Cell] = {"measure": f"ratio to {_BASE[task]}", "mean": figures.ratio(task, name)}
        found.append(start | ratio | single | {"n": len(seconds)})
        memory = figures.memory_mb[key]
        peak: Cell = NOT_MEASURED if memory is None else memory
        found.append(start | {"measure": "extra peak memory, MB", "mean": peak} | single)
        found.append(start | {"measure": "weights", "mean": weights} | single)
        for measure, interval in (("PSNR, dB", figures.psnr(key)), ("gain, dB", figures.gain(task, name))):
            found.append(start | {"measure": measure} | interval.cells() | {"spread": "95 % interval"})
    return found


def _in_ms(cells: Mapping[str, Cell]) -> dict[str, Cell]:
    times = ("mean", "low", "high")
    return {name: 1e3 * float(cell) if name in times else cell for name, cell in cells.items()}


def draw(figure: Figure, figures: CostFigures) -> None:
    """Draw PSNR against processor time, on a logarithmic axis, a panel for each task."""
    figure.set_size_inches(9.0, 4.8)
    panels = figure.subplots(1, len(_BASE), squeeze=False)[0]
    for panel, task in zip(panels, _BASE, strict=True):
        for place, (of, name, _) in enumerate(figures.methods):
            if of != task:
                continue
            key = f"{task}|{name}"
            x, interval = 1e3 * figures.median_s(key), figures.psnr(key)
            panel.plot(x, interval.mean, "o", color=f"C{place}", label=name)
            if interval.low is not None and interval.high is not None:
                panel.plot((x, x), (interval.low, interval.high), color=f"C{place}", linewidth=1)
        panel.set_xscale("log")
        panel.set_xlabel("processor ms per frame")
        panel.set_ylabel("PSNR, dB" if task == "bfr" else "PSNR in the hole, dB")
        panel.set_title(task)
        panel.grid(alpha=0.3)
        # below its panel: above it would hide the intervals
        panel.legend(fontsize="x-small", ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.16))
    figure.suptitle(
        f"n = {len(figures.scores)} clips (lines: 95 % interval), {figures.repeats} repeats in turns",
        fontsize="small",
    )


def paragraph(figures: CostFigures, model: str) -> str:
    """Return what was asked, done and found."""
    table = [_line(figures, *method) for method in figures.methods]
    columns = ("task", "method", "weights", "ms per frame (range)", "times the base", "extra MB", "PSNR, dB")
    first_pass = figures.median_s(f"bfr|{_BOTH}") - figures.median_s(f"bfr|{_ONE}")
    shot = figures.median_s(f"bfr|{_ONE}") + first_pass * figures.timed_frames / _SHOT_FRAMES
    base = figures.median_s(f"bfr|{_BASE['bfr']}")
    return "\n\n".join(
        [
            f"Simple methods, a small feed-forward network and {model} mended the same damaged clips in "
            f"one process, in turns. Processor time of all threads on {figures.timed_frames} frames, median "
            f"of {figures.repeats} repeats; memory is what the resident set grew by while a clip of "
            f"{figures.window} frames was mended; the bases are “{_BASE['bfr']}” and {_BASE['inpaint']}. "
            f"PSNR with 95 % bootstrap intervals, n = {len(figures.scores)} clips of held-out heads, for "
            "inpaint in the hole alone:",
            markdown_table(columns, table),
            f"The network of GPEN's kind learned on {figures.network_identities} rendered heads for "
            f"{figures.network_steps} steps within this run, the diffusion model for hours beforehand: their "
            "times compare, their PSNR says only what a network of that size reaches in minutes. On "
            f"{figures.timed_frames} frames the first pass is a larger share than in a shot: with "
            f"{_SHOT_FRAMES} frames both passes would take {1e3 * shot:.1f} ms a frame, {shot / base:.1f} "
            f"times the base (calculated). {_worth(figures)}",
        ]
    )


def _line(figures: CostFigures, task: str, name: str, weights: int) -> tuple[Cell, ...]:
    key = f"{task}|{name}"
    low, high = (1e3 * end for end in (min(figures.seconds[key]), max(figures.seconds[key])))
    memory = figures.memory_mb[key]
    return (
        task,
        name,
        f"{weights:,}" if weights else "none",
        f"{1e3 * figures.median_s(key):.2f} ({low:.2f} to {high:.2f})",
        f"{figures.ratio(task, name):.2f}",
        NOT_MEASURED if memory is None else f"{memory:.1f}",
        figures.psnr(key).text(),
    )


def _worth(figures: CostFigures) -> str:
    parts = [
        f"for {task} {figures.gain(task, _BOTH).text(2, signed=True)} dB over “{_BASE[task]}” at "
        f"{figures.ratio(task, _BOTH):.1f} times its processor time"
        for task in _BASE
    ]
    return f"Both passes are worth {' and '.join(parts)}."
