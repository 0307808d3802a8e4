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


class JobIdTaken(SvfrError):
    """The job id already belongs to another job."""

    code = "CONFLICT"


class QueueFull(SvfrError):
    """The service holds as many waiting jobs, or streams, as it allows."""

    code = "QUEUE_FULL"


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


class ServerDidNotStart(SvfrError):
    """A service was started but ended, or did not answer in time."""

    code = "NO_SERVER"


class BadSettings(SvfrError):
    """The service was asked to run in a way it refuses."""

    code = "BAD_SETTINGS"


class BadKeyFile(SvfrError):
    """A key file is not what `svfr key` writes."""

    code = "BAD_KEY"


class CheckpointNameRefused(SvfrError):
    """A checkpoint's name is not words with slashes between them."""

    code = "INTERNAL"
