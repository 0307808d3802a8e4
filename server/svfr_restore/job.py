"""One job from beginning to end: look, crop, restore, return. The only module that knows the whole path.

A pixel travels media -> domain -> crops -> two passes -> transfer -> paste -> media, and never back. Pixels
stream: of a shot only small thumbnails, latents and crops on disk exist at once.
"""

from __future__ import annotations

import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import cast

import numpy as np

from svfr.errors import Cancelled
from svfr.sampler import SamplerMode
from svfr.tasks import TaskSet
from svfr_client.messages import JobSpec, Reference
from svfr_ocio.sanitise import sanitise
from svfr_restore.compose import Restored, compose
from svfr_restore.crops.warp import cut
from svfr_restore.errors import JobWasCancelled
from svfr_restore.frame_feed import FrameFeed
from svfr_restore.identities import codes_of, identify, reference_picture
from svfr_restore.job_plan import JobPlan, plan_job
from svfr_restore.mattes.hole import hole_of_mask
from svfr_restore.media.exr_writer import write_restored
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.writer_pool import WriterPool
from svfr_restore.models import ModelCache
from svfr_restore.prepare import prepare
from svfr_restore.reports import (
    CancelCheck,
    CheckpointStore,
    JobResult,
    NoStore,
    Report,
    Reporter,
    WrittenOutput,
)
from svfr_restore.spool import CropSpool
from svfr_restore.survey import Survey, survey_run
from svfr_restore.track_plan import TrackPlan, plan_tracks
from svfr_restore.two_pass import DiffusionRestorer, IdentityRestorer, ProbeRestorer, Restorer, TrackCrops

_DETECTING_MODES = ("largest", "all", "index")


def run_job(
    spec: JobSpec,
    models: ModelCache,
    report: Reporter,
    cancelled: CancelCheck = lambda: False,
    store: CheckpointStore | None = None,
) -> JobResult:
    """Run one job and return what it wrote.

    Every problem that can be known beforehand is raised together before the model runs
    (:class:`svfr_client.errors.SeveralProblems`); nothing half-written is ever left under an output's name.
    Raises JobWasCancelled between windows and frames.
    """
    try:
        return _Job(plan_job(spec, models), models, report, cancelled, store or NoStore()).run()
    except Cancelled as stop:
        raise JobWasCancelled("The job was cancelled.", remedy=stop.remedy) from stop


def survey_job(plan: JobPlan, report: Reporter, cancelled: CancelCheck = lambda: False) -> list[Survey]:
    """Look at every frame of a job once: its shots, and its faces when the job's choice needs them."""
    detect = plan.spec.faces.mode in _DETECTING_MODES and plan.spec.crop_tracks is None
    feed = FrameFeed(plan.plate)
    return [survey_run(feed, run, plan.domain, detect, report, cancelled) for run in plan.frames.runs]


