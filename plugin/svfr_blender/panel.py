# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab SVFR in the sequencer's sidebar. Drawing reads; nothing here changes anything."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

import bpy

from . import session
from .compat import active_strip, sequencer_scene
from .jobs import JobRecord
from .svfr_client.protocol.messages import ModelOffer
from .svfr_client.vocabulary import LAYERS, TASKS
from .tags import source_of

_WRAP_CHARACTERS = 38
_ICONS = {"done": "CHECKMARK", "failed": "ERROR", "cancelled": "CANCEL", "running": "PLAY"}


class SvfrPanel(bpy.types.Panel):
    """The whole tab."""

    bl_idname = "SVFR_PT_main"
    bl_label = "SVFR"
    bl_space_type = "SEQUENCE_EDITOR"
    bl_region_type = "UI"
    bl_category = "SVFR"

    def draw(self, context: Any) -> None:
        """Draw fields, buttons, server and queue."""
        scene = sequencer_scene(context)
        if scene is None:
            self.layout.label(text="Choose a scene for the sequencer", icon="INFO")
            return
        draw_fields(self.layout, scene)
        draw_buttons(self.layout)
        draw_server(self.layout)
        draw_queue(self.layout)


def draw_fields(layout: Any, scene: Any) -> None:
    """Draw what a job is made of."""
    settings = scene.svfr
    layout.use_property_decorate = False
    row = layout.row(align=True)
    row.prop(settings, "tasks")
    column = layout.column()
    column.use_property_split = True
    column.prop(settings, "mask_source")
    if settings.mask_source == "MASK":
        column.prop(settings, "mask", text="")
    elif settings.mask_source == "STRIP" and scene.sequence_editor is not None:
        editor = scene.sequence_editor
        name = "strips_all" if hasattr(editor, "strips_all") else "sequences_all"
        column.prop_search(settings, "mask_strip", editor, name, text="")
    column.prop(settings, "faces")
    if settings.faces == "index":
        column.prop(settings, "face_numbers")
    elif settings.faces == "box":
        column.prop(settings, "face_box")
    elif settings.faces == "point":
        column.prop(settings, "picked_faces")
    draw_faces(column, settings)
    column.prop(settings, "reference")
    if settings.reference == "FRAME":
        column.prop(settings, "reference_frame")
        column.operator("svfr.use_current_frame", icon="EYEDROPPER")
    elif settings.reference == "PHOTO":
        column.prop(settings, "reference_photo")
    draw_model(column, settings)
    column.prop(settings, "exposure_auto")
    if not settings.exposure_auto:
        column.prop(settings, "exposure_stops")
    column.prop(settings, "ocio_context")
    column.prop(settings, "handles")
    column.prop(settings, "output")
    column.prop_menu_enum(settings, "layers", text=_layers_text(settings))
    if "spread" in settings.layers:
        column.prop(settings, "spread_seeds")
    column.prop(settings, "build_proxies")
    column.prop(settings, "movie")
    column.prop(settings, "mute_source")


def _layers_text(settings: Any) -> str:
    return "Layers: " + (", ".join(word for word in LAYERS if word in settings.layers) or "none")


def draw_faces(layout: Any, settings: Any) -> None:
    """Draw the buttons that find and pick faces, and those that were found in the active strip."""
    jobs = session.controller()
    row = layout.row(align=True)
    row.operator("svfr.pick_face", icon="EYEDROPPER")
    row.operator("svfr.find_faces", icon="VIEWZOOM")
    if jobs.faces_text:
        _draw_text(layout, jobs.faces_text, "INFO")
    strip = active_strip(bpy.context)
    found = jobs.faces.get(str(source_of(strip))) if strip is not None else None
    for face in found.faces if found is not None else ():
        is_chosen = settings.faces == "point" and face.id in settings.picked_faces.split(",")
        frames = f"frames {min(face.squares)} to {max(face.squares)}" if face.squares else ""
        icon = "CHECKBOX_HLT" if is_chosen else "CHECKBOX_DEHLT"
        layout.operator("svfr.choose_face", text=f"{face.id}  {frames}", icon=icon).face = face.id


def draw_model(layout: Any, settings: Any) -> None:
    """Draw the model and what depends on it; what the chosen one cannot do is greyed out, or said."""
    jobs = session.controller()
    offer = jobs.model(settings.model)
    if offer is not None and offer.problem is not None:
        offer = None  # nothing is known of what it can do
    layout.prop(settings, "model")
    for text in model_notes(jobs.models, settings.model, settings.tasks, settings.preset):
        _draw_text(layout, text, "INFO")
    layout.prop(settings, "preset")
    detail = layout.column()
    detail.enabled = offer is None or offer.detail is not None
    detail.prop(settings, "detail_auto", text=_detail_text(offer, settings.preset))
    if not settings.detail_auto:
        detail.prop(settings, "detail", slider=True)
    seed = layout.column()
    seed.enabled = offer is None or offer.uses_seed
    seed.prop(settings, "seed")


