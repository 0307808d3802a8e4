"""The figures of every frame as curves, one panel for each measure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet

from svfr_client.errors import SvfrError
from svfr_client.files import whole_file
from svfr_lab.evaluate.report import HIGHER_IS_BETTER, Report, Summary
from svfr_lab.metrics.errors import ReportCannotBeWritten

_PANEL_INCHES = (9.0, 1.9)
_DPI = 100
_MOST_NAMED_CLIPS = 8


def plotted_names(report: Report) -> list[str]:
    """Return the measures that have a figure on at least one frame, in the order of the report."""
    return [
        name
        for name in report.metrics
        if any(row.get(name) is not None for clip in report.clips for row in clip.figures)
    ]


def write_plot(report: Report, path: Path) -> None:
    """Draw the curves to a PNG, whole or not at all; raises ReportCannotBeWritten, also when none has any."""
    names = plotted_names(report)
    if not names:
        raise ReportCannotBeWritten(
            "No measure has a figure for a single frame, so there is nothing to draw.",
            path=path,
            remedy="Leave --plot out, or choose a protocol with measures of frames.",
        )
    try:
        with whole_file(path) as scratch:
            _sheet(report, names).savefig(scratch, format="png", dpi=_DPI)
    except SvfrError as error:
        raise ReportCannotBeWritten(error.message, path=path, remedy=error.remedy) from error


def _sheet(report: Report, names: Sequence[str]) -> Sheet:
    width, height = _PANEL_INCHES
    sheet = Sheet(figsize=(width, height * len(names) + 0.6), layout="constrained")
    panels = sheet.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    for panel, name in zip(panels, names, strict=True):
        _draw(panel, report, name)
    panels[-1].set_xlabel("frame")
    sheet.suptitle(f"{report.protocol['title']}: {_what(report)}")
    return sheet


def _draw(panel: Axes, report: Report, name: str) -> None:
    few = len(report.clips) <= _MOST_NAMED_CLIPS
    for clip in report.clips:
        # A frame without a figure leaves a gap in the curve.
        values = [float("nan") if (value := row.get(name)) is None else value for row in clip.figures]
        panel.plot(
            clip.frames, values, marker=".", markersize=3, linewidth=1, label=clip.name if few else None
        )
    figure = report.metrics[name]
    if isinstance(figure, Summary):
        panel.axhline(figure.mean, color="0.5", linewidth=0.8, linestyle="--")
        panel.set_title(f"mean {figure.mean:.4g}", loc="right", fontsize="small")
    way = (
        ""
        if name == "vidd_truth"
        else " (higher is better)"
        if name in HIGHER_IS_BETTER
        else " (lower is better)"
    )
    panel.set_title(name + way, loc="left", fontsize="small")
    panel.grid(alpha=0.3)
    if few and len(report.clips) > 1:
        panel.legend(fontsize="x-small")


def _what(report: Report) -> str:
    if len(report.clips) == 1:
        return report.clips[0].name
    return f"{len(report.clips)} clips"