class _Job:
    """The state of one run: what was opened, and the counts that say which parts of the path ran."""

    def __init__(
        self,
        plan: JobPlan,
        models: ModelCache,
        report: Reporter,
        cancelled: CancelCheck,
        store: CheckpointStore,
    ) -> None:
        self._plan, self._models, self._report, self._cancelled = plan, models, report, cancelled
        self._store = store
        self._feed = FrameFeed(plan.plate)
        self._counts: Counter[str] = Counter()
        self._reporting = threading.Lock()

    def run(self) -> JobResult:
        surveys = survey_job(self._plan, self._report, self._cancelled)
        tracks = plan_tracks(self._plan, surveys)
        self._check_references(tracks)
        with tempfile.TemporaryDirectory(prefix="svfr-") as folder:
            crops = self._cut(tracks, Path(folder))
            outputs = [
                self._restore(track, spool, number, Path(folder))
                for number, (track, spool) in enumerate(zip(tracks, crops, strict=True))
            ]
            written = self._write(tracks, outputs)
        indices = tuple(sorted({track.index for track in tracks}))
        return JobResult(written, indices, self._counts)

    def _stop_if_cancelled(self, frame: int) -> None:
        if self._cancelled():
            raise JobWasCancelled("The job was cancelled.", frame=frame)

    def _reference_for(self, track: TrackPlan) -> Reference | None:
        """Return the user's reference for a face: its own before one for all."""
        given = {reference.track: reference for reference in self._plan.spec.references}
        return given.get(track.index, given.get(None))

    def _check_references(self, tracks: Sequence[TrackPlan]) -> None:
        """Make every user reference once before the model is loaded, so that a bad one fails early."""
        for track in tracks:
            reference = self._reference_for(track)
            if reference is not None:
                reference_picture(reference, self._feed, track, self._plan.crop_px, self._plan.colour.config)

    def _cut(self, tracks: Sequence[TrackPlan], folder: Path) -> list[TrackCrops]:
        """Cut and prepare the crops of all tracks in one pass over the plate."""
        size = self._plan.crop_px
        spools = [
            TrackCrops(
                track.index,
                CropSpool(folder / f"{number}.unprepared", track.frames, size),
                CropSpool(folder / f"{number}.prepared", track.frames, size),
            )
            for number, track in enumerate(tracks)
        ]
        frames = sorted({frame for track in tracks for frame in track.frames})
        for done, frame in enumerate(frames, 1):
            self._stop_if_cancelled(frame)
            picture = self._feed.read(frame)
            clean = sanitise(picture.rgb)
            mask = None
            if self._plan.mask is not None and "inpaint" in self._plan.spec.tasks:
                mask = self._plan.mask.read(frame, picture.data_window)
            for track, spool in zip(tracks, spools, strict=True):
                if frame not in track.frames:
                    continue
                transform = track.crop.transform(frame, size, picture.pixel_aspect)
                codes = track.domain.to_codes(cut(clean, picture.data_window, transform, size))
                codes = np.clip(codes, 0.0, 1.0)
                hole = None if mask is None else hole_of_mask(mask, picture.data_window, transform, size)
                spool.unprepared.write(frame, codes)
                spool.prepared.write(
                    frame, prepare(codes, self._plan.spec.tasks, hole, self._plan.model.hole_fill)
                )
                self._counts["crops_cut"] += 1
            self._report(Report("progress", "crop", done, len(frames), frame=frame))
        return spools

    def _restorer(self, track: TrackPlan) -> Restorer:
        if self._plan.model.kind == "identity":
            return IdentityRestorer()
        if self._plan.model.kind == "probe":
            return ProbeRestorer()
        spec, size = self._plan.spec, self._plan.crop_px
        model = self._models.get(spec.model)
        reference = self._reference_for(track)
        assert self._plan.preset is not None

        def warn(message: str) -> None:
            self._report(Report("warning", track=track.index, message=message))

        return DiffusionRestorer(
            model,
            self._models.fingerprint(spec.model),
            self._plan.preset,
            TaskSet.of(spec.tasks),
            spec.seed,
            cast(SamplerMode, spec.sampler),
            None
            if reference is None
            else reference_picture(reference, self._feed, track, size, self._plan.colour.config),
            lambda picture: identify(
                model.identity,
                picture,
                lambda: codes_of(self._feed, track, track.frames[0], size),
                warn,
            ),
            self._store,
            self._report,
            self._cancelled,
            self._counts,
        )

    def _restore(self, track: TrackPlan, crops: TrackCrops, number: int, folder: Path) -> CropSpool:
        """Run the model over one track; its output goes to disk, its inputs are deleted."""
        output = CropSpool(folder / f"{number}.restored", track.frames, self._plan.crop_px)
        for frame, codes in self._restorer(track).restore(crops):
            self._stop_if_cancelled(frame)
            output.write(frame, codes)
            self._counts["crops_restored"] += 1
        crops.unprepared.remove()
        crops.prepared.remove()
        return output

    def _write(self, tracks: Sequence[TrackPlan], outputs: Sequence[CropSpool]) -> tuple[WrittenOutput, ...]:
        """Put the restored crops back into the plate, frame by frame, writing in the background."""
        plan = self._plan
        plan.output.make_folders()
        written: list[WrittenOutput] = []
        with WriterPool() as pool:
            for frame in plan.frames.written:
                self._stop_if_cancelled(frame)
                picture = self._feed.read(frame)
                faces = [
                    (track, output.crop(frame))
                    for track, output in zip(tracks, outputs, strict=True)
                    if frame in track.frames
                ]
                mask = None if plan.mask is None else plan.mask.read(frame, picture.data_window)
                restored = compose(plan.spec, picture, faces, mask, plan.crop_px)
                self._counts["deltas"] += len(faces)
                self._counts["pixels_changed"] += int(restored.changed.sum())
                pool.submit(partial(self._write_frame, picture, restored, self._provenance(faces), written))
        self._counts["frames_written"] += len(written)
        return tuple(sorted(written, key=lambda output: output.frame))

    def _write_frame(
        self,
        picture: PlateFrame,
        restored: Restored,
        provenance: Mapping[str, str],
        written: list[WrittenOutput],
    ) -> None:
        """Write one file and report it; runs on a writer thread."""
        result = write_restored(
            picture,
            self._plan.output.path(picture.frame),
            restored.rgb,
            restored.changed,
            restored.layers,
            provenance,
            self._plan.colour.space.interop_id,
        )
        with self._reporting:
            written.append(WrittenOutput(picture.frame, result.path, result.size_bytes))
            for note in result.notes:
                self._report(Report("warning", frame=picture.frame, message=note))
            total = len(self._plan.frames.written)
            path = str(result.path)
            self._report(Report("frame", "write", len(written), total, frame=picture.frame, path=path))

    def _provenance(self, faces: Sequence[tuple[TrackPlan, object]]) -> dict[str, str]:
        """Return what the written file says about how it was made; no names of people or folders."""
        plan, spec = self._plan, self._plan.spec
        weights = sorted(record.sha256 for record in plan.model.files.values())
        return {
            "svfr/ai_modified": "1",
            "svfr/version": metadata.version("svfr-studio"),
            "svfr/model": plan.model.name,
            "svfr/weights_sha256": ",".join(weights),
            "svfr/task": "+".join(spec.tasks),
            "svfr/preset": spec.preset,
            "svfr/seed": str(spec.seed),
            "svfr/sampler": spec.sampler,
            "svfr/color": f"{plan.colour.config.uri or plan.colour.config.sha256} {plan.colour.space.name}",
            "svfr/exposure_stops": ",".join(f"{track.domain.exposure_stops:.4f}" for track, _ in faces),
            "svfr/job_hash": spec.content_key(),
        }
