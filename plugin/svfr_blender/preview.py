# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces in the sequencer's preview: their boxes drawn over the picture, and picked by a click.

Thin: where things lie is reckoned in ``face_boxes.py``. Blender draws nothing without a window.
"""

from __future__ import annotations

import sys
import traceback
from typing import Any

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from . import session
from .compat import active_strip, all_strips, end_frame, first_frame, sequencer_scene
from .errors import NoStripIsChosen
from .face_boxes import FacesOfStrip, PreviewPlace, lines, outline, place_text
from .gather import faces_wish, picture_size
from .operators import host_environment
from .sources import read_source
from .svfr_client.errors import SvfrError
from .svfr_client.hosting.faces import face_at
from .tags import is_result, lie_together, source_of, sources, tag_source

_FOUND, _CHOSEN = (1.0, 0.8, 0.2, 0.9), (0.2, 1.0, 0.4, 1.0)
_handler: Any = None


def source_strip(context: Any) -> Any:
    """Return the active strip, or the source of the active result; raises NoStripIsChosen."""
    scene, strip = sequencer_scene(context), active_strip(context)
    if strip is not None and is_result(strip):
        parts = sources(all_strips(scene.sequence_editor), str(source_of(strip)))
        strip = next((part for part in parts if lie_together(strip, part)), None)
    if strip is None or strip.type not in ("IMAGE", "MOVIE"):
        raise NoStripIsChosen("No image or movie strip is active.", remedy="Click on one in the timeline.")
    return strip


def preview_place(scene: Any, strip: Any) -> PreviewPlace:
    """Return where the preview shows the strip's picture."""
    render = scene.render
    frame = (render.resolution_x, render.resolution_y)
    aspect = render.pixel_aspect_x / render.pixel_aspect_y
    return PreviewPlace(strip, picture_size(strip), frame, aspect)


def found_faces(strip: Any) -> FacesOfStrip | None:
    """Return the faces that were found in a source strip, or None."""
    return session.controller().faces.get(str(source_of(strip)))


class FindFaces(bpy.types.Operator):
    """Find the faces of the active strip, to draw them in the preview and choose them by name"""

    bl_idname = "svfr.find_faces"
    bl_label = "Find Faces"
    bl_options = {"UNDO"}  # noqa: RUF012

    def execute(self, context: Any) -> set[str]:
        """Have the program svfr look for them; the panel and the preview show them when it has."""
        try:
            scene, strip = sequencer_scene(context), source_strip(context)
            every = all_strips(scene.sequence_editor)
            wish, source = faces_wish(strip, every, host_environment())
            session.controller().find_faces(tag_source(strip, every), source.content, wish)
        except SvfrError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        return {"FINISHED"}


class ChooseFaceByClick(bpy.types.Operator):
    """Click on a face in the preview to restore it; with Shift it is added to those picked before"""

    bl_idname = "svfr.pick_face"
    bl_label = "Pick Face"
    bl_options = {"UNDO"}  # noqa: RUF012
    __annotations__ = {
        "x": FloatProperty(description="Pixels of the frame, from its centre to the right"),
        "y": FloatProperty(description="Pixels of the frame, from its centre up"),
        "extend": BoolProperty(description="Keep the faces that were picked before"),
    }

    def invoke(self, context: Any, event: Any) -> set[str]:
        """Wait for the click."""
        context.window.cursor_modal_set("EYEDROPPER")
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: Any, event: Any) -> set[str]:
        """Take the first click, in the preview; everything else, but looking around, ends the picking."""
        if event.type in ("RIGHTMOUSE", "ESC"):
            return self._end(context, {"CANCELLED"})
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return {"PASS_THROUGH"}
        region = _preview_under(context.window, event.mouse_x, event.mouse_y)
        if region is None:
            return self._end(context, {"CANCELLED"})
        x, y = event.mouse_x - region.x, event.mouse_y - region.y
        self.x, self.y = region.view2d.region_to_view(x, y)
        self.extend = event.shift
        return self._end(context, self.execute(context))

    def execute(self, context: Any) -> set[str]:
        """Note the place, or the id of the face that was found there, and choose by it."""
        try:
            scene, strip = sequencer_scene(context), source_strip(context)
            picked = _picked(scene, strip, self.x, self.y)
        except SvfrError as problem:
            self.report({"ERROR"}, str(problem))
            return {"CANCELLED"}
        choose(scene.svfr, picked, self.extend)
        session.controller().redraw()
        return {"FINISHED"}

    def _end(self, context: Any, status: set[str]) -> set[str]:
        context.window.cursor_modal_restore()
        return status


