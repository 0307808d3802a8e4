# SPDX-License-Identifier: GPL-3.0-or-later
"""Some frames of a restored strip again: which ones, of which job, and where they go.

The server restores them with the references of the job that made the result, its other frames in view. They
go into a folder of their own, so that nothing is written over and Ctrl+Z brings the former frames back.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .compat import end_frame, first_frame
from .errors import NoStripIsChosen, StripCannotBeRestored
from .gather import result_name
from .moved import is_among
from .sources import read_source
from .svfr_client.frames import FrameRange
from .svfr_client.protocol.messages import Redo
from .tags import is_movie, is_result, job_of, lie_together, plates_of, results, source_of, sources

_FORMER_REDO = re.compile(r"_redo_[0-9a-f]{8}\Z")


def parts_with_results(strip: Any, every: Iterable[Any]) -> list[tuple[Any, Any]]:
    """Return (part of the source, its result) for a source or a result; raises NoStripIsChosen."""
    tag, every = source_of(strip), list(every)
    parts = [] if tag is None else sources(every, tag)
    found = [] if tag is None else results(every, tag)
    if is_movie(strip):
        found = [result for result in found if lie_together(result, strip)]
    elif is_result(strip):
        found = [strip]
    else:
        parts = [part for part in parts if part == strip]
    pairs = [(part, result) for part in parts for result in found if lie_together(result, part)]
    if not pairs:
        raise NoStripIsChosen("The active strip was not restored yet.", remedy="Use Restore.")
    return pairs


def is_redone(folder: str) -> bool:
    """Return whether a result's folder holds frames that were done again."""
    return _FORMER_REDO.search(Path(folder).name) is not None


def redo_request(
    part: Any, result: Any, span: range, *, job: str, seed: int, abspath: Callable[[str], str]
) -> Redo | None:
    """Return the request for the timeline frames of ``span`` that both strips show; None if there are none.

    Raises StripCannotBeRestored when the source shows other files than those that were restored, or the same
    in another place: with the project.
    """
    source = read_source(part, abspath)
    former = Path(abspath(result.directory))
    plates = plates_of(result, str(former))
    if not job_of(result) or not is_among(source.plate, plates[:1]):
        was_moved = is_among(source.plate, plates)  # the server knows the job by its former path
        why = "was restored before it was moved" if was_moved else "shows other files than those restored"
        raise StripCannotBeRestored(
            f'The strip "{part.name}" {why}.', path=source.plate, remedy="Use Redo, which sends it anew."
        )
    first = max(span.start, source.first, first_frame(result))
    end = min(span.stop, source.end, end_frame(result))
    if first >= end:
        return None
    frames = FrameRange.of({source.plate_frame(at) for at in range(first, end)})
    folder = former.with_name(f"{_FORMER_REDO.sub('', former.name)}_redo_{job[:8]}")
    output = str(folder / f"{result_name(source.plate)}.%04d.exr")
    return Redo(job=job, of=job_of(result), frames=str(frames), output=output, seed=seed)
