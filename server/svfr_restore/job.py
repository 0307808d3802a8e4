"""One job from beginning to end: survey, crop, restore, paste. The only module that knows the whole path.

A pixel travels media -> domain -> crops -> sampling -> transfer -> paste -> media, and never back. Pixels
stream: of a shot only small thumbnails, latents and crops on disk exist at once. A plate frame is looked at
three times, for the survey, for its crops, and for the result; what of it fits into a bounded memory is
decoded once.

The survey comes first and alone: which faces are meant, and whether there are any, is known only at the end
of the last shot, and nothing is computed for a job that cannot be done. Then cropping, sampling and writing
run at once (:mod:`svfr_restore.stages_together`): a track is sampled as soon as its first window is cut, and
a frame is written as soon as all its faces are decoded, while the next track is sampled. The next job of the
same process may begin while the last frames are written (:mod:`svfr_restore.job_line`).
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

import torch

from svfr.arrays import Float32
from svfr.errors import Cancelled, ShotTooShort
from svfr.models.model import Model
from svfr.models.spec import DiffusionSpec
from svfr.sampling.finish import attenuation_for
from svfr.tasks import TaskSet
from svfr_client.arguments import checked
from svfr_client.errors import JobWasCancelled, OutputExists, SvfrError, raise_problems
from svfr_client.job import JobSpec
from svfr_restore.crops.spool import CropSpool, FillingSpool, require_space
from svfr_restore.job_line import JobPlace
from svfr_restore.mattes.matte import marks_any
from svfr_restore.mattes.unmarked import UnmarkedFrames
from svfr_restore.media.exr.writer import WrittenFrame, write_restored
from svfr_restore.media.feed import FrameFeed
from svfr_restore.media.plate import PictureChoice, PlateFrame
from svfr_restore.memory_budget import budget_bytes, kept_pixels_bytes, kept_squares_bytes
from svfr_restore.overall import Overall
from svfr_restore.paste.paste import paste
from svfr_restore.plan.crop_size import crop_scale
from svfr_restore.plan.job_plan import JobPlan, plan_job
from svfr_restore.plan.kept_survey import KeptSurvey, colour_identity
from svfr_restore.plan.memory_cost import job_memory_bytes
from svfr_restore.plan.model_output import ModelOutput, OutputPlanes
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.plate_crop import FinitePlate, KeptSquares
from svfr_restore.plan.precheck import detects
from svfr_restore.plan.provenance import provenance
from svfr_restore.plan.survey import Survey, survey_runs
from svfr_restore.plan.track_plan import TrackPlan, plan_tracks, require_memory_for, spool_bytes
from svfr_restore.reports import (
    CancelCheck,
    CheckpointStore,
    JobContext,
    JobResult,
    NoStore,
    OneStageAtATime,
    Report,
    Reporter,
    WrittenOutput,
    ignore_report,
    never,
)
from svfr_restore.sampling.background_store import saving_in_background
from svfr_restore.sampling.identities import codes_of, identify
from svfr_restore.sampling.reference_likeness import ReferenceLikeness
from svfr_restore.sampling.references import user_references
from svfr_restore.sampling.restorers import (
    DiffusionRestorer,
    IdentityRestorer,
    ProbeRestorer,
    Restorer,
    Sampling,
)
from svfr_restore.stages_together import StagesTogether
from svfr_restore.work_pool import WorkPool, thread_count

Judge = Callable[[Sequence[tuple[TrackPlan, ModelOutput]]], Mapping[int, float | None]]
"""Returns how alike each face of a frame is to its reference, by the number of its track."""

# Two frames are being cropped, one waits, one is being read; as many at least are being pasted and written.
_CROP_THREADS, _WAITING = 2, 1

_NOTHING_CHANGED = (
    "No pixel was changed: the model found next to nothing to restore, whose smallest changes do not count, "
    "or the mask lets nothing through. The frames are as the plate has them."
)
# Each has a warning of its own; of more, the job's note has the range.
MOST_HELD_NAMED = 100


@checked
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
        with saving_in_background(context) as saving:
            return JobStages(plan_job(spec, models), models, saving).run()
    except Cancelled as stop:
        raise JobWasCancelled("The job was cancelled.", remedy=stop.remedy) from stop


def _given(picture: PlateFrame) -> PlateFrame:
    """Return a picture that has been read already."""
    return picture


def survey_job(plan: JobPlan, context: JobContext, feed: FrameFeed | None = None) -> list[Survey]:
    """Find the shots of a job, and its faces when the job's choice needs them, reading every frame once.

    What the context's store keeps of an earlier survey is not read again.
    """
    feed, spec = feed or FrameFeed(plan.plate), plan.spec
    kept = None
    if not isinstance(context.store, NoStore):
        plan.colour.config.require_unchanged()  # what is kept is kept under this config's name
        kept = KeptSurvey(
            context.store,
            plan.plate,
            choice=PictureChoice(layer=spec.plate_layer, part=spec.plate_part, view=spec.plate_view),
            colour=colour_identity(spec.colour, plan.colour, plan.domain),
            detect=detects(spec),
        )
    return survey_runs(feed, plan.frames.runs, plan.domain, detects(spec), context, kept=kept)


def survey_ahead(
    spec: JobSpec,
    models: ModelCache,
    store: CheckpointStore,
    cancelled: CancelCheck = never,
    report: Reporter = ignore_report,
) -> int:
    """Survey a job that will be run later, into the store that it will run with; returns the frames seen.

    Nothing is computed or written besides. Raises what :func:`run_job` raises before its model runs, and
    JobWasCancelled between frames; what was seen until then is kept.
    """
    with saving_in_background(JobContext(report=report, cancelled=cancelled, store=store)) as context:
        survey_job(plan_job(spec, models), context)
    return context.counts["frames_surveyed"]


class JobStages:
    """The stages of one job over what was opened for it; a farm runs them on several machines."""

    def __init__(self, plan: JobPlan, models: ModelCache, context: JobContext) -> None:
        self._given_reporter, self._reporter = context.report, OneStageAtATime(context.report)
        self.plan, self._models, self._context = plan, models, replace(context, report=self._reporter)
        self._feed = FrameFeed(plan.plate, kept_pixels_bytes())
        self._squares = KeptSquares(kept_squares_bytes())
        self._counting = threading.Lock()

    @property
    def outputs(self) -> OutputPlanes:
        """What the model's answers consist of."""
        return OutputPlanes.of(self.plan)

    def run(self) -> JobResult:
        """Go through the stages in order; see :func:`run_job`."""
        overall = Overall(self.plan, self._given_reporter)
        self._reporter = OneStageAtATime(overall.report)
        self._context = replace(self._context, report=self._reporter)
        with self._models.line.join(self._context.stop_if_cancelled) as place:
            place.take_memory(self._memory_bytes(), budget_bytes())
            tracks = self.find_tracks()
            overall.know_tracks([(track.index, len(track.frames)) for track in tracks])
            references = self.user_references(tracks)
            with tempfile.TemporaryDirectory(prefix="svfr-") as name:
                folder = Path(name)
                self._require_space(tracks, folder, place)
                written = self._run_at_once(tracks, references, folder, place)
        return JobResult(written, tuple(sorted({track.index for track in tracks})), self._context.counts)

    def _run_at_once(
        self,
        tracks: Sequence[TrackPlan],
        references: Sequence[torch.Tensor | None],
        folder: Path,
        place: JobPlace,
    ) -> tuple[WrittenOutput, ...]:
        """Crop, sample and write; sampling and writing wait for the jobs before this one."""
        written: list[WrittenOutput] = []
        with StagesTogether() as together:
            restorers = [
                self.restorer(track, reference) for track, reference in zip(tracks, references, strict=True)
            ]
            filling = partial(FillingSpool, together=together)
            planes = self.plan.model.planes
            crops = [
                filling(folder / f"{n}.crops", t.frames, t.crop_px, planes) for n, t in enumerate(tracks)
            ]
            planes = self.outputs.count
            outputs = [
                filling(folder / f"{n}.restored", t.frames, t.crop_px, planes) for n, t in enumerate(tracks)
            ]
            likeness = self._likeness(lambda number: restorers[number].reference)

            def go_on() -> None:
                self._context.stop_if_cancelled()
                together.stop_if_failed()

            def write() -> None:
                place.wait_to_write(go_on)
                written.extend(self._paste(tracks, outputs, likeness=likeness))

            together.begin("crop", partial(self._crop_into, tracks, restorers, crops))
            together.begin("write", write)
            with place.sampling(go_on):
                for track, restorer, spool, output in zip(tracks, restorers, crops, outputs, strict=True):
                    self._restore_into(track, restorer, spool, output)
            self._context.clock.add("sample", -together.waited_seconds)
            self._reporter.note_sampled()
        return tuple(written)

    def _memory_bytes(self) -> float:
        """Return what the job may come to take, before it is known which of its frames have a face."""
        plan = self.plan
        return job_memory_bytes(
            plan.model,
            plate_pixels=plan.display.width * plan.display.height,
            longest_track=max(map(len, plan.frames.runs), default=0),
            device=self._models.device,
            preset=plan.preset,
            sampler=plan.spec.sampler,
        )

    def find_tracks(self) -> list[TrackPlan]:
        """Report what the user should know of the job, find its faces and measure their exposure.

        Raises what :func:`plan_tracks` raises.
        """
        for note in self.plan.notes:
            self._context.warn(note)
        for frame, stand_in in itertools.islice(self.plan.held.items(), MOST_HELD_NAMED):
            text = f"Frame {frame} is not in the plate: frame {stand_in} is restored in its place."
            self._context.warn(text, frame=frame)
        surveys = survey_job(self.plan, self._context, self._feed)
        tracks = plan_tracks(self.plan, surveys, self._context.warn)
        self.plan.colour.config.require_unchanged()  # every track's processors are made
        self._warn_of_empty_shots(surveys, tracks)
        require_memory_for(self.plan, tracks, self._models.device)
        return tracks

    def user_references(self, tracks: Sequence[TrackPlan]) -> list[torch.Tensor | None]:
        """Return each track's given picture or None. Raises ShotTooShort with what that function raises."""
        references = user_references(self.plan, tracks, self._feed, self._context)
        raise_problems(self._too_short(tracks))
        return references

    def _require_space(self, tracks: Sequence[TrackPlan], folder: Path, place: JobPlace) -> None:
        """Raise DiskSpaceIsShort unless every track's input and output fit on the disk."""
        needed = spool_bytes(self.plan, tracks)
        place.take_room(needed, lambda: shutil.disk_usage(folder).free)
        require_space(folder, needed)

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
        """Return what restores a track; a diffusion model is loaded when the first is sampled."""
        if self.plan.model.kind == "identity":
            return IdentityRestorer()
        if self.plan.model.kind == "probe":
            return ProbeRestorer()
        spec, preset = self.plan.spec, self.plan.preset
        assert preset is not None and isinstance(self.plan.model, DiffusionSpec)
        model_spec = replace(self.plan.model, crop_px=track.crop_px)
        tasks = TaskSet.of(spec.tasks)

        @cache
        def load() -> Model:
            return self._models.get(spec.model).with_crop_px(track.crop_px)

        sampling = Sampling(
            spec=model_spec,
            load=load,
            fingerprint=self._models.fingerprint(spec.model),
            preset=preset,
            tasks=tasks,
            seed=spec.seed,
            mode=spec.sampler,
            context=self._context,
            outputs=self.outputs,
            attenuation=attenuation_for(model_spec, tasks, crop_scale(track.crop_px, track.crop)),
        )
        last_of_first_window = track.frames[: model_spec.window][-1]
        plate_identity_codes = partial(codes_of, self._feed, track, last_of_first_window)
        return DiffusionRestorer(
            sampling,
            reference,
            lambda picture: identify(
                load().identity,
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
        self._crop_into(tracks, restorers, spools)
        return spools

    def _crop_into(
        self, tracks: Sequence[TrackPlan], restorers: Sequence[Restorer], spools: Sequence[CropSpool]
    ) -> None:
        frames = sorted({frame for track in tracks for frame in track.frames})
        done = itertools.count(1)
        with WorkPool(_CROP_THREADS, _WAITING) as pool:
            for frame in frames:
                self._context.stop_if_cancelled(frame)
                with self._context.clock.working("crop"):
                    read = self._feed.soon(frame)
                mask = None
                if self.plan.mask is not None and "inpaint" in self.plan.spec.tasks:
                    with self._context.clock.working("crop"):
                        picture = read()
                    read = partial(_given, picture)
                    mask = self.plan.mask.read(frame, picture.data_window)
                faces = [
                    face for face in zip(tracks, restorers, spools, strict=True) if frame in face[0].frames
                ]
                crop = partial(self._crop_frame, frame, read, mask, faces, done=done, total=len(frames))
                pool.submit(crop)

    def _crop_frame(
        self,
        frame: int,
        read: Callable[[], PlateFrame],
        mask: Float32 | None,
        faces: Sequence[tuple[TrackPlan, Restorer, CropSpool]],
        *,
        done: Iterator[int],
        total: int,
    ) -> None:
        """Crop the faces of one frame and report it; runs on a thread of the stage's pool."""
        self._context.stop_if_cancelled(frame)
        with self._context.clock.working("crop"):
            plate = FinitePlate(read())
            for track, restorer, spool in faces:
                crop = plate.crop(track)
                spool.write(frame, restorer.prepare_crop(crop, mask))
                if mask is None:
                    self._squares.keep(frame, track.index, crop.square)
        with self._counting:
            self._context.counts["crops_cut"] += len(faces)
            self._context.report(Report("progress", "crop", next(done), total, frame=frame))

    def restore(self, track: TrackPlan, restorer: Restorer, crops: CropSpool, path: Path) -> CropSpool:
        """Run the model over one track; its output goes to disk, its input is deleted."""
        output = CropSpool(path, track.frames, track.crop_px, self.outputs.count)
        self._restore_into(track, restorer, crops, output)
        return output

    def _restore_into(
        self, track: TrackPlan, restorer: Restorer, crops: CropSpool, output: CropSpool
    ) -> None:
        with self._context.clock.working("sample"):
            for frame, codes in restorer.restore(track.index, crops):
                self._context.stop_if_cancelled(frame)
                output.write(frame, codes)
                self._context.counts["crops_restored"] += 1
        crops.remove()

    def paste(
        self,
        tracks: Sequence[TrackPlan],
        outputs: Sequence[CropSpool],
        frames: Sequence[int] | None = None,
        references: Sequence[torch.Tensor | None] = (),
    ) -> tuple[WrittenOutput, ...]:
        """Put the restored crops back into the plate and write the frames; they are all restored.

        ``frames`` are those to write; None: all of the job's. ``references`` are the pictures that the tracks
        were restored after; they are needed for the layer identity.
        """
        self._reporter.note_sampled()
        return self._paste(tracks, outputs, frames, self._likeness(lambda number: references[number]))

    def _likeness(self, reference_of: Callable[[int], torch.Tensor | None]) -> ReferenceLikeness | None:
        return ReferenceLikeness(reference_of) if "identity" in self.plan.spec.layers else None

    def _paste(
        self,
        tracks: Sequence[TrackPlan],
        outputs: Sequence[CropSpool],
        frames: Sequence[int] | None = None,
        likeness: ReferenceLikeness | None = None,
    ) -> tuple[WrittenOutput, ...]:
        outputs[0].crop(tracks[0].frames[0])  # nothing appears before the first face is restored
        self.plan = plan = replace(self.plan, output=self.plan.output.beside_new_files())
        plan.output.make_folders()
        written: list[WrittenOutput] = []
        unmarked = UnmarkedFrames(self._context.warn)
        seen: list[int] | None = None
        with WorkPool(thread_count(), _WAITING) as pool:
            for frame in plan.frames.written if frames is None else frames:
                self._context.stop_if_cancelled(frame)
                # a crop that is still to be restored is waited for here
                numbers = [n for n, track in enumerate(tracks) if frame in track.frames]
                faces = [(tracks[n], self.outputs.unpacked(outputs[n].crop(frame))) for n in numbers]
                if seen != numbers:
                    seen = numbers
                    plan.colour.config.require_unchanged()  # the files name the config they are made with
                with self._context.clock.working("write"):
                    read = self._feed.soon(frame, is_last=True)
                mask = None
                if plan.mask is not None:
                    with self._context.clock.working("write"):
                        picture = read()
                    read = partial(_given, picture)
                    mask = plan.mask.read(frame, picture.data_window)
                unmarked.note(frame, mask is None or marks_any(mask))
                judge = None if likeness is None else partial(likeness.of_faces, numbers)
                paste_it = partial(self._paste_frame, frame, read, faces, mask, written=written, judge=judge)
                if plan.output.existing == "version_up" and not written:
                    paste_it()  # alone: which version is this job's is known once its first frame is there
                else:
                    pool.submit(paste_it)
        unmarked.end()
        self._context.counts["frames_written"] += len(written)
        if isinstance(plan.model, DiffusionSpec) and not self._context.counts["pixels_changed"]:
            self._context.warn(_NOTHING_CHANGED)
        return tuple(sorted(written, key=lambda output: output.frame))

    def _placed(self, frame: int, write: Callable[..., WrittenFrame], *, is_first: bool) -> WrittenFrame:
        """Write a frame where the plan says; the first takes the next version where this one is taken."""
        while True:
            output = self.plan.output
            try:
                return write(out_path=output.path(frame), judge=output.judge_of(frame))
            except OutputExists:
                following = output.beside_new_files()
                if not is_first or following == output:
                    raise
                self.plan = replace(self.plan, output=following)

    def _paste_frame(
        self,
        frame: int,
        read: Callable[[], PlateFrame],
        faces: Sequence[tuple[TrackPlan, ModelOutput]],
        mask: Float32 | None,
        *,
        written: list[WrittenOutput],
        judge: Judge | None,
    ) -> None:
        """Put the faces of one frame back, write its file and report it; runs on a thread of the pool."""
        plan, context = self.plan, self._context
        context.stop_if_cancelled(frame)
        with context.clock.working("write"):
            picture = read()
            squares = [self._squares.take(frame, track.index) for track, _ in faces]
            restored = paste(plan.spec, picture, faces, mask, squares)
            write = partial(
                write_restored,
                picture,
                rgb=restored.rgb,
                changed=restored.changed,
                window=restored.window,
                layers=restored.layers,
                provenance=provenance(
                    plan,
                    [track for track, _ in faces],
                    picture.frame,
                    None if judge is None else judge(faces),
                ),
                interop_id=plan.colour.space.interop_id,
            )
            result = self._placed(frame, write, is_first=not written)
        with self._counting:
            context.counts["deltas"] += len(faces)
            context.counts["pixels_changed"] += int(restored.changed.sum())
            written.append(WrittenOutput(picture.frame, result.path, result.size_bytes))
            for note in result.notes:
                context.warn(note, frame=picture.frame)
            context.report(Report("frame", frame=picture.frame, path=str(result.path)))
            total = len(plan.frames.written)
            context.report(Report("progress", "write", len(written), total, frame=picture.frame))