def model_notes(models: Sequence[ModelOffer], name: str, tasks: Iterable[str], preset: str) -> list[str]:
    """Return what must be said of the chosen model: nothing for one that can do what is asked of it."""
    if not models or "/" in name or "\\" in name:  # not told yet, or a folder
        return []
    offer = next((one for one in models if one.name == name.strip()), None)
    if offer is None:
        return [f"The server has no model {name.strip() or 'without a name'}."]
    if offer.problem is not None:
        return [f"The model cannot be used: {offer.problem}"]
    lacking = [task for task in TASKS if task in tasks and task not in offer.tasks]
    notes = [f"The model cannot do {', '.join(lacking)}."] if lacking else []
    notes += [] if preset in offer.presets else [f"The model has no preset {preset}."]
    return notes + (["A preview model: for a look."] if offer.is_preview else [])


def _detail_text(offer: ModelOffer | None, preset: str) -> str:
    """Return the switch's text, with the number that it stands for where that is known."""
    amount = None if offer is None or offer.detail is None else offer.detail.get(preset)
    return "Preset's Detail" if amount is None else f"Preset's Detail ({amount:g})"


def draw_buttons(layout: Any) -> None:
    """Draw Restore and Redo, of the whole strip and of some frames."""
    row = layout.row(align=True)
    row.scale_y = 1.4
    row.operator("svfr.restore", icon="PLAY")
    row.operator("svfr.redo", icon="FILE_REFRESH")
    row = layout.row(align=True)
    row.operator("svfr.redo_frames", text="Redo Frame").span = "CURRENT"
    row.operator("svfr.redo_frames", text="Redo Preview Range").span = "PREVIEW"
    row = layout.row(align=True)
    row.operator("svfr.compare", icon="HIDE_OFF")
    row.operator("svfr.show_movie", icon="FILE_MOVIE")
    layout.operator("svfr.show_page", icon="URL")
    if session.controller().page_text:
        _draw_text(layout, session.controller().page_text, "INFO")


def draw_server(layout: Any) -> None:
    """Draw the server's state and its buttons."""
    jobs = session.controller()
    box = layout.box()
    icons = {True: "CHECKMARK", False: "UNLINKED", None: "TIME"}
    _draw_text(box, "Server: " + jobs.server_text, icons[jobs.server_is_up])
    row = box.row(align=True)
    if jobs.server_is_up is False:
        row.operator("svfr.start_server", icon="PLAY")
    row.operator("svfr.test_connection", icon="FILE_REFRESH")


def draw_queue(layout: Any) -> None:
    """Draw the jobs of this file, newest first."""
    records = session.controller().records
    if not records:
        return
    box = layout.box()
    if len(records) > 1 and any(record.is_active for record in records):
        ended = sum(not record.is_active for record in records)
        _draw_progress(box, ended / len(records), f"{ended} of {len(records)} jobs have ended")
    for record in reversed(records):
        _draw_job(box, record)
    row = box.row(align=True)
    if any(record.is_active for record in records):
        row.operator("svfr.cancel", text="Cancel All", icon="X").job = ""
    if not all(record.is_active for record in records):
        row.operator("svfr.clear_finished", icon="TRASH")


def _draw_job(layout: Any, record: JobRecord) -> None:
    row = layout.row(align=True)
    row.label(text=record.title, icon=_ICONS.get(record.state, "TIME"))
    if record.is_active:
        row.operator("svfr.cancel", text="", icon="X").job = record.job
        _draw_progress(layout, record.fraction, f"{record.stage or record.state} {record.fraction:.0%}")
    elif record.state == "done" and not record.layers_of:
        row.operator("svfr.insert_again", text="", icon="IMPORT").job = record.job
    for text in filter(None, (record.message, record.movie_text, *record.warnings)):
        _draw_text(layout, text, "NONE")


def _draw_progress(layout: Any, fraction: float, text: str) -> None:
    if hasattr(layout, "progress"):
        layout.progress(factor=fraction, text=text)
    else:
        layout.label(text=text)


def _draw_text(layout: Any, text: str, icon: str) -> None:
    """Draw a sentence over as many lines as it needs: labels do not wrap."""
    column = layout.column(align=True)
    for line in textwrap.wrap(text, _WRAP_CHARACTERS) or [""]:
        column.label(text=line, icon=icon)
        icon = "BLANK1" if icon != "NONE" else "NONE"


def register() -> None:
    """Add the tab."""
    bpy.utils.register_class(SvfrPanel)


def unregister() -> None:
    """Remove it."""
    bpy.utils.unregister_class(SvfrPanel)
