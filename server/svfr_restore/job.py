"""One job from beginning to end: survey, crop, restore, paste. The only module that knows the whole path.

A pixel travels media -> domain -> crops -> sampling -> transfer -> paste -> media, and never back. Pixels
stream: of a shot only small thumbnails, latents and crops on disk exist at once, so a plate frame is decoded
three times: for the survey, for its crops, and for the result.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from svfr.errors import Cancelled, ShotTooShort
from svfr.models.spec import DiffusionSpec
from svfr.sampling.finish import attenuation_for
from svfr.tasks import TaskSet
from svfr_client.errors import JobWasCancelled, SvfrError, raise_problems
from svfr_client.job import JobSpec
from svfr_restore.crops.spool import CropSpool, require_space
from svfr_restore.mattes.unmarked import UnmarkedFrames
from svfr_restore.media.exr.writer import write_restored
from svfr_restore.media.feed import FrameFeed
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.writer_pool import WriterPool
from svfr_restore.overall import Overall
from svfr_restore.paste.paste import Restored, paste
from svfr_restore.plan.crop_size import enlargement
from svfr_restore.plan.job_plan import JobPlan, plan_job
from svfr_restore.plan.memory_cost import require_job_memory
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.plate_crop import FinitePlate
from svfr_restore.plan.precheck import detects
from svfr_restore.plan.provenance import provenance
from svfr_restore.plan.survey import Survey, survey_runs
from svfr_restore.plan.track_plan import TrackPlan, model_for_largest_crop, plan_tracks, spool_bytes
from svfr_restore.reports import (
    CancelCheck,
    CheckpointStore,
    JobContext,
    JobResult,
    NoStore,
    Report,
    Reporter,
    WrittenOutput,
)
from svfr_restore.sampling.identities import codes_of, identify
from svfr_restore.sampling.references import user_references
from svfr_restore.sampling.restorers import (
    DiffusionRestorer,
    IdentityRestorer,
    ProbeRestorer,
    Restorer,
    Sampling,
)

# Two frames are being written, one waits, one is being composed: four in memory, whatever their size.
_WRITER_THREADS, _WRITER_QUEUE = 2, 1


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
    Raises JobWasCancelled between windows and frames, and ConfigChanged when the OCIO config or one of its
    LUTs is changed while the job runs.
    """
    context = JobContext(report=report, cancelled=cancelled, store=store or NoStore())
    try:
        return JobStages(plan_job(spec, models), models, context).run()
    except Cancelled as stop:
        raise JobWasCancelled("The job was cancelled.", remedy=stop.remedy) from stop


def survey_job(plan: JobPlan, context: JobContext) -> list[Survey]:
    """Find the shots of a job, and its faces when the job's choice needs them, reading every frame once."""
    return survey_runs(FrameFeed(plan.plate), plan.frames.runs, plan.domain, detects(plan.spec), context)


