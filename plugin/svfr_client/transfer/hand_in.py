"""Hand a job in at a server that may be elsewhere: by path where it sees the files, else by content."""

import os
from dataclasses import replace
from typing import Callable, List, Optional

from ..client import Client
from ..errors import FileCannotBeWritten, OutputEqualsPlate, SvfrError, raise_problems
from ..frames import FrameRange
from ..job import JobSpec
from ..job_checks import job_problems
from ..output_names import existing_frames, next_version, output_path, outputs_exist
from ..path_map import PathMap
from ..protocol.messages import Redo
from .delivery import Delivery
from .job_files import JobFiles, files_of, with_luts
from .progress import Tell, tell_nobody
from .seen import refuse_unseen_model, server_sees
from .upload import upload

_RESULTS = "frame.%04d.exr"


def hand_in(
    client: Client,
    spec: JobSpec,
    job: str,
    paths: Optional[PathMap] = None,
    *,
    tell: Tell = tell_nobody,
    keep_going: Callable[[], bool] = lambda: True,
) -> Delivery:
    """Submit ``spec``, which names this machine's paths, under the id ``job``; return how its frames come.

    The files are sent when the server does not see them, or may not use them there. Raises what is wrong with
    the job, as the client and :func:`~svfr_client.transfer.upload.upload` do, and for files that are sent
    OutputExists, OutputEqualsPlate and FileCannotBeWritten, and FileCannotBeSent for a model's folder that
    the server does not see and for LUTs that cannot go along; all of that before anything is sent.
    """
    raise_problems(job_problems(spec))
    paths = paths or PathMap()
    files = files_of(spec)
    if server_sees(client, files, paths):
        try:
            client.submit(paths.job_to_server(spec), job)
            return Delivery(job, None, paths)
        except SvfrError as problem:
            if not files.files or not _is_forbidden(problem):
                raise
    refuse_unseen_model(client, spec.model, paths)
    output = _output_here(spec, files)
    with with_luts(files, spec) as whole:
        sent = upload(client, whole.files, tell, keep_going)
    there = whole.rewritten(spec, sent.folder, paths.to_server)
    there = replace(there, output=f"{sent.results}{job}/{_RESULTS}", existing="overwrite")
    delivery = Delivery(job, output, paths)
    delivery.note()
    client.submit(there, job)
    return delivery


def hand_in_again(client: Client, redo: Redo, paths: Optional[PathMap] = None) -> Delivery:
    """Hand in some frames of a former job again, to ``redo.output`` on this machine; return how they come.

    They come as those of the former job did: where its frames were fetched, these are too. Raises what the
    client does, and :class:`~svfr_client.errors.PathIsNotMapped`.
    """
    paths = paths or PathMap()
    own = f"{redo.of}/{_RESULTS}"
    former = client.status(redo.of).output
    there = None if redo.output is None else paths.to_server(redo.output)
    delivery = Delivery(redo.job, None, paths)
    if former.endswith(own):
        there = f"{former[: -len(own)]}{redo.job}/{_RESULTS}"
        delivery = Delivery(redo.job, redo.output, paths)
        delivery.note()
    client.redo(redo.of, redo.frames, output=there, seed=redo.seed, job=redo.job)
    return delivery


def _is_forbidden(problem: SvfrError) -> bool:
    """Return whether the server may not read or write at the paths, and nothing else is wrong."""
    several = getattr(problem, "problems", None) or [problem]
    return all(one.code == "FORBIDDEN_PATH" for one in several)


def _output_here(spec: JobSpec, files: JobFiles) -> str:
    """Return the pattern that frames are fetched to, by the job's policy for files that are there."""
    written = list(FrameRange.parse(spec.frames))
    if spec.write_handles:
        first, last = written[0], written[-1]
        written += [*range(first - spec.handles, first), *range(last + 1, last + 1 + spec.handles)]
    _refuse_the_plate(spec, files, written)
    there = existing_frames(spec.output, written)
    if there and spec.existing == "error":
        raise outputs_exist(spec.output, there)
    output = next_version(spec.output) if there and spec.existing == "version_up" else spec.output
    folder = output_path(output, written[0]).parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not os.access(str(folder), os.W_OK | os.X_OK) or not folder.is_dir():
        text = "Frames cannot be written here."
        raise FileCannotBeWritten(text, path=folder, remedy="Choose another output folder.")
    return output


def _refuse_the_plate(spec: JobSpec, files: JobFiles, written: List[int]) -> None:
    plate = {os.path.realpath(str(file.path)) for file in files.plate}
    for frame in written:
        path = output_path(spec.output, frame)
        if os.path.realpath(str(path)) in plate:
            raise OutputEqualsPlate(
                "The output files are the plate's own files.",
                frame=frame,
                path=path,
                remedy="Choose another output folder or name.",
            )