class ChooseFace(bpy.types.Operator):
    """Choose a face that was found, or no longer choose it"""

    bl_idname = "svfr.choose_face"
    bl_label = "Choose Face"
    bl_options = {"UNDO"}  # noqa: RUF012
    __annotations__ = {"face": StringProperty()}

    def execute(self, context: Any) -> set[str]:
        """Turn the face's id on or off in the field of picked faces."""
        choose(sequencer_scene(context).svfr, self.face, extend=True)
        session.controller().redraw()
        return {"FINISHED"}


def choose(settings: Any, picked: str, extend: bool) -> None:
    """Put a place or an id into the field; with ``extend`` beside its kind, or out of it if it is there."""
    is_place = "@" in picked
    former = settings.picked_faces.replace("+", ",") if extend and settings.faces == "point" else ""
    parts = [part for part in _parts(former) if ("@" in part) == is_place]
    parts = [part for part in parts if part != picked] if picked in parts else [*parts, picked]
    settings.faces, settings.picked_faces = "point", ",".join(parts)


def _parts(text: str) -> list[str]:
    """Return ids and whole places of a list in which commas part both."""
    parts: list[str] = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        if "@" in piece and parts:
            parts[-1] += f",{piece}"
        else:
            parts.append(piece)
    return parts


def _picked(scene: Any, strip: Any, x: float, y: float) -> str:
    at = scene.frame_current
    if not first_frame(strip) <= at < end_frame(strip):
        raise NoStripIsChosen(
            "The active strip is not under the playhead.", remedy="Move the playhead over it."
        )
    plate_x, plate_y = preview_place(scene, strip).to_plate(x, y)
    width, height = picture_size(strip)
    if not (0 <= plate_x < width and 0 <= plate_y < height):
        raise NoStripIsChosen("That is outside the active strip's picture.", remedy="Click on a face.")
    frame = read_source(strip, bpy.path.abspath).plate_frame(at)
    known = found_faces(strip)
    face = None if known is None else face_at(known.faces, frame, plate_x, plate_y)
    return place_text(plate_x, plate_y, frame) if face is None else face.id


def _preview_under(window: Any, x: int, y: int) -> Any:
    for area in window.screen.areas:
        for region in area.regions if area.type == "SEQUENCE_EDITOR" else ():
            inside = 0 <= x - region.x < region.width and 0 <= y - region.y < region.height
            if region.type == "PREVIEW" and inside:
                return region
    return None


def boxes_to_draw(context: Any) -> list[tuple[list[tuple[float, float]], tuple[float, ...]]]:
    """Return the outline, in the preview, and the colour of every face of the active strip's frame."""
    scene = sequencer_scene(context)
    try:
        strip = source_strip(context)
    except NoStripIsChosen:
        return []
    known, at = found_faces(strip), scene.frame_current
    frame = None if known is None else known.plate_frame(strip, at)
    if known is None or frame is None or not first_frame(strip) <= at < end_frame(strip):
        return []
    place = preview_place(scene, strip)
    chosen = _parts(scene.svfr.picked_faces) if scene.svfr.faces == "point" else []
    drawn = ((outline(face, frame, place), face.id in chosen) for face in known.faces)
    return [(corners, _CHOSEN if is_chosen else _FOUND) for corners, is_chosen in drawn if corners]


def _draw() -> None:
    """Draw the boxes; a fault is printed, and the picture is shown all the same."""
    try:
        boxes = boxes_to_draw(bpy.context)
        if not boxes:
            return
        import gpu
        from gpu_extras.batch import batch_for_shader

        view = bpy.context.region.view2d
        shader = gpu.shader.from_builtin("UNIFORM_COLOR")
        gpu.state.line_width_set(2.0)
        shader.bind()
        for corners, colour in boxes:
            points = [view.view_to_region(x, y, clip=False) for x, y in lines(corners)]
            shader.uniform_float("color", colour)
            batch_for_shader(shader, "LINES", {"pos": points}).draw(shader)
        gpu.state.line_width_set(1.0)
    except Exception:
        traceback.print_exc(file=sys.stderr)


CLASSES = (FindFaces, ChooseFaceByClick, ChooseFace)


def register() -> None:
    """Add the operators and the drawing."""
    global _handler
    for kind in CLASSES:
        bpy.utils.register_class(kind)
    _handler = bpy.types.SpaceSequenceEditor.draw_handler_add(_draw, (), "PREVIEW", "POST_PIXEL")


def unregister() -> None:
    """Remove them."""
    global _handler
    if _handler is not None:
        bpy.types.SpaceSequenceEditor.draw_handler_remove(_handler, "PREVIEW")
        _handler = None
    for kind in reversed(CLASSES):
        bpy.utils.unregister_class(kind)
