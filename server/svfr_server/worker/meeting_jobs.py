"""Whether a job is about files that another one, which still runs, may write.

A job finds its inputs, and what lies where its output goes, as the jobs before have left them. So one that
reads or writes near another's output does not begin beside it.
"""

from pathlib import Path

from svfr_client.job import JobSpec
from svfr_server.roots import is_inside, named_inputs, real_path


def may_meet(former: JobSpec, later: JobSpec) -> bool:
    """Return whether the later job reads or writes where the former writes, wherever links lead now."""
    folder = real_path(str(Path(former.output).parent))
    area = folder.parent if former.existing == "version_up" else folder
    named = [*named_inputs(later), later.output]
    return any(
        is_inside(real_path(str(place)), [area]) for path in named for place in (path, Path(path).parent)
    )
