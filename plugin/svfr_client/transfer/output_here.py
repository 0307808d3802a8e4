"""Where frames that are fetched may go on this machine: the checks that a server makes of its own output."""

import contextlib
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Iterable, Iterator, List, Sequence, Tuple

from ..client import Client
from ..errors import DiskSpaceIsShort, OutputIsNotWritable, SvfrError
from ..files import is_folder, is_there
from ..frames import FrameRange
from ..output_names import (
    check_output_pattern,
    existing_frames,
    files_named,
    next_version,
    output_among_inputs,
    output_is_input,
    output_path,
    outputs_exist,
)
from ..protocol.transfers import FileHead
from ..sizes import size_text
from ..vocabulary import ExistingPolicy
from .delivery import Delivery
from .own_names import is_private
from .seen import COMPARE_MINOR, file_head, same_there

# What cropped layers add to a plate's EXR, as a server guesses it.
LAYERS_FACTOR = 1.4


def output_here(pattern: str, frames: List[int], existing: ExistingPolicy, sources: Iterable[Path]) -> str:
    """Return the pattern that ``frames`` are fetched to, by the policy for files that are there.

    ``sources`` are files that no frame may replace. Nothing is made. Raises as :func:`free_output`, and
    OutputIsNotWritable.
    """
    output = free_output(pattern, frames, existing, sources)
    folder = _folder_there(output, frames[0])
    if not os.access(str(folder), os.W_OK | os.X_OK) or not is_folder(folder):
        text = "Frames cannot be written here."
        raise OutputIsNotWritable(text, path=folder, remedy="Choose another output folder.")
    return output


def refuse_short_disk(output: str, frame_count: int, plate: Sequence[Path]) -> None:
    """Raise DiskSpaceIsShort where so many frames of this ``plate`` do not fit on the disk of ``output``.

    The guess is a server's for EXR, and of other numbered files their own size. Of a movie only a server
    knows the frames: there is no guess.
    """
    if not plate or (len(plate) == 1 and frame_count > 1):
        return
    one = plate[0].stat().st_size * (LAYERS_FACTOR if plate[0].suffix.lower() == ".exr" else 1.0)
    needed, folder = int(one * frame_count), _folder_there(output, 0)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DiskSpaceIsShort(
            f"The frames that are fetched need about {size_text(needed)} here; {size_text(free)} are free.",
            path=output_path(output, 0).parent,
            remedy="Free space, choose another disk, or restore fewer frames.",
        )


def _folder_there(output: str, frame: int) -> Path:
    """Return the nearest folder above a frame that is there."""
    folder = output_path(output, frame).parent
    while not is_there(folder) and folder != folder.parent:
        folder = folder.parent
    return folder


def free_output(pattern: str, frames: List[int], existing: ExistingPolicy, sources: Iterable[Path]) -> str:
    """Return the pattern that ``frames`` may be written to, by whomever, without harm to what is there.

    Raises BadPathPattern, OutputEqualsPlate and OutputExists.
    """
    check_output_pattern(pattern, len(frames))
    _refuse_sources(pattern, frames, sources)
    there = existing_frames(pattern, frames)
    if there and existing == "error":
        raise outputs_exist(pattern, there)
    return next_version(pattern) if there and existing == "version_up" else pattern


def fetched_to(client: Client, delivery: Delivery, output: str, existing: ExistingPolicy) -> Delivery:
    """Return the delivery of a job's frames to ``output``, over other files only where ``existing`` says so.

    What the job, or an earlier fetch, might replace is not asked. Frames that were fetched to the noted place
    before are no others: it is gone on with. Raises as :func:`output_here`, and as the client does, code
    NOT_FOUND for an unknown job.
    """
    status = client.status(delivery.job)
    frames = list(FrameRange.parse(delivery.written or status.frames))
    read = list(files_read(delivery, status.plate, frames))
    if output == delivery.output and existing != "version_up":
        _refuse_sources(output, frames, read)
    else:
        output = output_here(output, frames, existing, read)
    if existing == "overwrite" and is_private(status.plate) and not delivery.names.paths:
        _refuse_sent(client, status.plate, output, frames)
    return replace(delivery, output=output, replaces=existing == "overwrite")


def files_read(delivery: Delivery, plate: str, frames: List[int]) -> Iterator[Path]:
    """Yield the files that a job reads, as far as known here; ``plate``: the server's name of its plate."""
    read = list(delivery.names.paths.values())
    with contextlib.suppress(SvfrError):  # a plate that this machine has under no name
        read.append(delivery.paths.to_client(plate))
    for text in read:
        yield from files_named(text, frames)


def _refuse_sources(pattern: str, frames: List[int], sources: Iterable[Path]) -> None:
    refusal = output_among_inputs([(frame, output_path(pattern, frame)) for frame in frames], sources)
    if refusal is not None:
        raise refusal


def _refuse_sent(client: Client, plate: str, output: str, frames: List[int]) -> None:
    """Refuse to replace files that the job reads: by content, since without a note their names are not known.

    ``plate`` is the server's name of what was sent; a mask that was sent lies beside it.
    """
    if client.met().minor < COMPARE_MINOR:
        return
    name = re.split(r"[/\\]", plate)[-1]
    places: List[Tuple[int, Path]] = []
    heads: List[FileHead] = []
    for frame in existing_frames(output, frames):
        path = output_path(output, frame)
        for sent in (name, "mask.%04d.exr"):
            for own in files_named(sent, [frame]):
                head = file_head(path, plate[: -len(name)] + own.name)
                if head is not None:
                    places.append((frame, path))
                    heads.append(head)
    for index, is_input in enumerate(same_there(client, heads)):
        if is_input:
            raise output_is_input(*places[index])
