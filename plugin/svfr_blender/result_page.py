# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of a result is made of: its files, those they were made from, and what their colours mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .sources import sequence_of
from .svfr_client.frames import FrameRange
from .svfr_client.hosting.program import PageWish
from .tags import plate_of


def page_wish(result: Any, abspath: Callable[[str], str], config: Path | None) -> PageWish:
    """Return the wish for a result strip: the newest frames, which lie in the strip's own folder.

    ``config``: the OCIO config that Blender runs with. Raises StripCannotBeRestored as
    :func:`svfr_blender.sources.sequence_of`.
    """
    names = sorted({element.filename for element in result.elements})
    own = [name for name in names if Path(name).name == name] or names
    pattern, numbers = sequence_of(abspath(result.directory), own)
    return PageWish(
        result=pattern,
        plate=plate_of(result),
        frames=str(FrameRange.of(numbers)),
        space=result.colorspace_settings.name,
        config="" if config is None else str(config),
    )
