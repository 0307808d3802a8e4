# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's preferences: which server, and how to start one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from .link import Address

# What happens when somebody names another server; the session, which knows the preferences, adds itself.
on_server_change: list[Callable[[], None]] = []


def _server_changed(preferences: Any, context: Any) -> None:
    for react in on_server_change:
        react()


class SvfrPreferences(bpy.types.AddonPreferences):
    """What Edit > Preferences shows for the extension."""

    bl_idname = __package__
    __annotations__ = {
        "server_command": StringProperty(
            name="Server Program",
            subtype="FILE_PATH",
            description="The svfr program; empty: look on the PATH",
            update=_server_changed,
        ),
        "starts_server": BoolProperty(
            name="Start When Needed",
            default=True,
            description="Start the server when a strip is restored and none runs",
            update=_server_changed,
        ),
        "connection_file": StringProperty(
            name="Connection File",
            subtype="FILE_PATH",
            description="Of a server elsewhere; empty: the server on this machine. A path_map.json beside it "
            "names the shared folders on both machines",
            update=_server_changed,
        ),
    }

    def draw(self, context: Any) -> None:
        """Draw the three fields."""
        for name in ("server_command", "starts_server", "connection_file"):
            self.layout.prop(self, name)


def address() -> Address:
    """Return the server that the preferences name."""
    addon = bpy.context.preferences.addons.get(__package__)
    if addon is None or addon.preferences is None:
        return Address()
    chosen = addon.preferences
    if chosen.connection_file and not getattr(bpy.app, "online_access", True):
        return Address(is_offline=True)
    return Address(
        bpy.path.abspath(chosen.connection_file) if chosen.connection_file else "",
        bpy.path.abspath(chosen.server_command) if chosen.server_command else "",
        bool(chosen.starts_server),
    )


def register() -> None:
    """Add the preferences."""
    bpy.utils.register_class(SvfrPreferences)


def unregister() -> None:
    """Remove them."""
    bpy.utils.unregister_class(SvfrPreferences)
