"""``svfr evaluate``: compare a restored plate with the truth."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from .. import job_options
from ..follow import progress_for
from ..output import Output, speaking
from . import evaluate_options as options
from .options import Ocio

if TYPE_CHECKING:
    from svfr_lab.evaluate.evaluate import Request
    from svfr_lab.evaluate.report import Report

_TO_OUTPUT = "-"
_STAGES = {"find": "Finding the face", "compare": "Comparing"}
_COLUMNS = ("metric", "better", "mean", "sd", "min", "max", "over", "note")


def evaluate(
    result: options.Result,
    truth: options.Truth,
    frames: options.ComparedFrames = None,
    matte: options.Matte = None,
    protocol: options.ProtocolName = "plates",
    weights_lpips: options.LpipsWeights = None,
    weights_arcface: options.ArcFaceWeights = None,
    weights_fvd: options.FvdWeights = None,
    trust_torchscript: options.TrustTorchScript = False,
    faces: options.Faces = None,
    box: options.FaceBox = None,
    colorspace: options.ResultSpace = None,
    truth_colorspace: options.TruthSpace = None,
    ocio: Ocio = None,
    json_out: options.JsonOut = None,
    plot: options.Plot = None,
) -> None:
    """Measure how close RESULT is to TRUTH: PSNR, SSIM, LPIPS, IDS, VIDD, FVD and landmark drift.

    LPIPS, IDS, VIDD and FVD need weights that are not shipped; without them they are not computed.
    """
    if faces not in (None, "largest", "frame"):
        raise typer.BadParameter(f'--faces "{faces}" is neither largest nor frame')
    face_box = None if box is None else job_options.parse_box(box)
    with speaking(json_out == _TO_OUTPUT) as output:
        from svfr_lab.metrics.libraries import require_libraries

        require_libraries()
        from svfr_client.frames import FrameRange
        from svfr_lab.evaluate.evaluate import Request
        from svfr_lab.evaluate.instruments import Weights
        from svfr_lab.evaluate.protocol import FaceRegion, read_protocol

        matte_path, splines = job_options.read_mask(matte)
        request = Request(
            result=job_options.absolute(result),
            truth=job_options.absolute(truth),
            protocol=read_protocol(protocol),
            weights=Weights(weights_lpips, weights_arcface, weights_fvd, trust_torchscript),
            frames=None if frames is None else FrameRange.parse(frames),
            matte=matte_path,
            splines=splines,
            box=face_box,
            face_region=cast("FaceRegion | None", faces),
            result_space=colorspace,
            truth_space=truth_colorspace,
            config=job_options.colour_claim(None, ocio, None).config,
        )
        report = _watched(request, output)
        _show(output, report, as_json=json_out == _TO_OUTPUT)
        _write(output, report, None if json_out in (None, _TO_OUTPUT) else Path(json_out), plot)


def _show(output: Output, report: "Report", as_json: bool) -> None:
    """Print the figures: a table with the reasons of what is missing, or everything as JSON."""
    from svfr_lab.evaluate.report import reasons, table_rows

    if as_json:
        output.result("evaluation", report.to_json(), "")
        return
    output.table("metric", table_rows(report), _COLUMNS)
    for note in (*reasons(report), *report.notes):
        output.note(note)


def _write(output: Output, report: "Report", figures: Path | None, plot: Path | None) -> None:
    """Write the files that were asked for."""
    from svfr_lab.evaluate.plot import write_plot
    from svfr_lab.evaluate.report import write_json

    if figures is not None:
        write_json(report, figures)
        output.note(f"Figures: {figures}")
    if plot is not None:
        write_plot(report, plot)
        output.note(f"Plot: {plot}")


def _watched(request: "Request", output: Output) -> "Report":
    """Compare, and show how far it is."""
    from svfr_lab.evaluate.evaluate import evaluate as compare

    progress = progress_for(output)
    try:
        return compare(
            request,
            lambda stage, done, total: progress.show({"stage": _STAGES[stage], "done": done, "total": total}),
        )
    finally:
        progress.close()
