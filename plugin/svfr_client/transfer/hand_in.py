"""Hand a job in at a server that may be elsewhere: by path where it sees the files, else by content."""

from dataclasses import replace
from typing import Callable, List, Optional

from ..client import REDO_POLICY_MINOR, Client
from ..errors import BadJob, ReportedError, SeveralProblems, SvfrError, each_of, raise_problems
from ..frames import FrameRange
from ..job import JobSpec
from ..job_checks import job_problems
from ..path_map import PathMap
from ..protocol.messages import Redo
from ..vocabulary import ExistingPolicy
from .delivery import Delivery
from .job_files import files_of, with_luts
from .output_here import files_read, free_output, output_here, refuse_short_disk
from .own_names import OwnNames
from .progress import Tell, tell_nobody
from .seen import refuse_absent, refuse_missing_frames, refuse_unseen_model, server_sees
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
    as :func:`~svfr_client.transfer.output_here.output_here` does, DiskSpaceIsShort, FrameIsMissing for frames
    that a sequence lacks, and FileCannotBeSent for a file that is not where the job says, a model's folder
    that the server does not see and LUTs that cannot go along; all of that before anything is sent.
    """
    raise_problems(job_problems(spec))
    paths = paths or PathMap()
    files = files_of(spec)
    if server_sees(client, files, paths):
        try:
            client.submit(paths.job_to_server(spec), job)
            replaces = spec.existing == "overwrite"
            return Delivery(job, None, paths, replaces=replaces, may_be_elsewhere=True)
        except SvfrError as problem:
            if not _is_forbidden(problem):
                raise
            if not files.files:  # nothing of the job is here: is it a slip, or the server's own?
                refuse_absent(files, spec)
                raise
    refuse_absent(files, spec)
    refuse_missing_frames(files, spec)
    refuse_unseen_model(client, spec.model, paths)
    written = _written(spec)
    output = output_here(spec.output, written, spec.existing, [file.path for file in files.files])
    refuse_short_disk(output, len(written), [file.path for file in files.plate])
    with with_luts(files, spec) as whole:
        sent = upload(client, whole.files, tell, keep_going)
    there = whole.rewritten(spec, sent.folder, paths.to_server)
    there = replace(there, output=f"{sent.results}{job}/{_RESULTS}", existing="overwrite")
    names = OwnNames.of(whole, sent.folder)
    replaces = spec.existing == "overwrite"
    delivery = Delivery(job, output, paths, names, written=str(FrameRange.of(written)), replaces=replaces)
    delivery = replace(delivery, unnoted=delivery.note())
    try:
        client.submit(there, job)
    except (ReportedError, SeveralProblems) as problem:
        raise names.error(problem) from problem
    return delivery


def hand_in_again(
    client: Client,
    redo: Redo,
    paths: Optional[PathMap] = None,
    *,
    existing: ExistingPolicy = "overwrite",
) -> Delivery:
    """Hand in some frames of a former job again, to ``redo.output`` on this machine; return how they come.

    They come as those of the former job did: where its frames were fetched, these are too. ``existing`` is
    about files that are there; to replace is what a redo in its former place is for. Raises what the client
    does, :class:`~svfr_client.errors.PathIsNotMapped`, for an output as
    :func:`~svfr_client.transfer.output_here.free_output` does, and for frames that are fetched BadJob where
    no place is known, and as :func:`~svfr_client.transfer.output_here.output_here`.
    """
    paths = paths or PathMap()
    own = f"{redo.of}/{_RESULTS}"
    former = client.status(redo.of)
    is_fetched = former.output.endswith(own)
    noted = Delivery.noted(redo.of, paths)
    output = redo.output
    if output is not None:
        frames = list(FrameRange.parse(redo.frames))
        check = output_here if is_fetched else free_output
        output = check(output, frames, existing, files_read(noted, former.plate, frames))
    there = None if output is None else paths.to_server(output)
    replaces = existing == "overwrite"
    delivery = Delivery(redo.job, None, paths, noted.names, replaces=replaces, may_be_elsewhere=True)
    if is_fetched:
        if output is None:
            raise BadJob(
                f"It is not known here where the frames of job {redo.of} are.",
                remedy="Name where the new ones go (`--out` of `svfr redo`).",
            )
        there = f"{former.output[: -len(own)]}{redo.job}/{_RESULTS}"
        delivery = Delivery(redo.job, output, paths, noted.names, written=redo.frames, replaces=replaces)
        delivery = replace(delivery, unnoted=delivery.note())
    policy = None if redo.output is None or is_fetched else existing
    if policy == "version_up" and redo.output is not None and client.met().minor >= REDO_POLICY_MINOR:
        there = paths.to_server(redo.output)  # the version is the server's to raise, when the job begins
    try:
        client.redo(redo.of, redo.frames, output=there, seed=redo.seed, job=redo.job, existing=policy)
    except (ReportedError, SeveralProblems) as problem:
        raise noted.names.error(problem) from problem
    return delivery


def _is_forbidden(problem: SvfrError) -> bool:
    """Return whether the server may not read or write at the paths, and nothing else is wrong."""
    return all(one.code == "FORBIDDEN_PATH" for one in each_of(problem))


def _written(spec: JobSpec) -> List[int]:
    """Return the frames that the job writes, with its handles."""
    written = list(FrameRange.parse(spec.frames))
    if spec.write_handles:
        first, last = written[0], written[-1]
        written += [*range(first - spec.handles, first), *range(last + 1, last + 1 + spec.handles)]
    return written
