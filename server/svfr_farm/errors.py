"""What can go wrong on the way from a shot list to a farm and back, named as the sentence that failed."""

from collections.abc import Iterator
from contextlib import contextmanager

from svfr_client.errors import SvfrError
from svfr_client.reasons import reason_of


class ShotListIsBad(SvfrError):
    """A shot list is no CSV file of shots, or one of its cells holds what no shot can have."""

    code = "BAD_SHOT_LIST"


class PlanIsBad(SvfrError):
    """A plan file is damaged, was changed by hand, or has a form that this version does not read."""

    code = "BAD_FARM_PLAN"


class ModelIsNotThePlans(SvfrError):
    """The model of that name on this machine has other weights or settings than the one that was planned."""

    code = "FARM_MODEL_DIFFERS"


class SegmentDoesNotExist(SvfrError):
    """A segment was asked for by a number that the plan does not have."""

    code = "FARM_NO_SUCH_SEGMENT"


class ArtefactIsMissing(SvfrError):
    """What an earlier step makes is not there, so this step cannot begin."""

    code = "FARM_ARTEFACT_MISSING"


class ArtefactDiffers(SvfrError):
    """A reference or segment is damaged, or was made for another plan or with another reference."""

    code = "FARM_ARTEFACT_DIFFERS"


class InputWasChanged(SvfrError):
    """A file that the shot is made of is not what it was when the shot's reference was made."""

    code = "FARM_INPUT_CHANGED"


class FramesAreMissing(SvfrError):
    """The assembled shot lacks frames that its plan names."""

    code = "FARM_FRAMES_MISSING"


class SubmissionIsBusy(SvfrError):
    """Another process is submitting or planning in the same folder."""

    code = "FARM_BUSY"


class LedgerIsBad(SvfrError):
    """The ledger of a submission folder cannot be read."""

    code = "BAD_FARM_LEDGER"


class EngineIsMissing(SvfrError):
    """The programs of the chosen farm engine are not on this machine."""

    code = "FARM_ENGINE_MISSING"


class EngineRefused(SvfrError):
    """The farm engine did not take a job."""

    code = "FARM_ENGINE_REFUSED"


class SessionIsGone(SvfrError):
    """The farm session that tasks should run in does not answer."""

    code = "FARM_SESSION_GONE"


class TaskFailed(SvfrError):
    """A step of a shot ended with an error."""

    code = "FARM_TASK_FAILED"


class DiskRefused(SvfrError):
    """The system refused something with a file of the farm's, where nothing more is known of it."""

    code = "FARM_DISK_REFUSED"


def disk_refused(problem: OSError) -> DiskRefused:
    """Return the typed form of what the system refused."""
    path = problem.filename
    text = f"The system refused to read or write a file: {reason_of(problem)}."
    remedy = "Check that path, its permissions and the free space of its disk, then run the command again."
    return DiskRefused(text, path=None if path is None else ascii(str(path))[1:-1], remedy=remedy)


@contextmanager
def disk_problems_named() -> Iterator[None]:
    """Raise DiskRefused for an OSError that nobody in the block made an error of ours."""
    try:
        yield
    except OSError as problem:
        raise disk_refused(problem) from problem
