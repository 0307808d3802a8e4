# SPDX-License-Identifier: GPL-3.0-or-later
"""What the buttons do. Each one returns at once; the server's part happens in the link's thread."""

from __future__ import annotations

import contextlib
from typing import Any, ClassVar

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

from . import session
from .colour import running_config
from .compare import show_other
from .compat import active_strip, all_strips, end_frame, first_frame, selected_strips, sequencer_scene
from .errors import NoStripIsChosen, SettingIsWrong, StripCannotBeRestored
from .gather import HostEnvironment, gather, new_job_id
from .host import movie_frames
from .jobs import JobRecord
from .link import Command, StartServer, TestConnection
from .movies import show_frames, show_movie, shown_of
from .preferences import address
from .redo_part import parts_with_results, redo_request
from .result_page import page_wish
from .svfr_client.errors import SvfrError
from .tags import is_result, lie_together, source_of, sources


def host_environment() -> HostEnvironment:
    """Return what all jobs of this Blender share."""
    config = running_config(bpy.utils.system_resource("DATAFILES"))
    return HostEnvironment(
        abspath=bpy.path.abspath,
        movie_frames=movie_frames,
        config=config,
        is_remote=address().is_remote,
        has_detail=_has_detail,
    )


def _has_detail(model: str) -> bool:
    offer = session.controller().model(model)
    return offer is None or offer.problem is not None or offer.detail is not None


def send(scene: Any, strip: Any) -> None:
    """Gather a job for one strip and hand it in, and the same with layers where they are chosen.

    The second job computes anew only what the layers alone need: what the first did is kept by the server.
    Raises SvfrError.
    """
    if is_result(strip):
        raise StripCannotBeRestored(
            f'The strip "{strip.name}" is a result already.', remedy="Select its source, or use Redo."
        )
    settings = scene.svfr
    gathered = gather(strip, scene, all_strips(scene.sequence_editor), settings, host_environment())
    wanted = [gathered]
    if settings.layers:
        wanted.append(gathered.with_layers(settings.layers, settings.spread_seeds))
    jobs, first = session.controller(), new_job_id()
    for one in wanted:
        record = JobRecord(
            job=first if one is gathered else new_job_id(),
            source=one.source,
            scene=scene.name,
            strip=strip.name,
            title=one.title,
            mutes_source=settings.mute_source,
            builds_proxies=settings.build_proxies,
            movie="" if settings.movie == "NONE" or one is not gathered else settings.movie,
            layers_of="" if one is gathered else first,
            output=settings.output,
        )
        if one.is_whole:
            jobs.submit(record, one.request)
        else:
            jobs.prepare(record, one)
    session.keep_records()


def send_again(scene: Any, strip: Any, span: range) -> None:
    """Hand in the frames of a timeline span of a restored strip once more; raises SvfrError."""
    pairs = parts_with_results(strip, all_strips(scene.sequence_editor))
    sent = 0
    for part, result in pairs:
        job = new_job_id()
        seed, abspath = scene.svfr.seed, bpy.path.abspath
        request = redo_request(part, result, span, job=job, seed=seed, abspath=abspath)
        if request is None:
            continue
        record = JobRecord(
            job=job,
            source=str(source_of(part)),
            scene=scene.name,
            strip=part.name,
            title=f"{part.name}, frames {request.frames}",
            mutes_source=bool(part.mute),
            base=request.of,
        )
        session.controller().submit(record, request)
        sent += 1
    if not sent:
        shown = ", ".join(f"{first_frame(result)} to {end_frame(result) - 1}" for _, result in pairs)
        raise NoStripIsChosen(
            f"The result shows none of the frames {span.start} to {span.stop - 1}.",
            remedy=f"Choose among {shown}.",
        )
    session.keep_records()


class _ForSequencer:
    """Operators that need a sequencer with strips."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Return whether there is a strip to work on."""
        scene = sequencer_scene(context)
        return scene is not None and scene.sequence_editor is not None


