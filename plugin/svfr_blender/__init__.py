# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blender extension: a tab in the sequencer's sidebar that sends strips to an SVFR server.

Thin by design: it gathers (strip, masks, colour), hands a job to ``svfr_client`` (carried inside), and
inserts the result. Nothing of Blender is imported before :func:`register`, so that the parts which do not
need it can be read and tested without it. ``jobs.py`` holds the state machine, ``session.py`` the one object
that lives while the extension is enabled.
"""

from __future__ import annotations


def register() -> None:
    """Add the panel, the operators and the timer; Blender calls it when the extension is enabled."""
    from . import operators, panel, preferences, preview, session, settings

    preferences.register()
    settings.register()
    operators.register()
    preview.register()
    panel.register()
    session.register()


def unregister() -> None:
    """Take everything away again, the timer and the worker thread first."""
    from . import operators, panel, preferences, preview, session, settings

    session.unregister()
    panel.unregister()
    preview.unregister()
    operators.unregister()
    settings.unregister()
    preferences.unregister()
