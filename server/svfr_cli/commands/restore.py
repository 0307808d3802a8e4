"""``svfr restore``: send a job to a server, follow it, say where the frames are."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from svfr_client.errors import raise_problems
from svfr_client.files import is_there
from svfr_client.job import FaceChoice, JobSpec
from svfr_client.job_checks import job_problems
from svfr_client.sequences import pattern_of_file
from svfr_client.transfer.job_files import named_paths
from svfr_client.vocabulary import (
    EXISTING_POLICIES,
    LAYERS,
    MISSING_POLICIES,
    SAMPLERS,
    TASKS,
    WordReader,
)

from .. import job_options
from ..elsewhere import place_of
from ..output import Output, silence_note, speaking
from ..results import name_beside
from .movie import read_movie_wish, write_movie
from .options import (
    AsJson,
    ColourSpace,
    Frames,
    Missing,
    Ocio,
    OcioContext,
    Plate,
    PlateLayer,
    PlatePart,
    PlateView,
    ReferenceSpace,
    Server,
    all_frames,
)
from .restore_options import (
    DEFAULT_LAYERS,
    Boxes,
    CropTracks,
    Detail,
    DryRun,
    Existing,
    Exposure,
    ExtraLayers,
    Faces,
    Feather,
    Handles,
    Mask,
    MaskChannel,
    ModelName,
    Movie,
    Out,
    Preset,
    Priority,
    References,
    Sampler,
    Seed,
    SpreadSeeds,
    Tasks,
    Wait,
    WriteHandles,
)

if TYPE_CHECKING:
    from ..follow import Followed


def restore(
    plate: Plate,
    task: Tasks,
    frames: Frames = None,
    mask: Mask = None,
    mask_channel: MaskChannel = None,
    reference: References = None,
    faces: Faces = FaceChoice.mode,
    box: Boxes = None,
    out: Out = None,
    model: ModelName = JobSpec.model,
    preset: Preset = JobSpec.preset,
    detail: Detail = None,
    seed: Seed = JobSpec.seed,
    colorspace: ColourSpace = None,
    ocio: Ocio = None,
    ocio_context: OcioContext = None,
    reference_space: ReferenceSpace = None,
    layer: PlateLayer = None,
    part: PlatePart = None,
    view: PlateView = None,
    exposure: Exposure = None,
    sampler: Sampler = JobSpec.sampler,
    missing: Missing = JobSpec.missing,
    existing: Existing = JobSpec.existing,
    handles: Handles = JobSpec.handles,
    write_handles: WriteHandles = JobSpec.write_handles,
    layers: ExtraLayers = DEFAULT_LAYERS,
    spread_seeds: SpreadSeeds = None,
    feather: Feather = JobSpec.feather,
    crop_tracks: CropTracks = None,
    priority: Priority = JobSpec.priority,
    movie: Movie = None,
    server: Server = None,
    dry_run: DryRun = False,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Restore the faces of PLATE.

    A local server is started when none runs, unless one elsewhere is named. Ctrl-C cancels the job at its
    next window, and what is being sent.
    """
    with speaking(as_json, server) as output:
        words = WordReader()
        mask_path, mask_splines = job_options.read_mask(mask)
        spec = JobSpec(
            plate=job_options.absolute(plate),
            frames=frames or all_frames(plate, layer, part, view),
            tasks=words.several("tasks", task, TASKS),
            output=job_options.absolute(out) if out else job_options.default_output(plate),
            mask_path=mask_path,
            mask_splines=mask_splines,
            faces=job_options.parse_faces(faces, box or ()),
            references=tuple(job_options.parse_reference(text) for text in reference or ()),
            colour=job_options.colour_claim(colorspace, ocio, exposure, ocio_context or (), reference_space),
            model=job_options.model_reference(model),
            preset=preset,
            seed=seed,
            detail=detail,
            sampler=words.one("sampler", sampler, SAMPLERS),
            missing=words.one("missing", missing, MISSING_POLICIES),
            existing=words.one("existing", existing, EXISTING_POLICIES),
            handles=handles,
            write_handles=write_handles,
            layers=words.several("layers", (name for name in layers.split(",") if name), LAYERS),
            spread_seeds=spread_seeds,
            feather=feather,
            crop_tracks=job_options.absolute(crop_tracks) if crop_tracks else None,
            priority=priority,
            plate_layer=layer,
            plate_part=part,
            plate_view=view,
            mask_channel=mask_channel,
        )
        raise_problems(words.problems + job_problems(spec))
        _do(spec, output, server=server, movie=movie, dry_run=dry_run, wait=wait)