class Restore(_ForSequencer, bpy.types.Operator):
    """Send the selected strips to the server; the results appear above them when they are ready"""

    bl_idname = "svfr.restore"
    bl_label = "Restore"
    bl_options = {"UNDO"}  # noqa: RUF012 - not REGISTER: adjusting would send the job again

    def execute(self, context: Any) -> set[str]:
        """Send one job for every selected image and movie strip; strips of other kinds are left alone."""
        scene = sequencer_scene(context)
        chosen = [s for s in selected_strips(context) if s.type in ("IMAGE", "MOVIE") and not is_result(s)]
        if not chosen:
            lone = active_strip(context)
            if lone is None:
                return _refuse(self, NoStripIsChosen("No strip is selected.", remedy="Select a strip."))
            chosen = [lone]
        problems: list[SvfrError] = []
        for strip in chosen:
            try:
                send(scene, strip)
            except SvfrError as problem:
                problems.append(problem)
        # An error would raise in scripts, though jobs are on their way.
        kind = "ERROR" if len(problems) == len(chosen) else "WARNING"
        for refused in problems:
            self.report({kind}, str(refused))
        return {"CANCELLED"} if kind == "ERROR" else {"FINISHED"}


class Redo(_ForSequencer, bpy.types.Operator):
    """Restore the active strip's source again, with the fields as they are now, into its result"""

    bl_idname = "svfr.redo"
    bl_label = "Redo"
    bl_options = {"UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        """Send the source of the active result, or the active source."""
        scene, strip = sequencer_scene(context), active_strip(context)
        source = None if strip is None else source_of(strip)
        if source is None:
            text = "The active strip was not restored yet."
            return _refuse(self, NoStripIsChosen(text, remedy="Use Restore."))
        found = [strip]
        if is_result(strip):
            parts = sources(all_strips(scene.sequence_editor), source)
            found = [part for part in parts if lie_together(strip, part)] or parts[:1]
        if not found:
            text = "The source of this result is no longer there."
            return _refuse(self, NoStripIsChosen(text, remedy="Put the source back."))
        try:
            for part in found:
                send(scene, part)
        except SvfrError as problem:
            return _refuse(self, problem)
        return {"FINISHED"}


class RedoFrames(_ForSequencer, bpy.types.Operator):
    """Restore some frames of the active strip again, with the seed as it is now and the references it had"""

    bl_idname = "svfr.redo_frames"
    bl_label = "Redo Frames"
    bl_options = {"UNDO"}  # noqa: RUF012
    __annotations__ = {
        "span": EnumProperty(
            name="Frames",
            items=(
                ("CURRENT", "Current Frame", "The frame under the playhead"),
                ("PREVIEW", "Preview Range", "The scene's preview range"),
                ("GIVEN", "From First to Last", "For scripts: both frames are given"),
            ),
        ),
        "first": IntProperty(name="First", description="Timeline frame"),
        "last": IntProperty(name="Last", description="Timeline frame"),
    }

    def execute(self, context: Any) -> set[str]:
        """Send the frames that the active strip's result shows of them."""
        scene, strip = sequencer_scene(context), active_strip(context)
        try:
            if strip is None:
                raise NoStripIsChosen("No strip is active.", remedy="Click on one.")
            send_again(scene, strip, self._frames(scene))
        except SvfrError as problem:
            return _refuse(self, problem)
        return {"FINISHED"}

    def _frames(self, scene: Any) -> range:
        if self.span == "CURRENT":
            return range(scene.frame_current, scene.frame_current + 1)
        if self.span == "GIVEN":
            return range(self.first, self.last + 1)
        if not scene.use_preview_range:
            raise SettingIsWrong(
                "The scene has no preview range.", remedy="Press P in the timeline and drag."
            )
        return range(scene.frame_preview_start, scene.frame_preview_end + 1)


class Compare(_ForSequencer, bpy.types.Operator):
    """Show the sources of the selected strips in place of their results, or the results again"""

    bl_idname = "svfr.compare"
    bl_label = "Before / After"
    bl_options = {"UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        """Mute one of each pair and unmute the other."""
        scene = sequencer_scene(context)
        every = list(all_strips(scene.sequence_editor))
        try:
            pairs = _pairs(selected_strips(context), every)
        except SvfrError as problem:
            return _refuse(self, problem)
        show_other([(part, shown_of(result, every)) for part, result in pairs])
        return {"FINISHED"}


class ShowMovie(_ForSequencer, bpy.types.Operator):
    """Show the movies of the selected strips' results in place of their frames, or the frames again"""

    bl_idname = "svfr.show_movie"
    bl_label = "Frames / Movie"
    bl_options = {"UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        """Give movies the place of their frames where any frames show, else the frames."""
        scene = sequencer_scene(context)
        every = list(all_strips(scene.sequence_editor))
        try:
            shown = [result for _, result in _pairs(selected_strips(context), every)]
            frames = [result for result in shown if shown_of(result, every) == result]
            for result in frames:
                show_movie(scene, result, every, bpy.path.abspath)
            for result in [] if frames else shown:
                show_frames(scene, result, every)
        except SvfrError as problem:
            return _refuse(self, problem)
        return {"FINISHED"}


class ShowPage(_ForSequencer, bpy.types.Operator):
    """Open a page of the active strip's result in the browser: a wipe, what was changed, figures"""

    bl_idname = "svfr.show_page"
    bl_label = "Result Page"

    def execute(self, context: Any) -> set[str]:
        """Have the page made beside the result; it opens when it is ready."""
        scene, strip = sequencer_scene(context), active_strip(context)
        try:
            if strip is None:
                raise NoStripIsChosen("No strip is active.", remedy="Click on one.")
            pairs = parts_with_results(strip, all_strips(scene.sequence_editor))
            config = running_config(bpy.utils.system_resource("DATAFILES"))
            session.controller().show_page(page_wish(*pairs[0], bpy.path.abspath, config))
        except SvfrError as problem:
            return _refuse(self, problem)
        return {"FINISHED"}


class _ForJob:
    """Operators that act on one job, by its id."""

    job: str
    __annotations__ = {"job": StringProperty()}


class CancelJob(_ForJob, bpy.types.Operator):
    """End a job; what it has written stays"""

    bl_idname = "svfr.cancel"
    bl_label = "Cancel"

    def execute(self, context: Any) -> set[str]:
        """Cancel the job, or all that are under way when none is named."""
        jobs = session.controller()
        for record in list(jobs.records):
            if record.is_active and self.job in ("", record.job):
                jobs.cancel(record.job)
        return {"FINISHED"}


class InsertAgain(_ForJob, bpy.types.Operator):
    """Put the result of a finished job above its strip once more"""

    bl_idname = "svfr.insert_again"
    bl_label = "Insert Again"

    def execute(self, context: Any) -> set[str]:
        """Mark the result for insertion; the timer inserts it."""
        session.controller().insert_again(self.job)
        return {"FINISHED"}


class ClearFinished(bpy.types.Operator):
    """Remove finished jobs from the list; strips and files stay"""

    bl_idname = "svfr.clear_finished"
    bl_label = "Clear Finished"

    def execute(self, context: Any) -> set[str]:
        """Clear the list."""
        session.controller().clear_finished()
        return {"FINISHED"}


class _ForLink:
    """Operators that ask the link for something; the panel shows what comes of it."""

    command: ClassVar[Command]

    def execute(self, context: Any) -> set[str]:
        """Hand the command in."""
        session.link().send(self.command)
        return {"FINISHED"}


class StartServerNow(_ForLink, bpy.types.Operator):
    """Start a server on this machine"""

    bl_idname = "svfr.start_server"
    bl_label = "Start"
    command = StartServer()


class TestServer(_ForLink, bpy.types.Operator):
    """Ask the server whether it is there"""

    bl_idname = "svfr.test_connection"
    bl_label = "Test Connection"
    command = TestConnection()


class UseCurrentFrame(_ForSequencer, bpy.types.Operator):
    """Take the frame under the playhead as the reference"""

    bl_idname = "svfr.use_current_frame"
    bl_label = "Current Frame"

    def execute(self, context: Any) -> set[str]:
        """Copy the scene's current frame into the field."""
        scene = sequencer_scene(context)
        scene.svfr.reference_frame = scene.frame_current
        return {"FINISHED"}


def _pairs(strips: list[Any], every: list[Any]) -> list[tuple[Any, Any]]:
    """Return (part of a source, its result) of all these strips that have one, each pair once.

    Raises NoStripIsChosen where none has.
    """
    pairs: list[tuple[Any, Any]] = []
    for strip in strips:
        with contextlib.suppress(NoStripIsChosen):
            pairs += [pair for pair in parts_with_results(strip, every) if pair not in pairs]
    if not pairs:
        raise NoStripIsChosen("No selected strip has a result.", remedy="Select a result or its source.")
    return pairs


def _refuse(operator: Any, problem: SvfrError) -> set[str]:
    operator.report({"ERROR"}, str(problem))
    return {"CANCELLED"}


CLASSES = (
    Restore,
    Redo,
    RedoFrames,
    Compare,
    ShowMovie,
    ShowPage,
    CancelJob,
    InsertAgain,
    ClearFinished,
    StartServerNow,
    TestServer,
    UseCurrentFrame,
)


def register() -> None:
    """Add the operators."""
    for kind in CLASSES:
        bpy.utils.register_class(kind)


def unregister() -> None:
    """Remove them."""
    for kind in reversed(CLASSES):
        bpy.utils.unregister_class(kind)
