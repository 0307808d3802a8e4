"""What the service refuses and how its own parts fail; the codes cross the wire (``plugin/PROTOCOL.md``)."""

from svfr_client.errors import SvfrError


class BadRequest(SvfrError):
    """A request's body does not have the form the protocol lays down."""

    code = "BAD_REQUEST"


class UnknownOperation(SvfrError):
    """The service knows no operation of that name."""

    code = "BAD_REQUEST"


class UnknownJob(SvfrError):
    """The service has no job with that id."""

    code = "NOT_FOUND"


class JobUnreadable(SvfrError):
    """The service cannot read its record of a job: a newer version wrote it, or it is damaged."""

    code = "JOB_UNREADABLE"


class JobIdTaken(SvfrError):
    """The job id already belongs to another job."""

    code = "CONFLICT"


class QueueFull(SvfrError):
    """The service, or one client, holds as many waiting jobs, or streams, as is allowed."""

    code = "QUEUE_FULL"


class QueueClosed(SvfrError):
    """The service drains for an upgrade and takes no new jobs."""

    code = "QUEUE_FULL"


class NoCredit(SvfrError):
    """The client has been sent as much as it may leave unread."""

    code = "NO_CREDIT"


class NotAllowed(SvfrError):
    """This client may not do that: it is for the job's owner, or for the service's own user."""

    code = "FORBIDDEN"


class KeyWasRevoked(SvfrError):
    """The client's key was revoked while it was connected."""

    code = "AUTH"


class StoreUnavailable(SvfrError):
    """The job store cannot be written now: its disk is full or gone."""

    code = "DISK_FULL"


class StoreUnusable(SvfrError):
    """The job store was written by a newer version, or is damaged."""

    code = "BAD_SETTINGS"


class StorageFailed(SvfrError):
    """A disk or share with the job's files gave out: full, read-only, gone."""

    code = "STORAGE_FAILED"


class DiskIsFull(StorageFailed):
    """A disk that the job writes to has no room left."""

    code = "DISK_FULL"


class PieceIsDamaged(SvfrError):
    """A piece of a file that a client sent is too long, or not what its name says."""

    code = "BAD_REQUEST"


class PieceIsMissing(SvfrError):
    """A file was to be made of pieces that are not here, or no longer."""

    code = "PIECES_MISSING"


class TransfersAreFull(SvfrError):
    """Clients have sent as much as the service keeps."""

    code = "TRANSFERS_FULL"


class SourceChanged(SvfrError):
    """A file of the plate, or another input, was changed while the job ran."""

    code = "SOURCE_CHANGED"


class ReferenceIsGone(SvfrError):
    """The references of the job to be done again are no longer kept."""

    code = "REFERENCE_GONE"


class PathForbidden(SvfrError):
    """A path lies outside the folders this service may read or write."""

    code = "FORBIDDEN_PATH"


class WorkerCrashed(SvfrError):
    """The worker process died under the job, twice."""

    code = "WORKER_CRASHED"


class OutOfDeviceMemory(SvfrError):
    """The device's memory did not suffice for the job."""

    code = "OOM"


class InternalFailure(SvfrError):
    """Something failed that nobody foresaw; the server's log has the details."""

    code = "INTERNAL"


class AnotherServerRuns(SvfrError):
    """Another service holds the lock of this folder."""

    code = "CONFLICT"


class BadSettings(SvfrError):
    """The service was asked to run in a way it refuses."""

    code = "BAD_SETTINGS"


class BadKeyFile(SvfrError):
    """A key file is not what `svfr key` writes."""

    code = "BAD_KEY"


class KeyExists(SvfrError):
    """A new key would replace one that is in use."""

    code = "BAD_KEY"


class CheckpointNameRefused(SvfrError):
    """A checkpoint's name is not words with slashes between them."""

    code = "INTERNAL"
