# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page of a result is made of: its files, those they were made from, and what their colours mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .moved import is_among
from .redo_part import is_redone
from .sources import read_source, sequence_of
from .svfr_client.files import is_file
from .svfr_client.frames import FrameRange
from .svfr_client.hosting.program import PageWish
from .tags import job_of, layers_of, plates_of


def page_wish(source: Any, result: Any, abspath: Callable[[str], str], config: Path | None) -> PageWish:
    """Return the wish for a result strip: the newest frames, which lie in the strip's own folder.

    Where the same frames were written with layers too, by the job that ``source`` notes, those are shown:
    they have the matte, and say what was invented.

    ``config``: the OCIO config that Blender runs with. Raises StripCannotBeRestored as
    :func:`svfr_blender.sources.sequence_of`.
    """
    names = sorted({element.filename for element in result.elements})
    own = [name for name in names if Path(name).name == name] or names
    folder = abspath(result.directory)
    shown = read_source(source, abspath).plate
    plates = plates_of(result, folder)
    for with_layers in () if is_redone(folder) else layers_of(source, job_of(result), shown):
        if all(is_file(Path(with_layers) / name) for name in own):
            folder = with_layers
    pattern, numbers = sequence_of(folder, own)
    return PageWish(
        result=pattern,
        plate=shown if is_among(shown, plates) else next(iter(plates), ""),
        frames=str(FrameRange.of(numbers)),
        space=result.colorspace_settings.name,
        config="" if config is None else str(config),
        job=job_of(result),
    )
