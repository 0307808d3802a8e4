"""The three steps of a shot: ``reference`` once, every ``segment``, ``assemble`` once. Engines call these.

What must be one for the whole shot is decided in ``reference``: cuts, faces, crops, exposure, each track's
reference and how its frames are shared out. A segment restores its pieces of the tracks to latents, and only
``assemble``, which has all of them, decodes and writes frames. Every step may run again at any time and
anywhere: it finds what is done, and files appear whole or not at all.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from svfr_client.errors import SvfrError, raise_problems
from svfr_client.files import open_regular
from svfr_client.path_map import PathRule
from svfr_client.records import sha256_of, to_plain
from svfr_farm.artefacts import (
    PlannedTrack,
    ShotReference,
    TrackReference,
    pieces_of_segment,
    read_reference,
    read_segment,
    read_track_reference,
    segment_origin,
    write_reference,
    write_segment,
    write_track_reference,
)
from svfr_farm.assembly_result import AssemblyResult, Seam
from svfr_farm.errors import FramesAreMissing, ModelIsNotThePlans
from svfr_farm.frames_there import begin_note, missing_frames, note_frame, require_free_places
from svfr_farm.inputs import Inputs, content_sha256
from svfr_farm.plan import PlanFile
from svfr_farm.planning import model_sha256
from svfr_farm.seams import joined, kept, measure_seams
from svfr_farm.segments import pieces_of
from svfr_ocio.domain import ModelDomain
from svfr_restore.crops.spool import CropSpool
from svfr_restore.job import JobStages
from svfr_restore.plan.job_plan import JobPlan, plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.track_plan import TrackPlan, track_plan
from svfr_restore.reports import JobContext, Report
from svfr_restore.sampling.restorers import DiffusionRestorer


@dataclass(frozen=True, kw_only=True)
class StepRun:
    """A step on this machine: its plan, the models that are loaded, who listens, the engine's path rules."""

    file: PlanFile
    models: ModelCache
    context: JobContext
    device: str
    path_rules: tuple[PathRule, ...] = ()

    def open(self) -> JobStages:
        """Open and check everything the shot names, as this machine calls it.

        Raises ModelIsNotThePlans, and every problem of the job together.
        """
        job = replace(self.file.plan.job_here(self.path_rules), existing="overwrite")  # its own frames
        if model_sha256(job.model) != self.file.plan.model_sha256:
            raise ModelIsNotThePlans(
                f"The model {job.model} of this machine is not the one that was planned.",
                path=self.file.path,
                remedy="Put the model folder that was planned onto every machine.",
            )
        return JobStages(plan_job(job, self.models), self.models, self.context)


def make_reference(run: StepRun) -> ShotReference:
    """Run the reference step and return what it wrote. A sound reference that is there is kept."""
    stages = run.open()
    inputs = _inputs(stages.plan)
    try:
        found = read_reference(run.file)
        inputs.require_unchanged(found.inputs)
        for number, track in enumerate(found.tracks):
            if track.reference_sha256 is not None:
                read_track_reference(run.file, number, track)
        return found
    except SvfrError:
        pass  # missing or not sound: made anew
    stamps = inputs.stamps()
    tracks = stages.find_tracks()
    pictures = stages.user_references(tracks)
    planned = [
        _planned(run, stages, number, track, picture)
        for number, (track, picture) in enumerate(zip(tracks, pictures, strict=True))
    ]
    inputs.require_unchanged(stamps)
    reference = ShotReference(
        plan_sha256=run.file.sha256, tracks=tuple(planned), inputs=stamps, device=run.device
    )
    write_reference(run.file, reference)
    return reference


def _planned(
    run: StepRun, stages: JobStages, number: int, track: TrackPlan, picture: torch.Tensor | None
) -> PlannedTrack:
    restorer = stages.restorer(track, picture)
    plan, sha256, chunk = run.file.plan, None, 1
    if isinstance(restorer, DiffusionRestorer):
        chunk = restorer.window
        first = _part(track, track.frames[0], track.frames[:chunk][-1])
        with tempfile.TemporaryDirectory(prefix="svfr-farm-") as name:
            (crops,) = stages.crop([first], [restorer], Path(name))
            made = TrackReference(*restorer.make_reference(track.index, crops))
        sha256 = write_track_reference(run.file, number, made)
    return PlannedTrack(
        crop=track.crop,
        exposure_stops=track.domain.exposure_stops,
        reference_sha256=sha256,
        pieces=pieces_of(number, track.frames, plan.segments, plan.rules, chunk),
    )


