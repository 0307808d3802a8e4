# SPDX-License-Identifier: GPL-3.0-or-later
"""Blender as the controller sees it: where results go, when strips may be changed, what must be redrawn.

Called from the timer only. Every strip is looked up anew each time, because undo and file loading leave
Python references dangling.
"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import bpy

from .compat import all_strips
from .errors import SourceIsGone, StripCannotBeRestored
from .insertion import insert_result, layout_of, update_result
from .jobs import JobRecord
from .modifiers import copy_modifiers
from .sources import check_strip, read_source
from .tags import SOURCE_KEY, is_result, results, sources, tag_result

RECORDS_KEY = "svfr_jobs"


class BlenderHost:
    """The :class:`svfr_blender.jobs.Host` of the running Blender."""

    def can_insert(self) -> bool:
        """Return whether no render or other job reads the strips now."""
        return not any(bpy.app.is_job_running(kind) for kind in ("RENDER", "RENDER_PREVIEW"))

    def insert(self, record: JobRecord) -> str:
        """Insert or update the results of a job above every part of its source; undone in one step."""
        if not record.paths:
            return "The server wrote no frame."
        scene, found = self.find_sources(record)
        folder = str(Path(record.paths[0][1]).parent)
        if scene is None or not found:
            raise SourceIsGone(
                f'The strip "{record.strip}" is no longer there.', remedy=f"The frames are in {folder}."
            )
        notes: list[str] = []
        for strip in found:
            notes += self._insert_above(scene, strip, record, folder)
        push_undo("SVFR: insert result")
        return " ".join(dict.fromkeys(notes))

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

    def _insert_above(self, scene: Any, strip: Any, record: JobRecord, folder: str) -> list[str]:
        every = list(all_strips(scene.sequence_editor))
        check_strip(strip, every, movie_frames)
        source = read_source(strip, bpy.path.abspath)
        layout = layout_of(source, strip, dict(record.paths))
        notes = ["Frames that were not restored show their neighbours; use Redo."] if layout.is_held else []
        there = [r for r in results(every, record.source) if _lie_together(r, strip)]
        if record.replaces and there:
            for result in there:
                update_result(result, strip, layout, folder)
                tag_result(result, record.source, record.job)
        else:
            result = insert_result(scene, strip, layout, folder)
            tag_result(result, record.source, record.job)
            if not copy_modifiers(strip, result):
                notes.append("The source's modifiers could not be copied.")
        if record.mutes_source:
            strip.mute = True
        return notes


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


def _lie_together(result: Any, strip: Any) -> bool:
    """Return whether a result belongs to this part of a source that was cut: they share visible frames."""
    same_stack = result.parent_meta() == strip.parent_meta()
    overlap = min(result.frame_final_end, strip.frame_final_end) > max(
        result.frame_final_start, strip.frame_final_start
    )
    return bool(same_stack and overlap)
