# SPDX-License-Identifier: GPL-3.0-or-later
"""Before and after: which of a source and its result is heard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def show_other(pairs: Iterable[tuple[Any, Any]]) -> bool:
    """Show the sources where any result shows, else the results; returns whether results show now.

    ``pairs``: (source, result), as :func:`svfr_blender.redo_part.parts_with_results` finds them.
    """
    pairs = list(pairs)
    shows_results = all(result.mute for _, result in pairs)
    for source, result in pairs:
        source.mute, result.mute = shows_results, not shows_results
    return shows_results
