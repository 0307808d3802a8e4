"""``svfr restore``: send a job to the local server, follow it, say where the frames are."""

from typing import Annotated

import typer

from svfr_client.errors import raise_problems
from svfr_client.messages import JobSpec

from .. import job_options
from ..output import Output, speaking
from .options import AsJson, ColourSpace, Frames, Ocio, Plate, all_frames

# A server that was started for a job and then forgotten ends by itself after half an hour without work.
IDLE_EXIT_SECONDS = 1800.0


def restore(
    plate: Plate,
    task: Annotated[
        list[str], typer.Option("--task", "-t", help="bfr, colorize or inpaint; give it again to combine.")
    ],
    frames: Frames = None,
    mask: Annotated[
        str | None, typer.Option("--mask", help="Matte sequence, or a .json file of roto splines.")
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            metavar="[TRACK=]FRAME|PHOTO",
            help="A plate frame or a photo in place of the self-made reference.",
        ),
    ] = None,
    faces: Annotated[
        str, typer.Option("--faces", help="largest, all, mask, frame, or track numbers like 0,2.")
    ] = "largest",
    box: Annotated[
        list[str] | None,
        typer.Option("--box", metavar="X,Y,W,H", help="Square to restore, in pixels, in place of detection."),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help="Output. Default: NAME_svfr/NAME.%04d.exr beside the plate."),
    ] = None,
    model: Annotated[str, typer.Option("--model", help="Model name or folder.")] = "mini",
    preset: Annotated[str, typer.Option("--preset", help="draft, standard or final.")] = "standard",
    seed: Annotated[int, typer.Option("--seed", min=0)] = 77,
    colorspace: ColourSpace = None,
    ocio: Ocio = None,
    exposure: Annotated[
        float | None, typer.Option("--exposure", help="Stops into the model. Default: chosen from the face.")
    ] = None,
    sampler: Annotated[str, typer.Option("--sampler", help="studio or official.")] = "studio",
    missing: Annotated[
        str, typer.Option("--missing", help="Frames missing in the plate: error, hold or skip.")
    ] = "error",
    existing: Annotated[
        str, typer.Option("--existing", help="Existing outputs: error, overwrite or version_up.")
    ] = "error",
    handles: Annotated[
        int, typer.Option("--handles", min=0, help="Frames added at both ends, for context.")
    ] = 0,
    write_handles: Annotated[bool, typer.Option("--write-handles", help="Write the handles too.")] = False,
    layers: Annotated[
        str, typer.Option("--layers", help="Extra layers: any of delta,matte,crop,diff,st.")
    ] = "delta,matte",
    feather: Annotated[float, typer.Option("--feather", help="Soft edge, as a share of the crop.")] = 0.08,
    crop_tracks: Annotated[
        str | None, typer.Option("--crop-tracks", help="An edited crop-track file, instead of new ones.")
    ] = None,
    priority: Annotated[int, typer.Option("--priority")] = 0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only estimate time, memory and disk space.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Follow the job, or return once it is accepted.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Restore the faces of PLATE.

    A local server is started when none runs. Ctrl-C cancels the job at its next window.
    """
    with speaking(as_json) as output:
        mask_path, mask_splines = job_options.read_mask(mask)
        spec = JobSpec(
            plate=job_options.absolute(plate),
            frames=frames or all_frames(plate),
            tasks=tuple(task),
            output=job_options.absolute(out) if out else job_options.default_output(plate),
            mask_path=mask_path,
            mask_splines=mask_splines,
            faces=job_options.parse_faces(faces, box or ()),
            references=tuple(job_options.parse_reference(text) for text in reference or ()),
            colour=job_options.colour_claim(colorspace, ocio, exposure),
            model=job_options.model_reference(model),
            preset=preset,
            seed=seed,
            sampler=sampler,
            missing=missing,
            existing=existing,
            handles=handles,
            write_handles=write_handles,
            layers=tuple(name for name in layers.split(",") if name),
            feather=feather,
            crop_tracks=job_options.absolute(crop_tracks) if crop_tracks else None,
            priority=priority,
        )
        raise_problems(spec.problems())
        if dry_run:
            _estimate(spec, output)
        else:
            _run(spec, output, wait)


def _estimate(spec: JobSpec, output: Output) -> None:
    from .. import dry_run

    estimate = dry_run.dry_run(spec)
    output.result("estimate", dry_run.to_json(estimate), dry_run.to_text(estimate))


def _run(spec: JobSpec, output: Output, wait: bool) -> None:
    from svfr_server.start import start_local_server

    from ..follow import follow

    with start_local_server(idle_exit_s=IDLE_EXIT_SECONDS) as client:
        job = client.submit(spec).job
        output.result("submitted", {"job": job, "output": spec.output}, "")
        if not wait:
            output.note(f"Job {job} is accepted; svfr status {job} tells how it goes.")
            return
        followed = follow(client, job, output)
    where = f", the last one to {followed.last_path}" if followed.last_path else ""
    output.note(f"{followed.frames_written} frames written{where}")