class JobStages:
    """The stages of one job over what was opened for it; a farm runs them on several machines."""

    def __init__(self, plan: JobPlan, models: ModelCache, context: JobContext) -> None:
        self.plan, self._models, self._context = plan, models, context
        self._feed = FrameFeed(plan.plate)
        self._reporting = threading.Lock()

    def run(self) -> JobResult:
        """Go through the stages in order; see :func:`run_job`."""
        overall = Overall(self.plan, self._context.report)
        self._context = replace(self._context, report=overall.report)
        tracks = self.find_tracks()
        overall.know_tracks([(track.index, len(track.frames)) for track in tracks])
        references = self.user_references(tracks)
        with tempfile.TemporaryDirectory(prefix="svfr-") as name:
            folder = Path(name)
            self._require_space(tracks, folder)
            restorers = [
                self.restorer(track, reference) for track, reference in zip(tracks, references, strict=True)
            ]
            crops = self.crop(tracks, restorers, folder)
            outputs = [
                self.restore(track, restorer, spool, folder / f"{number}.restored")
                for number, (track, restorer, spool) in enumerate(zip(tracks, restorers, crops, strict=True))
            ]
            self.plan.colour.config.require_unchanged()  # the files name the config that they were made with
            written = self.paste(tracks, outputs)
        return JobResult(written, tuple(sorted({track.index for track in tracks})), self._context.counts)

    def find_tracks(self) -> list[TrackPlan]:
        """Find the faces of all shots and measure their exposure. Raises what :func:`plan_tracks` raises."""
        for note in self.plan.plate.notes:
            self._context.warn(note)
        surveys = survey_job(self.plan, self._context)
        tracks = plan_tracks(self.plan, surveys, self._context.warn)
        self.plan.colour.config.require_unchanged()  # every track's processors are made
        self._warn_of_empty_shots(surveys, tracks)
        self._require_memory(tracks)
        return tracks

    def user_references(self, tracks: Sequence[TrackPlan]) -> list[torch.Tensor | None]:
        """Return each track's given picture or None. Raises ShotTooShort with what that function raises."""
        references = user_references(self.plan, tracks, self._feed, self._context)
        raise_problems(self._too_short(tracks))
        return references

    def _require_space(self, tracks: Sequence[TrackPlan], folder: Path) -> None:
        """Raise DiskSpaceIsShort unless every track's input and output fit on the disk."""
        require_space(folder, spool_bytes(tracks, self.plan.model.planes))

    def _require_memory(self, tracks: Sequence[TrackPlan]) -> None:
        """Raise JobNeedsMoreMemory unless plate, model and the longest track's latents fit together."""
        display = self.plan.display
        require_job_memory(
            model_for_largest_crop(self.plan.model, tracks),
            plate_pixels=display.width * display.height,
            longest_track=max((len(track.frames) for track in tracks), default=0),
            device=self._models.device,
        )

    def _warn_of_empty_shots(self, surveys: Sequence[Survey], tracks: Sequence[TrackPlan]) -> None:
        """Warn of shots that go through untouched: a missed face must not look like a restored one."""
        first_frames = [track.frames[0] for track in tracks]
        for shot in (shot for survey in surveys for shot in survey.shots):
            if not any(frame in shot.frames for frame in first_frames):
                text = f"Nothing to restore was found from frame {shot.first} to {shot.last}."
                self._context.warn(text, frame=shot.first)

    def _too_short(self, tracks: Sequence[TrackPlan]) -> list[SvfrError]:
        """Return one problem for every track that the published sampler cannot take."""
        model = self.plan.model
        if self.plan.spec.sampler != "official" or not isinstance(model, DiffusionSpec):
            return []
        least = model.overlap + 1
        return [
            ShotTooShort(
                f"Face {track.index} is seen in {len(track.frames)} frames; official mode needs {least}.",
                frame=track.frames[0],
                remedy="Use the studio sampler, which restores any number of frames.",
            )
            for track in tracks
            if len(track.frames) < least
        ]

    def restorer(self, track: TrackPlan, reference: torch.Tensor | None) -> Restorer:
        """Return what restores a track; a diffusion model is loaded with the first."""
        if self.plan.model.kind == "identity":
            return IdentityRestorer()
        if self.plan.model.kind == "probe":
            return ProbeRestorer()
        spec, preset = self.plan.spec, self.plan.preset
        assert preset is not None
        model = self._models.get(spec.model).with_crop_px(track.crop_px)
        tasks = TaskSet.of(spec.tasks)
        sampling = Sampling(
            model=model,
            fingerprint=self._models.fingerprint(spec.model),
            preset=preset,
            tasks=tasks,
            seed=spec.seed,
            mode=spec.sampler,
            context=self._context,
            detail=self.plan.detail,
            attenuation=attenuation_for(model.spec, tasks, enlargement(track.crop_px, track.crop)),
        )
        last_of_first_window = track.frames[: model.spec.window][-1]
        plate_identity_codes = partial(codes_of, self._feed, track, last_of_first_window)
        return DiffusionRestorer(
            sampling,
            reference,
            lambda picture: identify(
                model.identity,
                picture,
                plate_identity_codes if reference is None else None,
                partial(self._context.warn, track=track.index),
            ),
        )

    def crop(
        self, tracks: Sequence[TrackPlan], restorers: Sequence[Restorer], folder: Path
    ) -> list[CropSpool]:
        """Crop all tracks in one pass over the plate, each as its restorer wants to see it."""
        planes = self.plan.model.planes
        spools = [CropSpool(folder / f"{n}.crops", t.frames, t.crop_px, planes) for n, t in enumerate(tracks)]
        frames = sorted({frame for track in tracks for frame in track.frames})
        for done, frame in enumerate(frames, 1):
            self._context.stop_if_cancelled(frame)
            plate = FinitePlate.of(self._feed.read(frame))
            mask = None
            if self.plan.mask is not None and "inpaint" in self.plan.spec.tasks:
                mask = self.plan.mask.read(frame, plate.picture.data_window)
            for track, restorer, spool in zip(tracks, restorers, spools, strict=True):
                if frame in track.frames:
                    spool.write(frame, restorer.prepare_crop(plate.crop(track), mask))
                    self._context.counts["crops_cut"] += 1
            self._context.report(Report("progress", "crop", done, len(frames), frame=frame))
        return spools

    def restore(self, track: TrackPlan, restorer: Restorer, crops: CropSpool, path: Path) -> CropSpool:
        """Run the model over one track; its output goes to disk, its input is deleted."""
        output = CropSpool(path, track.frames, track.crop_px)
        for frame, codes in restorer.restore(track.index, crops):
            self._context.stop_if_cancelled(frame)
            output.write(frame, codes)
            self._context.counts["crops_restored"] += 1
        crops.remove()
        return output

    def paste(
        self, tracks: Sequence[TrackPlan], outputs: Sequence[CropSpool], frames: Sequence[int] | None = None
    ) -> tuple[WrittenOutput, ...]:
        """Put the restored crops back into the plate, frame by frame, writing in the background.

        ``frames`` are those to write; None: all of the job's.
        """
        plan, counts = self.plan, self._context.counts
        plan.output.make_folders()
        written: list[WrittenOutput] = []
        unmarked = UnmarkedFrames(self._context.warn)
        with WriterPool(_WRITER_THREADS, _WRITER_QUEUE) as pool:
            for frame in plan.frames.written if frames is None else frames:
                self._context.stop_if_cancelled(frame)
                picture = self._feed.read(frame)
                faces = [
                    (track, output.crop(frame))
                    for track, output in zip(tracks, outputs, strict=True)
                    if frame in track.frames
                ]
                mask = None if plan.mask is None else plan.mask.read(frame, picture.data_window)
                unmarked.note(frame, mask is None or bool(mask.any()))
                restored = paste(plan.spec, picture, faces, mask)
                counts["deltas"] += len(faces)
                counts["pixels_changed"] += int(restored.changed.sum())
                signature = provenance(plan, (track for track, _ in faces))
                pool.submit(partial(self._write, picture, restored, signature, written))
        unmarked.end()
        counts["frames_written"] += len(written)
        return tuple(sorted(written, key=lambda output: output.frame))

    def _write(
        self,
        picture: PlateFrame,
        restored: Restored,
        signature: Mapping[str, str],
        written: list[WrittenOutput],
    ) -> None:
        """Write one file and report it; runs on a writer thread."""
        result = write_restored(
            picture,
            self.plan.output.path(picture.frame),
            restored.rgb,
            restored.changed,
            layers=restored.layers,
            provenance=signature,
            interop_id=self.plan.colour.space.interop_id,
        )
        context = self._context
        with self._reporting:
            written.append(WrittenOutput(picture.frame, result.path, result.size_bytes))
            for note in result.notes:
                context.warn(note, frame=picture.frame)
            context.report(Report("frame", frame=picture.frame, path=str(result.path)))
            total = len(self.plan.frames.written)
            context.report(Report("progress", "write", len(written), total, frame=picture.frame))
