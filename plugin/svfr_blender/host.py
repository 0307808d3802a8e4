# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender as the controller sees it: where results go, when strips may be changed, what must be redrawn.

Called from the timer only. Every strip is looked up anew each time, because undo and file loading leave
Python references dangling.
"""

from __future__ import annotations

import os
import webbrowser
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import bpy

from .colour import running_config
from .compat import all_strips
from .errors import SourceIsGone, StripCannotBeRestored
from .insertion import (
    Layout,
    channel_for_result,
    insert_result,
    layout_of,
    paths_in,
    shows_any,
    update_result,
    users_of,
)
from .jobs import JobRecord
from .modifiers import copy_modifiers
from .moved import is_among
from .movies import SRGB, movie_wish, remove_movie
from .proxies import build_proxies, wants_proxies
from .sources import Source, check_strip, read_source
from .svfr_client.frames import FrameRange
from .svfr_client.hosting.program import MadeMovie, MovieWish
from .tags import (
    SOURCE_KEY,
    MovieNote,
    is_result,
    is_trimmed_by_hand,
    job_of,
    lie_together,
    note_movie,
    plates_of,
    results,
    sources,
    tag_layers,
    tag_result,
)

RECORDS_KEY = "svfr_jobs"
_HELD = {
    "images": "Frames that were not restored show their neighbours; use Redo.",
    "movie": "Frames that the movie lacks, or that were not restored, show the one before, as Blender does.",
}
_COVERS = "The result covers strips that lie above its source: move it below them."
_MOST_CHARACTERS = 250  # of the name of one element


class BlenderHost:
    """The :class:`svfr_blender.jobs.Host` of the running Blender."""

    def can_insert(self) -> bool:
        """Return whether no render or other job reads the strips now."""
        return not any(bpy.app.is_job_running(kind) for kind in ("RENDER", "RENDER_PREVIEW"))

    def insert(self, record: JobRecord) -> str:
        """Insert or update the result of every part of a job's source; undone in one step."""
        if not record.paths:
            return "The server wrote no frame."
        scene, found = self.find_sources(record)
        folder = str(Path(record.paths[0][1]).parent)
        if record.layers_of:
            for strip in found:
                plate = read_source(strip, bpy.path.abspath).plate
                tag_layers(strip, record.layers_of, folder, plate)
            return f"The layers are in {folder}."
        if scene is None or not found:
            raise SourceIsGone(
                f'The strip "{record.strip}" is no longer there.', remedy=f"The frames are in {folder}."
            )
        notes: list[str] = []
        shown = 0
        for strip in found:
            every = list(all_strips(scene.sequence_editor))
            check_strip(strip, every, movie_frames)
            source = read_source(strip, bpy.path.abspath)
            if shows_any(source, dict(record.paths)):
                shown += 1
                notes += self._show(scene, strip, source, record, folder)
        if not shown:
            raise SourceIsGone(
                f'The strip "{record.strip}" shows none of the restored frames any more.',
                remedy=f"The frames are in {folder}.",
            )
        every = list(all_strips(scene.sequence_editor))
        wanted = wants_proxies(results(every, record.source), found, record.builds_proxies)
        notes += filter(None, [build_proxies(scene, wanted, found)])
        push_undo("SVFR: insert result")
        return " ".join(dict.fromkeys(notes))

    def movie_wish(self, record: JobRecord) -> MovieWish:
        """Return what the movie of a job is made of; its source says the colours, its scene the rate."""
        scene, found = self.find_sources(record)
        if scene is None or not found:
            raise SourceIsGone(f'The strip "{record.strip}" is no longer there.', remedy="Use svfr movie.")
        config = running_config(bpy.utils.system_resource("DATAFILES"))
        rate = Fraction(scene.render.fps / scene.render.fps_base).limit_denominator(1001)
        return movie_wish(record, found[0].colorspace_settings.name, config, rate)

    def note_movie(self, record: JobRecord, movie: MadeMovie) -> None:
        """Note in every result of a job that its movie is there."""
        frames = str(FrameRange.of([frame for frame, _ in record.paths]))
        for scene in _edited_scenes():
            for result in results(all_strips(scene.sequence_editor), record.source):
                if job_of(result) == record.job:
                    space = result.colorspace_settings.name if movie.keeps_codes else SRGB
                    note_movie(result, MovieNote(movie.path.name, frames, space))

    def open_page(self, page: str) -> None:
        """Show a page in the user's browser."""
        webbrowser.open(Path(page).as_uri())

    def find_sources(self, record: JobRecord) -> tuple[Any | None, list[Any]]:
        """Return the scene and the strips that a job was sent for.

        Undoing the step that sent the job takes the tag away; the strip is then found by its name and
        tagged again.
        """
        scenes = sorted(_edited_scenes(), key=lambda scene: scene.name != record.scene)
        for scene in scenes:
            found = sources(all_strips(scene.sequence_editor), record.source)
            if found:
                return scene, found
        for scene in scenes[:1]:
            for strip in all_strips(scene.sequence_editor):
                if strip.name == record.strip and SOURCE_KEY not in strip and not is_result(strip):
                    strip[SOURCE_KEY] = record.source
                    return scene, [strip]
        return None, []

    def changed(self) -> None:
        """Redraw every sequencer sidebar."""
        manager = bpy.context.window_manager
        for window in manager.windows if manager is not None else ():
            for area in window.screen.areas:
                if area.type == "SEQUENCE_EDITOR":
                    area.tag_redraw()

    def _show(self, scene: Any, strip: Any, source: Source, record: JobRecord, folder: str) -> list[str]:
        """Put the frames into the results that this part of the source has, or into a new one."""
        every = list(all_strips(scene.sequence_editor))
        there = [r for r in results(every, record.source) if lie_together(r, strip)]
        parts = [part for part in sources(every, record.source) if part != strip]
        notes: list[str] = []
        for result in there:
            former = bpy.path.abspath(result.directory)
            is_same = is_among(source.plate, plates_of(result, former))
            kept = paths_in(result, bpy.path.abspath) if is_same else {}
            layout = layout_of(source, strip, {**_reachable(kept, folder), **dict(record.paths)}, folder)
            spans = any(lie_together(result, part) for part in parts)
            remove_movie(scene, result, list(all_strips(scene.sequence_editor)))  # one may be gone by now
            directory = _named_as(result.directory, folder)
            update_result(result, strip, layout, directory, spans or is_trimmed_by_hand(result))
            tag_result(result, record.source, record.base or record.job, source.plate, folder)
            notes += [_HELD[source.kind]] if layout.is_held else []
        if not there:
            layout = layout_of(source, strip, dict(record.paths), folder)
            notes += [_HELD[source.kind]] if layout.is_held else []
            notes += self._insert(scene, strip, layout, folder=folder, record=record, plate=source.plate)
        if record.mutes_source:
            strip.mute = True
        return notes

    def _insert(
        self, scene: Any, strip: Any, layout: Layout, *, folder: str, record: JobRecord, plate: str
    ) -> list[str]:
        """Insert a new result in its source's place in the stack; effects on the source take it instead."""
        owner = strip.parent_meta() or scene.sequence_editor
        channel, is_in_place = channel_for_result(scene.sequence_editor, owner, strip, record.mutes_source)
        users = users_of(owner, strip) if is_in_place else []
        own = strip.filepath if strip.type == "MOVIE" else strip.directory
        directory = _named_as(record.output or own, folder)
        result = insert_result(scene, strip, layout, directory, channel)
        tag_result(result, record.source, record.base or record.job, plate, folder)
        for effect, name in users:
            setattr(effect, name, result)
        notes = [] if is_in_place else [_COVERS]
        if not copy_modifiers(strip, result):
            notes.append("The source's modifiers could not be copied.")
        return notes


