"""Where restored frames go: path patterns, what happens to existing files, and checks before the job starts.

Policies for existing outputs: ``error`` refuses; ``overwrite`` replaces frame by frame, each atomically;
``version_up`` leaves them and writes a new version, which ``svfr_client.output_names`` names. A job that goes
on after a crash replaces its own frames alone. Under all but ``overwrite`` a file that comes to a frame's
place while the job waits or runs is kept too: whoever wrote it, another job or a person, did so last.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from svfr_client.errors import OutputIsNotWritable, SvfrError, raise_problems
from svfr_client.files import is_folder, is_there, remove_leftovers
from svfr_client.output_names import (
    check_output_pattern,
    existing_frames,
    file_came_between,
    next_version,
    output_among_inputs,
    output_path,
    outputs_exist,
)
from svfr_client.sizes import size_text
from svfr_client.vocabulary import ExistingPolicy, OwnFrames
from svfr_restore.errors import DiskSpaceIsShort, NameIsTooLong
from svfr_restore.media.exr.origin import job_of
from svfr_restore.media.plate_base import Plate

_USUAL_NAME_BYTES = 255
# Bytes per RGB sample of a new EXR after ZIP, and what cropped layers add: generous round figures.
_BYTES_PER_SAMPLE = {8: 1.5, 16: 3.5}
_LAYERS_FACTOR = 1.4


@dataclass(frozen=True)
class OutputPlan:
    """The output files of one job. ``estimated_bytes`` is a generous guess of what they need on disk.

    ``existing`` and ``job_hash`` say what they may replace; see :func:`plan_output`.
    """

    pattern: str
    frames: tuple[int, ...]
    estimated_bytes: int
    existing: ExistingPolicy | OwnFrames = "overwrite"
    job_hash: str = ""

    def path(self, frame: int) -> Path:
        """Return the file of one frame."""
        return output_path(self.pattern, frame)

    def beside_new_files(self) -> OutputPlan:
        """Return the plan as it is when the first frame is about to be written.

        A version that another job has taken since is left to it. Nobody has taken it for sure before the
        first frame has its place: ask again where that is refused.
        """
        if self.existing != "version_up" or not existing_frames(self.pattern, self.frames):
            return self
        return replace(self, pattern=next_version(self.pattern))

    def judge_of(self, frame: int) -> Callable[[Path], None] | None:
        """Return what raises OutputExists where a frame would replace a file it may not; None: it may all."""
        return None if self.existing == "overwrite" else partial(self._judge, frame)

    def _judge(self, frame: int, _: Path) -> None:
        path = self.path(frame)
        if self.existing != "own" or job_of(path) != self.job_hash:
            raise file_came_between(frame, path)

    def make_folders(self) -> None:
        """Create the output folders and clear what a killed job left in them. Raises OutputIsNotWritable."""
        for folder in {self.path(frame).parent for frame in self.frames}:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise _not_writable(folder, error.strerror or str(error)) from error
        remove_leftovers([self.path(frame) for frame in self.frames])


def plan_output(
    pattern: str | os.PathLike[str],
    frames: Sequence[int],
    existing: ExistingPolicy | OwnFrames,
    plate: Plate,
    *,
    inputs: Sequence[Path] = (),
    job_hash: str = "",
) -> OutputPlan:
    """Decide the output files and check them; nothing is created or changed.

    ``inputs``: files beside the plate that the job reads, none of which it may replace. ``job_hash`` is what
    the job's own files say of it; those alone may lie there under "own".

    Raises BadPathPattern (no EXR, no frame field for several frames), OutputEqualsPlate, OutputExists,
    OutputIsNotWritable, NameIsTooLong, DiskSpaceIsShort; SeveralProblems when more than one is wrong.
    """
    text = os.fspath(pattern)
    check_output_pattern(text, len(frames))
    _check_names(text, frames)
    problems: list[SvfrError] = []
    read = [*(plate.path(frame) for frame in {*plate.frames, *frames}), *inputs]
    same = output_among_inputs([(frame, output_path(text, frame)) for frame in frames], read)
    if same is not None:
        problems.append(same)
    there = existing_frames(text, frames)
    if existing == "own":
        there = [frame for frame in there if job_of(output_path(text, frame)) != job_hash]
    if there and existing == "version_up":
        text = next_version(text)
    elif there and existing in ("error", "own") and not same:
        problems.append(outputs_exist(text, there))
    plan = OutputPlan(
        pattern=text,
        frames=tuple(frames),
        estimated_bytes=estimate_bytes(plate, len(frames)),
        existing=existing,
        job_hash=job_hash,
    )
    problems += _folder_problems(plan)
    raise_problems(problems)
    return plan


def estimate_bytes(plate: Plate, frame_count: int) -> int:
    """Return a generous guess of the disk space for that many restored frames with default layers."""
    if plate.kind == "exr":
        one = float(plate.path(plate.frames[0]).stat().st_size)
    else:
        bits = 8 if plate.sample_bits <= 8 else 16
        one = plate.display.width * plate.display.height * 3 * _BYTES_PER_SAMPLE[bits]
    return int(one * _LAYERS_FACTOR * frame_count)


def _check_names(text: str, frames: Sequence[int]) -> None:
    """Raise NameIsTooLong for a name that the disk does not take, which no other look at it would survive."""
    longest = max((output_path(text, frame) for frame in frames), key=lambda path: len(path.name))
    there = longest.parent.absolute()
    while not is_there(there):
        there = there.parent
    most = os.pathconf(there, "PC_NAME_MAX") if hasattr(os, "pathconf") else _USUAL_NAME_BYTES
    if any(len(os.fsencode(part)) > most for part in longest.parts):
        raise NameIsTooLong(
            f"A name of the output is longer than the {most} bytes that this disk allows.",
            path=longest,
            remedy="Choose a shorter name with --out; letters beyond a to z take several bytes.",
        )


def _folder_problems(plan: OutputPlan) -> list[SvfrError]:
    folder = plan.path(plan.frames[0]).parent
    parent = folder.absolute()
    while not is_there(parent) and not parent.is_symlink():
        parent = parent.parent
    if not is_folder(parent):
        return [_not_writable(folder, f"{parent} is not a folder")]
    if not os.access(parent, os.W_OK | os.X_OK):
        return [_not_writable(folder, f"no permission to write in {parent}")]
    taken = [plan.path(frame) for frame in plan.frames if is_folder(plan.path(frame))]
    if taken:
        return [_not_writable(taken[0], "a folder of that name is in the way")]
    free = shutil.disk_usage(parent).free
    if plan.estimated_bytes > free:
        return [
            DiskSpaceIsShort(
                f"The output needs about {size_text(plan.estimated_bytes)}; {size_text(free)} are free.",
                path=folder,
                remedy="Free space, choose another disk, or restore fewer frames.",
            )
        ]
    return []


def _not_writable(folder: Path, why: str) -> OutputIsNotWritable:
    return OutputIsNotWritable(
        f"The output cannot be written: {why}.",
        path=folder,
        remedy="Choose another folder or fix its permissions.",
    )
