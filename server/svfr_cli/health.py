"""What a job needs on this machine, one check each: the findings that ``svfr doctor`` prints.

A check returns one finding and never raises for a fault that it looks for. ``fault`` means that jobs cannot
run, ``note`` that they run with less.
"""

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from svfr_client.errors import SvfrError
from svfr_client.reasons import in_one_line
from svfr_client.sizes import size_text

from .finding import FAULT, NOTE, OK, Finding
from .service_health import SERVICE_CHECKS

INSTALL = "Run installer/bootstrap.py install."
LEAST_FREE_GIB = 2.0


def examine() -> list[Finding]:
    """Run every check, cheap ones first."""
    return [check() for check in CHECKS]


def python_version() -> Finding:
    """The interpreter is 3.11 or newer."""
    good = sys.version_info[:2] >= (3, 11)
    return Finding("python", OK if good else FAULT, platform.python_version(), "" if good else INSTALL)


def libraries() -> Finding:
    """Every library of the server imports."""
    missing: list[str] = []
    for module in ("numpy", "cv2", "av", "dlib", "OpenImageIO", "PyOpenColorIO", "diffusers", "pydantic"):
        try:
            importlib.import_module(module)
        except ImportError as error:
            missing.append(f"{module} ({in_one_line(error)})")
    if missing:
        return Finding("libraries", FAULT, "missing: " + ", ".join(missing), INSTALL)
    shown = ("diffusers", "opencolorio", "openimageio", "av")
    return Finding("libraries", OK, ", ".join(f"{n} {importlib.metadata.version(n)}" for n in shown))


def torch_device() -> Finding:
    """PyTorch is there; whether it has a GPU decides the speed, not the result."""
    try:
        import torch
    except ImportError as error:
        return Finding("torch", FAULT, str(error), INSTALL)
    if torch.cuda.is_available():
        return Finding("torch", OK, f"{torch.__version__} on {torch.cuda.get_device_name(0)}")
    detail = f"{torch.__version__} on the CPU, {torch.get_num_threads()} threads"
    return Finding("torch", NOTE, detail, "An NVIDIA GPU makes large models usable.")


def colour() -> Finding:
    """The built-in colour config opens."""
    from svfr_ocio.config import open_config

    try:
        config = open_config(None)
    except SvfrError as error:
        return Finding("colour", FAULT, error.message, error.remedy)
    return Finding("colour", OK, f"built-in config {config.uri}")


def models() -> Finding:
    """At least one model is there, and every file of each is what was written."""
    from svfr.models.folder import list_models, verify

    found = list_models()
    if not found:
        remedy = "Run svfr model import, or point SVFR_MODELS at a folder of models."
        return Finding("models", FAULT, "none found", remedy)
    problems = [f"{m.name}: {p.message}" for m in found for p in verify(m.folder)]
    if problems:
        return Finding("models", FAULT, "; ".join(problems), "Import or copy the model again.")
    return Finding("models", OK, ", ".join(m.name for m in found))


def face_finders() -> Finding:
    """MediaPipe's face finders are installed; without them only upright frontal faces are found."""
    from svfr_restore.faces.model_files import SHA256, installed_file, models_folder

    try:
        missing = [name for name in SHA256 if installed_file(name) is None]
    except SvfrError as error:
        return Finding("faces", FAULT, f"{error.path}: {error.message}", error.remedy)
    if missing:
        detail = f"not installed: {', '.join(missing)}; only upright frontal faces are found"
        return Finding("faces", NOTE, detail, "Run svfr install faces.")
    return Finding("faces", OK, str(models_folder()))


def server() -> Finding:
    """Whether a local server answers; none is no fault, for ``svfr restore`` starts one.

    A folder that is joined to a server elsewhere needs that one: none is started in it.
    """
    from svfr_client.client import Client
    from svfr_client.connection import require_own_folder

    try:
        with Client() as client:
            welcome = client.hello()
    except SvfrError as error:
        try:
            require_own_folder()
        except SvfrError:
            return Finding("server", FAULT, error.message, error.remedy)
        return Finding("server", NOTE, error.message, "svfr restore starts one when it is needed.")
    return Finding("server", OK, f"process {welcome.pid} on {', '.join(welcome.devices)}")


def home() -> Finding:
    """The folder of keys and jobs belongs to this user alone."""
    from svfr_client.connection import check_private, service_folder

    folder = service_folder()
    if not folder.exists():
        return Finding("home", OK, f"{folder} (made when first needed)")
    try:
        check_private(folder)
    except SvfrError as error:
        return Finding("home", FAULT, f"{folder}: {error.message}", error.remedy)
    return Finding("home", OK, str(folder))


def disk() -> Finding:
    """The current folder's disk has room for results."""
    free = shutil.disk_usage(Path.cwd()).free
    state = OK if free >= LEAST_FREE_GIB * 2**30 else NOTE
    return Finding("disk", state, f"{size_text(free)} free here", "" if state == OK else "Free some space.")


def openfx() -> Finding:
    """The OpenFX plugin loads where it is installed; that it is not is no fault."""
    from svfr_installer.machine import Machine
    from svfr_installer.ofx_plugin import PLUGIN_PATH, OfxTarget, check_bundle

    machine = Machine.this()
    mine = OfxTarget.for_this_user(machine)
    installed = [target for target in OfxTarget.where_hosts_search(machine) if target.folder.is_dir()]
    problems = {target: problem for target in installed if (problem := check_bundle(target))}
    if problems:
        text = "; ".join(f"{target.folder}: {problem}" for target, problem in problems.items())
        again = " and ".join(target.install_command(machine) for target in problems)
        return Finding("openfx", NOTE, text, f"Run {again} again.")
    named = machine.environment.get(PLUGIN_PATH, "").split(os.pathsep)
    if installed == [mine] and str(mine.plugins) not in named:
        remedy = f"Set {PLUGIN_PATH}={mine.plugins} where hosts start; here it is not set."
        return Finding("openfx", NOTE, f"{mine.folder}, which hosts find only if told", remedy)
    return Finding("openfx", OK, ", ".join(str(t.folder) for t in installed) or "not installed")


CHECKS: tuple[Callable[[], Finding], ...] = (
    python_version,
    disk,
    home,
    libraries,
    torch_device,
    colour,
    models,
    face_finders,
    server,
    openfx,
    *SERVICE_CHECKS,
)
