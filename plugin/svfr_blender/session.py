# SPDX-License-Identifier: GPL-3.0-or-later
"""What lives while the extension is enabled: the server link, the controller, timer and file handlers."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .host import RECORDS_KEY, BlenderHost
from .jobs import Controller, JobRecord, records_from_text, records_to_text
from .link import Move, ServerLink, TestConnection
from .moved import found_again
from .preferences import address, on_server_change
from .settings import offered_models

TICK_SECONDS = 0.25
# While a mask is read: Blender's window gets as much time as the reading.
BUSY_TICK_SECONDS = 0.03


@dataclass
class Session:
    """The one link and the one controller."""

    link: ServerLink
    controller: Controller


_session: Session | None = None


def controller() -> Controller:
    """Return the controller; the extension must be enabled."""
    assert _session is not None, "the extension is not enabled"
    return _session.controller


def link() -> ServerLink:
    """Return the server link; the extension must be enabled."""
    assert _session is not None, "the extension is not enabled"
    return _session.link


def go_to_server() -> None:
    """Talk to the server that the preferences now name, and ask it whether it is there."""
    if _session is not None:
        _session.link.send(Move(address()))
        _session.link.send(TestConnection())


def keep_records() -> None:
    """Write the job records into the scenes they belong to, so that the saved file knows them."""
    if _session is None:
        return
    by_scene: dict[str, list[JobRecord]] = {}
    for record in _session.controller.records:
        record.project = _project()
        by_scene.setdefault(record.scene, []).append(record)
    for scene in bpy.data.scenes:
        if scene.name in by_scene:
            scene[RECORDS_KEY] = records_to_text(by_scene[scene.name])
        elif RECORDS_KEY in scene:
            del scene[RECORDS_KEY]


def find_records_again() -> None:
    """Take up the jobs that the open file knows of."""
    if _session is None:
        return
    found = {
        record.job: record
        for scene in bpy.data.scenes
        for record in records_from_text(str(scene.get(RECORDS_KEY, "[]")))
    }
    for record in found.values():
        record.paths = found_again(record.paths, record.project, _project())
    _session.controller.adopt(list(found.values()))


def _project() -> str:
    """Return the folder of the open file; empty for one that was not saved yet."""
    return str(Path(bpy.data.filepath).parent) if bpy.data.filepath else ""


@persistent
def _before_save(*_: Any) -> None:
    keep_records()


@persistent
def _after_load(*_: Any) -> None:
    find_records_again()


def _tick() -> float:
    """Pump; called by Blender's timer. A fault is printed and does not end the timer."""
    try:
        if _session is not None:
            _session.controller.pump()
    except Exception:
        traceback.print_exc(file=sys.stderr)
    is_busy = _session is not None and _session.controller.is_preparing
    return BUSY_TICK_SECONDS if is_busy else TICK_SECONDS


def _first_tick() -> None:
    """Read the open file once data may be read: not yet while extensions are being enabled."""
    find_records_again()
    link().send(TestConnection())


def register() -> None:
    """Start the link, the timer and the handlers."""
    global _session
    new_link = ServerLink(address())
    _session = Session(new_link, Controller(new_link, BlenderHost()))
    new_link.start()
    on_server_change.append(go_to_server)
    offered_models.append(lambda: controller().models)
    bpy.app.handlers.save_pre.append(_before_save)
    bpy.app.handlers.load_post.append(_after_load)
    bpy.app.timers.register(_first_tick, first_interval=0.0)
    bpy.app.timers.register(_tick, first_interval=TICK_SECONDS, persistent=True)


def unregister() -> None:
    """Stop all of it; a timer left behind would crash Blender at exit."""
    global _session
    on_server_change.clear()
    offered_models.clear()
    for timer in (_tick, _first_tick):
        if bpy.app.timers.is_registered(timer):
            bpy.app.timers.unregister(timer)
    for handlers, own in (
        (bpy.app.handlers.save_pre, _before_save),
        (bpy.app.handlers.load_post, _after_load),
    ):
        if own in handlers:
            handlers.remove(own)
    if _session is not None:
        _session.link.stop()
        _session = None