def restore_segment(run: StepRun, index: int) -> None:
    """Restore the pieces of one segment to latents. A sound segment that is there is kept."""
    run.file.plan.segment(index)
    reference = read_reference(run.file)
    pieces = pieces_of_segment(reference, index)
    made_of = segment_origin(run.file, index, reference)
    if not pieces:  # nothing of the shot, or a model without a network: assembly has all it needs
        write_segment(run.file, index, {}, made_of, device=run.device)
        return
    stages = run.open()
    seen = sorted({frame for piece in pieces for frame in range(piece.seen[0], piece.seen[1] + 1)})
    inputs = _inputs(stages.plan)
    inputs.require_unchanged(reference.inputs, seen)
    try:
        read_segment(run.file, index, reference)
        return
    except SvfrError:
        pass  # missing or not sound: made anew
    whole = [_track(stages.plan, track) for track in reference.tracks]
    restorers = [stages.restorer(whole[p.track], None) for p in pieces]
    parts = [_part(whole[p.track], *p.seen) for p in pieces]
    latents: dict[int, torch.Tensor] = {}
    with tempfile.TemporaryDirectory(prefix="svfr-farm-") as name:
        crops = stages.crop(parts, restorers, Path(name))
        for piece, restorer, spool in zip(pieces, restorers, crops, strict=True):
            assert isinstance(restorer, DiffusionRestorer)
            planned = reference.tracks[piece.track]
            made = read_track_reference(run.file, piece.track, planned)
            frames = whole[piece.track].frames
            value = restorer.latents(
                whole[piece.track].index, spool, made.picture, tokens=made.tokens, shot_frames=frames
            )
            span = kept(piece, frames, run.file.plan.rules.fade_frames)
            start = span.start - piece.seen[0]
            latents[piece.track] = value[start : start + len(span)].float().cpu()
            spool.remove()
    inputs.require_unchanged(reference.inputs, seen)
    write_segment(run.file, index, latents, made_of, device=run.device)


def _inputs(plan: JobPlan) -> Inputs:
    return Inputs(
        spec=plan.spec,
        plate=plan.plate,
        mask=plan.mask,
        frames=plan.frames.read,
        config=plan.colour.config.identity,
    )


def assemble(run: StepRun) -> AssemblyResult:
    """Join the latents, decode them once and write the frames that are not there yet.

    Every segment is looked at before anything is decoded; what is wrong with them is raised together. Raises
    OutputExists for a frame in whose place another file is, before the work and before the first is written,
    InputWasChanged when the plate, the mask or a photo is another than the reference step saw, before the
    work or after it, and FramesAreMissing when a frame of the plan is not on disk at the end.
    """
    require_free_places(run.file, run.path_rules)
    reference = read_reference(run.file)
    stages = _noting_frames(run).open()
    inputs = _inputs(stages.plan)
    inputs.require_unchanged(reference.inputs)
    latents, devices = _all_latents(run, reference)
    there = begin_note(run.file, stages.plan, _origin(run.file, reference))
    for frame in sorted(there):
        run.context.report(Report("frame", frame=frame, path=str(stages.plan.output.path(frame))))
    tracks = [_track(stages.plan, track) for track in reference.tracks]
    seams: list[Seam] = []
    with tempfile.TemporaryDirectory(prefix="svfr-farm-") as name:
        outputs = [
            _pictures(
                stages,
                number,
                track=track,
                planned=reference.tracks[number],
                latents=latents,
                run=run,
                folder=Path(name),
                seams=seams,
            )
            for number, track in enumerate(tracks)
        ]
        left = tuple(frame for frame in stages.plan.frames.written if frame not in there)
        pictures = [
            None if track.reference_sha256 is None else read_track_reference(run.file, number, track).picture
            for number, track in enumerate(reference.tracks)
        ]
        require_free_places(run.file, run.path_rules)
        written = stages.paste(tracks, outputs, left, pictures)
    inputs.require_unchanged(reference.inputs)
    _require_frames(run.file, missing_frames(run.file, run.path_rules))
    kinds = {reference.device, *devices, run.device}
    return AssemblyResult(
        plan_sha256=run.file.sha256,
        seams=tuple(seams),
        devices=tuple(sorted(kinds)),
        written=len(written),
        found=len(there),
    )


