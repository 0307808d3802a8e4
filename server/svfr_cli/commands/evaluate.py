"""``svfr evaluate``: compare a restored plate with the truth."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .. import job_options
from ..follow import progress_for
from ..output import Output, speaking
from .options import Ocio

if TYPE_CHECKING:
    from svfr_lab.evaluate.evaluate import Request
    from svfr_lab.evaluate.report import Report

_TO_OUTPUT = "-"
_STAGES = {"find": "Finding the face", "compare": "Comparing"}


def evaluate(
    result: Annotated[str, typer.Argument(help="The restored plate, or a folder of clips.")],
    truth: Annotated[str, typer.Argument(help="What it should be: a plate, or a folder of clips.")],
    frames: Annotated[
        str | None, typer.Option("--frames", "-f", help="Frames of the result to compare. Default: all.")
    ] = None,
    matte: Annotated[
        str | None,
        typer.Option(
            "--matte", help="Compare PSNR, SSIM and LPIPS under this matte: files, or splines in JSON."
        ),
    ] = None,
    protocol: Annotated[
        str, typer.Option("--protocol", help="What is compared: plates, vfhq-test, or a .toml file.")
    ] = "plates",
    weights_lpips: Annotated[
        Path | None,
        typer.Option("--weights-lpips", help="torchvision's AlexNet or VGG-16 weights, for LPIPS."),
    ] = None,
    weights_arcface: Annotated[
        Path | None, typer.Option("--weights-arcface", help="insightface_glint360k.pth, for IDS and VIDD.")
    ] = None,
    weights_fvd: Annotated[
        Path | None, typer.Option("--weights-fvd", help="StyleGAN-V's i3d_torchscript.pt, for FVD.")
    ] = None,
    trust_torchscript: Annotated[
        bool, typer.Option("--trust-torchscript", help="Run the program that the FVD network's file is.")
    ] = False,
    faces: Annotated[
        str | None, typer.Option("--faces", help="largest or frame. Default: what the protocol says.")
    ] = None,
    box: Annotated[
        str | None, typer.Option("--box", help="x,y,w,h: the square around the face, in place of detection.")
    ] = None,
    colorspace: Annotated[
        str | None,
        typer.Option("--colorspace", help="Colour space of the result. Default: what its file says."),
    ] = None,
    truth_colorspace: Annotated[
        str | None,
        typer.Option("--truth-colorspace", help="Colour space of the truth. Default: what its file says."),
    ] = None,
    ocio: Ocio = None,
    json_out: Annotated[
        str | None,
        typer.Option(
            "--json", metavar="OUT", help='Write every figure to this file; "-": say it in JSON lines.'
        ),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw the figures of every frame to this PNG.")
    ] = None,
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
        from svfr_lab.evaluate.plot import write_plot
        from svfr_lab.evaluate.protocol import FaceRegion, read_protocol
        from svfr_lab.evaluate.report import reasons, table_rows, write_json

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
        if json_out == _TO_OUTPUT:
            body: dict[str, Any] = report.to_json()
            output.result("evaluation", body, "")
        else:
            columns = ("metric", "better", "mean", "sd", "min", "max", "over", "note")
            output.table("metric", table_rows(report), columns)
            for note in (*reasons(report), *report.notes):
                output.note(note)
        if json_out is not None and json_out != _TO_OUTPUT:
            write_json(report, Path(json_out))
            output.note(f"Figures: {json_out}")
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
