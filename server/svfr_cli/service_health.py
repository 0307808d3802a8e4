"""What the service needs on this machine: keys, roots, its disk, and a job that really goes through.

Further checks of ``svfr doctor``, of the same kind as those in ``health.py``.
"""

import shutil
import tempfile
from pathlib import Path

from svfr_client.connection import joined_connection, service_folder
from svfr_client.errors import SvfrError, each_of
from svfr_client.job import ColourClaim, FaceChoice, JobSpec
from svfr_client.sizes import size_text

from .finding import FAULT, NOTE, OK, Finding

SIDE_PX = 64
LEAST_FREE_GIB = 2.0


def keys() -> Finding:
    """The service's keys are private and whole; says who is let in."""
    from svfr_server.supervisor.zap_keys import KeyRing

    joined = joined_connection(service_folder())
    if joined is not None:
        return Finding("keys", OK, f"this client's, of the server on {joined.host}")
    if not (service_folder() / "server.key").exists():
        return Finding("keys", OK, "made when the service first starts")
    try:
        ring = KeyRing(service_folder())
        ring.server_keys()
        names = sorted(ring.authorised().values())
    except SvfrError as error:
        return Finding("keys", FAULT, str(error), error.remedy)
    return Finding("keys", OK, "authorised: " + ", ".join(names))


def roots() -> Finding:
    """Where the running service may read and write, and whether the kernel holds it there."""
    from svfr_client.client import Client
    from svfr_server.worker import landlock

    try:
        with Client(name="svfr doctor") as client:
            welcome = client.hello()
    except SvfrError:
        return Finding("roots", OK, "told when a server runs")
    if not welcome.read_roots and not welcome.write_roots:
        return Finding("roots", OK, "anywhere this user may; svfr serve --read-root, --write-root limit it")
    shown = f"read {', '.join(welcome.read_roots) or 'anywhere'}; "
    shown += f"write {', '.join(welcome.write_roots) or 'anywhere'}"
    joined = joined_connection(service_folder())
    if joined is not None:
        return Finding("roots", OK, f"{shown}; on {joined.host}")
    gone = [root for root in (*welcome.read_roots, *welcome.write_roots) if not Path(root).is_dir()]
    if gone:
        return Finding(
            "roots", FAULT, f"{shown}; gone: {', '.join(gone)}", "See whether the share is mounted."
        )
    if landlock.version() == 0:
        return Finding("roots", NOTE, f"{shown}; this kernel has no Landlock", "Linux 5.13 or newer has it.")
    return Finding("roots", OK, f"{shown}; held by the kernel")


def service_disk() -> Finding:
    """The disk under jobs and checkpoints has room."""
    from svfr_server.job_store.cache import measure

    folder = service_folder()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if joined_connection(service_folder()) is not None:
        detail = f"{size_text(free)} free for this client's files; the cache is the server's, elsewhere"
        return Finding("service disk", OK, detail)
    held = measure(service_folder())
    detail = f"{size_text(free)} free; cache {size_text(held.size_bytes)} of {size_text(held.limit_bytes)}"
    if free < LEAST_FREE_GIB * 2**30:
        return Finding("service disk", NOTE, detail, "Free some space, or run svfr cache limit.")
    return Finding("service disk", OK, detail)


def identity_job() -> Finding:
    """A job with the model ``identity`` gives back a picture bit for bit, through the server if one runs."""
    try:
        with tempfile.TemporaryDirectory(prefix="svfr-doctor-") as name:
            how = _through(_write_job(Path(name)))
            same = _pixels(Path(name) / "plate.0001.exr") == _pixels(Path(name) / "out.0001.exr")
    except SvfrError as error:
        problems = each_of(error)
        if {problem.code for problem in problems} == {"FORBIDDEN_PATH"}:
            text = "not run: the server's roots leave out the temporary folder"  # as they well may
            return Finding("test job", NOTE, text, "Nothing, if jobs within the roots run.")
        return Finding("test job", FAULT, "; ".join(p.message for p in problems), problems[0].remedy)
    except OSError as error:
        return Finding("test job", FAULT, str(error), "Look at the temporary folder (TMPDIR).")
    return Finding("test job", OK if same else FAULT, f"{how}, {'bit for bit' if same else 'pixels changed'}")


def _write_job(folder: Path) -> JobSpec:
    import numpy as np
    import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

    picture = np.linspace(0.0, 4.0, SIDE_PX * SIDE_PX * 3, dtype=np.float32).reshape(SIDE_PX, SIDE_PX, 3)
    path = str(folder / "plate.0001.exr")
    out = oiio.ImageOutput.create(path)
    if out is None or not out.open(path, oiio.ImageSpec(SIDE_PX, SIDE_PX, 3, "half")):
        raise OSError(oiio.geterror())
    out.write_image(picture)
    out.close()
    return JobSpec(
        path,
        "1",
        ("bfr",),
        str(folder / "out.0001.exr"),
        model="identity",
        faces=FaceChoice("frame"),
        colour=ColourClaim("lin_rec709_scene"),
        layers=(),
    )


def _through(spec: JobSpec) -> str:
    """Run the job through the server, or in this process if none runs; says which."""
    from svfr_client.client import Client
    from svfr_client.connection import require_own_folder
    from svfr_client.errors import NoServer, error_from_dict

    try:
        require_own_folder(service_folder())  # one elsewhere does not see the picture
        with Client(name="svfr doctor") as client:
            last = list(client.follow(client.submit(spec).job))[-1]
        if last.kind == "failed":
            raise error_from_dict(dict(last.body["error"]))
        return "through the server"
    except NoServer:
        from svfr_restore.job import run_job
        from svfr_restore.plan.models import ModelCache

        run_job(spec, ModelCache(), lambda report: None)
        return "in this process"


def _pixels(path: Path) -> bytes:
    import numpy as np
    import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise OSError(oiio.geterror())
    pixels = source.read_image(0, 0, 0, 3, oiio.HALF)
    source.close()
    return np.asarray(pixels).tobytes()


SERVICE_CHECKS = (keys, roots, service_disk, identity_job)
