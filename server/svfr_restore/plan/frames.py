"""Which frames a job reads, writes and looks at for context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from svfr_client.frames import BRIDGED_GAP_FRAMES, FrameRange
from svfr_client.vocabulary import MissingPolicy
from svfr_restore.media.plate import open_plate
from svfr_restore.media.plate_base import PictureChoice


@dataclass(frozen=True)
class JobFrames:
    """The frames of one job.

    ``runs`` are stretches of consecutive frames that are looked at and restored together; ``written`` those
    that become files. Frames of a run that are not written are context: handles and short gaps. ``lacking``
    are handles that the plate does not have.
    """

    runs: tuple[range, ...]
    written: tuple[int, ...]
    lacking: tuple[int, ...] = ()

    @property
    def read(self) -> tuple[int, ...]:
        """Every frame that is looked at, in order."""
        return tuple(frame for run in self.runs for frame in run)

    def needed(self, available: Sequence[int]) -> tuple[int, ...]:
        """Return the frames that must be sound: the written ones, and what the plate has of the context."""
        present = set(available)
        return tuple(sorted({*self.written, *(frame for frame in self.read if frame in present)}))


def all_frames(plate: str, choice: PictureChoice | None = None) -> str:
    """Return the range from the first to the last frame of a plate, which must exist.

    Holes are in it: what becomes of them is for a job's ``missing`` to say.
    """
    frames = open_plate(plate, choice).frames
    return str(frames[0]) if frames[0] == frames[-1] else f"{frames[0]}-{frames[-1]}"


def plan_frames(
    asked: FrameRange,
    available: Sequence[int],
    *,
    handles: int,
    write_handles: bool,
    missing: MissingPolicy,
    context: FrameRange | None = None,
) -> JobFrames:
    """Decide what is read and written.

    ``context`` is a range that is looked at in place of ``asked``, with its handles; of it only the asked
    frames are written. A job for ``asked`` alone would see other windows of the shot.

    Handles reach only as far as the plate does: there is nothing to see beyond it. With ``missing`` "skip"
    frames that the plate lacks are context (held from their neighbour) and not written.
    """
    present = set(available)
    wanted = list(asked) if context is None else sorted({*asked, *context})
    if missing == "skip":
        wanted = [frame for frame in wanted if frame in present]
    if not wanted:
        return JobFrames((), ())
    before = range(wanted[0] - handles, wanted[0])
    after = range(wanted[-1] + 1, wanted[-1] + handles + 1)
    lacking = tuple(f for f in (*before, *after) if f not in present)
    seen = [*(f for f in before if f in present), *wanted, *(f for f in after if f in present)]
    runs: list[range] = [range(seen[0], seen[0] + 1)]
    for frame in seen[1:]:
        if frame - runs[-1].stop <= BRIDGED_GAP_FRAMES:
            runs[-1] = range(runs[-1].start, frame + 1)
        else:
            runs.append(range(frame, frame + 1))
    if context is not None:
        return JobFrames(tuple(runs), tuple(frame for frame in wanted if frame in asked), lacking)
    return JobFrames(tuple(runs), tuple(seen if write_handles else wanted), lacking)