def _noting_frames(run: StepRun) -> StepRun:
    """Return the step with a listener that notes each frame as it is written."""

    def report(one: Report) -> None:
        if one.kind == "frame" and one.frame is not None and one.path is not None:
            note_frame(run.file, one.frame, Path(one.path))
        run.context.report(one)

    return replace(run, context=replace(run.context, report=report))


def _all_latents(
    run: StepRun, reference: ShotReference
) -> tuple[dict[tuple[int, int], torch.Tensor], set[str]]:
    """Return the latents by (track, segment), and the kinds of device that made them."""
    found: dict[tuple[int, int], torch.Tensor] = {}
    devices: set[str] = set()
    problems: list[SvfrError] = []
    for index in range(len(run.file.plan.segments)):
        try:
            tensors, device = read_segment(run.file, index, reference)
        except SvfrError as problem:
            problems.append(problem)
            continue
        found |= {(track, index): value for track, value in tensors.items()}
        devices |= {device} if tensors else set()
    raise_problems(problems)
    return found, devices


def _pictures(
    stages: JobStages,
    number: int,
    *,
    track: TrackPlan,
    planned: PlannedTrack,
    latents: dict[tuple[int, int], torch.Tensor],
    run: StepRun,
    folder: Path,
    seams: list[Seam],
) -> CropSpool:
    """Return the restored crops of a whole track on disk, and add its seams to ``seams``."""
    restorer = stages.restorer(track, None)
    if not isinstance(restorer, DiffusionRestorer):
        (crops,) = stages.crop([track], [restorer], folder)
        return stages.restore(track, restorer, crops, folder / f"{number}.restored")
    fade = run.file.plan.rules.fade_frames
    parts = [latents.pop((number, piece.segment)) for piece in planned.pieces]
    whole = joined(track.frames, planned.pieces, parts, fade)
    output = CropSpool(folder / f"{number}.restored", track.frames, track.crop_px, stages.outputs.count)
    seen = stages.crop([track], [restorer], folder)[0] if restorer.needs_crops else None
    for frame, codes in restorer.pictures(track.index, track.frames, whole, seen):
        run.context.stop_if_cancelled(frame)
        output.write(frame, codes)
    seams += measure_seams(track.index, track.frames, planned.pieces, fade, output.crop)
    return output


def _track(plan: JobPlan, planned: PlannedTrack) -> TrackPlan:
    """Return a track as the reference step had it; one track, one exposure, whatever a segment shows."""
    stops, colour = planned.exposure_stops, plan.colour
    domain = ModelDomain.build(colour.config, colour.space, stops) if stops else plan.domain
    return track_plan(plan, planned.crop, domain)


def _part(track: TrackPlan, first: int, last: int) -> TrackPlan:
    crop = track.crop.clip(first, last)
    assert crop is not None
    return replace(track, crop=crop)  # a part has the size that the whole track has


def _origin(file: PlanFile, reference: ShotReference) -> str:
    """Return the hash of all that the shot is made of: frames made of anything else are not this shot's."""
    digest = hashlib.sha256(file.sha256.encode())
    digest.update(content_sha256(reference.inputs).encode())
    digest.update(sha256_of([to_plain(track) for track in reference.tracks]).encode())
    for index in range(len(file.plan.segments)):
        with open_regular(file.segment_path(index)) as segment:
            digest.update(hashlib.file_digest(segment, "sha256").digest())
    return digest.hexdigest()


def _require_frames(file: PlanFile, missing: list[int]) -> None:
    if missing:
        some = ", ".join(map(str, missing[:20]))
        text = f"{len(missing)} frames of {file.plan.shot} are not on disk whole: {some}."
        raise FramesAreMissing(text, frame=missing[0], remedy="The assembly has to run again.")