def _named_as(own: str, folder: str) -> str:
    """Return the folder as a strip names it: relative to the file where ``own`` is."""
    if own.startswith("//") and bpy.data.filepath:
        try:
            return str(bpy.path.relpath(folder)) + "/"
        except ValueError:
            pass  # on another drive there is no relative name
    return folder + "/"


def _reachable(paths: dict[int, str], folder: str) -> dict[int, str]:
    """Return the files that a strip with that folder can name: on its drive, in Blender's length."""
    found: dict[int, str] = {}
    for frame, path in paths.items():
        if Path(path).anchor == Path(folder).anchor and len(os.path.relpath(path, folder)) < _MOST_CHARACTERS:
            found[frame] = path
    return found


def movie_frames(strip: Any) -> int:
    """Return how many frames the file of a movie strip has.

    Strips do not tell; a movie clip, made for the question and removed at once, does. Raises
    StripCannotBeRestored when the file is gone.
    """
    path = bpy.path.abspath(strip.filepath)
    try:
        clip = bpy.data.movieclips.load(path)
    except RuntimeError as problem:
        raise StripCannotBeRestored(
            f'The movie of the strip "{strip.name}" cannot be opened.', path=path, remedy="Find it again."
        ) from problem
    try:
        return int(clip.frame_duration)
    finally:
        bpy.data.movieclips.remove(clip)


def push_undo(message: str) -> None:
    """Make what was just done one undo step; a timer has no window of its own, so one is lent."""
    manager = bpy.context.window_manager
    windows = [] if manager is None else list(manager.windows)
    lent = bpy.context.temp_override(window=windows[0]) if windows else nullcontext()
    with lent:
        if bpy.ops.ed.undo_push.poll():
            bpy.ops.ed.undo_push(message=message)


def _edited_scenes() -> list[Any]:
    return [scene for scene in bpy.data.scenes if scene.sequence_editor is not None]