def _do(
    spec: JobSpec, output: Output, *, server: str | None, movie: str | None, dry_run: bool, wait: bool
) -> None:
    """Estimate a job, or run it and write its movie."""
    if movie is not None:
        _check_movie(spec, read_movie_wish(movie), wait)
    if dry_run:
        _estimate(spec, output)
        return
    is_here = not place_of(server).is_remote
    last = _run(spec, output, wait) if is_here else _run_elsewhere(spec, server, output, wait)
    if movie is not None and last is not None:
        _write_movie(spec, movie, last, output)


def _estimate(spec: JobSpec, output: Output) -> None:
    from .. import dry_run

    estimate = dry_run.dry_run(spec)
    output.result("estimate", dry_run.to_json(estimate), dry_run.to_text(estimate))


def _check_movie(spec: JobSpec, wish: str, wait: bool) -> None:
    """Raise before the job what would keep its movie from being written."""
    if not wait:
        raise typer.BadParameter("--movie is written when the frames are: with --no-wait use svfr movie JOB")
    path = Path(wish) if Path(wish).suffix else name_beside(spec.output, f".{wish}")
    is_named = bool(Path(wish).suffix)
    if not is_there(path):
        return
    from svfr_view.movie import require_free_name, require_no_input

    require_no_input(path, _inputs(spec))
    if is_named or spec.existing != "version_up":  # else its name rises with that of the frames
        require_free_name(path, overwrites=spec.existing == "overwrite")


def _inputs(spec: JobSpec) -> list[Path]:
    return [Path(name) for name in named_paths(spec)]


def _write_movie(spec: JobSpec, movie: str, last: str, output: Output) -> None:
    """Write the movie of the frames that the job wrote, whose last one is given."""
    result = pattern_of_file(last, like=spec.output) or last
    colour = spec.colour
    write_movie(
        result,
        output,
        out=read_movie_wish(movie),
        colorspace=colour.space,
        ocio=colour.config,
        overwrites=spec.existing == "overwrite",
        inputs=_inputs(spec),
    )


def _run(spec: JobSpec, output: Output, wait: bool) -> str | None:
    """Run a job here and return its last frame's file; None when it is not waited for."""
    from svfr_client.hosting.server_process import IDLE_EXIT_SECONDS
    from svfr_server.start import start_local_server

    from ..follow import follow

    with start_local_server(idle_exit_s=IDLE_EXIT_SECONDS) as client:
        client.report_silence(silence_note(output))
        job = client.submit(spec).job
        output.result("submitted", {"job": job, "output": spec.output}, "" if wait else job)
        if not wait:
            output.note(f"Job {job} is accepted; svfr status {job} tells how it goes.")
            return None
        return _print_end(follow(client, job, output), output)


def _run_elsewhere(spec: JobSpec, server: str | None, output: Output, wait: bool) -> str | None:
    from ..elsewhere import JobElsewhere, TransferPrinter, warn_unnoted
    from ..follow import follow

    place = place_of(server)
    with place.client() as client:
        client.report_silence(silence_note(output))
        handed_in = JobElsewhere.hand_in(client, spec, TransferPrinter(output), server=server)
        job = handed_in.job
        body = {"job": job, "output": handed_in.output or spec.output}
        output.result("submitted", body, "" if wait else job)
        warn_unnoted(output, handed_in.unnoted)
        fetch = handed_in.fetch_command
        if not wait:
            output.note(
                f"Job {job} is accepted{f'; {fetch} fetches its frames' if handed_in.output else ''}."
            )
            return None
        if handed_in.output:
            output.note(f"Job {job} is accepted. If this command ends early, {fetch} fetches its frames.")
        return _print_end(follow(handed_in, job, output), output)


def _print_end(followed: "Followed", output: Output) -> str | None:
    from ..follow import written_text

    output.note(written_text(followed))
    return followed.last_path
