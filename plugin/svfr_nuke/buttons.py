"""What the node's buttons do; scripts call the same functions.

With a window they return at once and errors are shown; in ``nuke -t`` they return when the work is done and
errors are raised.
"""

import json
import re
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, Iterator

import nuke

from svfr_client.errors import BadPathPattern, SvfrError
from svfr_client.files import is_file, write_whole
from svfr_client.frames import FrameRange
from svfr_client.hosting.conversation import Request
from svfr_client.hosting.program import PageWish, make_page
from svfr_client.job import JobSpec
from svfr_client.json_files import read_json_file
from svfr_client.output_names import output_path
from svfr_client.protocol.messages import Redo

from . import versions
from .errors import AlreadyRestoring, BadSetting, NodesAreHidden, NothingToRepeat
from .gather import find_colour, gather
from .knobs import add_missing
from .node import all_nodes, find, is_svfr, write_quietly
from .server_link import ServerLink
from .session import JobRecord, Session, reattach, session_of
from .vendored import require_zmq
from .versions import Version

REQUEST = "job.json"
_INPUTS = re.compile(rf"/svfr_inputs/[0-9a-f]{{8}}/{re.escape(REQUEST)}\Z")


def restore(node: Any) -> None:
    """Gather the job, render what must be rendered, and send it."""
    with _shown(node):
        _require_idle(node)
        require_zmq()
        from svfr_client.protocol.wire import new_id

        job = new_id()
        write_quietly(node, "status", "Gathering")
        gathered = gather(node, job)
        write_quietly(node, "colour_found", gathered.colour.summary)
        try:
            for task in gathered.renders:
                write_quietly(node, "status", "Rendering " + task.pattern.rsplit("/", 1)[-1])
                task.run()
        except SvfrError:
            _remove_inputs(Path(gathered.folder))
            raise
        request = Path(gathered.folder) / REQUEST
        request.parent.mkdir(parents=True, exist_ok=True)
        write_whole(request, json.dumps(gathered.spec.to_json()))
        _forget_inputs(node)
        colour = gathered.colour
        record = JobRecord(
            job=job,
            request=str(request),
            connection=_connection(node),
            space=colour.nuke_space,
            raw=colour.raw,
            made=_made(gathered.spec),
            plate=gathered.spec.plate,
        )
        _run(node, record, gathered.spec)


def restore_selected() -> None:
    """Press Restore on every selected SVFR node; one that cannot be restored does not stop the others."""
    chosen = [node for node in reversed(nuke.selectedNodes()) if is_svfr(node)]
    if not chosen:
        nuke.message("No SVFR node is selected. Select those that are to be restored.")
    for node in chosen:
        restore(node)


def redo(node: Any) -> None:
    """Send the node's last job again, exactly as it was; what the service still has is not computed again."""
    with _shown(node):
        _require_idle(node)
        record = JobRecord.of(node)
        if record is None:
            raise NothingToRepeat("This node has sent no job yet.", remedy="Press Restore.")
        require_zmq()
        from svfr_client.protocol.wire import new_id

        request = Path(record.request)
        try:
            spec = JobSpec.from_json(read_json_file(request))
        except (OSError, ValueError) as problem:
            raise NothingToRepeat(
                "The last job cannot be read any more.", path=request, remedy="Press Restore."
            ) from problem
        again = record.again(new_id(), _connection(node))
        _run(node, again, spec)


def redo_frames(node: Any) -> None:
    """Do the frames in the field beside the button again, with the seed as it is now."""
    with _shown(node):
        _redo_part(node, FrameRange.parse(str(node["redo_range"].value() or "")))


def redo_frame(node: Any) -> None:
    """Do the frame that the viewer shows again, with the seed as it is now."""
    with _shown(node):
        _redo_part(node, FrameRange.of([int(nuke.frame())]))


def _redo_part(node: Any, frames: FrameRange) -> None:
    """Send some frames of the shown result again; they are written over the former ones.

    The server restores them with the references that the job made, the other frames in view.
    """
    _require_idle(node)
    add_missing(node)
    record, version = JobRecord.of(node), versions.shown(node)
    if record is None or version is None:
        raise NothingToRepeat("This node shows no result yet.", remedy="Press Restore, or choose a version.")
    if not set(frames) <= set(FrameRange.parse(version.frames)):
        raise BadSetting(
            f"The result has frames {version.frames}, and {frames} asks for others.",
            remedy="Name some of them, or press Restore for others.",
        )
    require_zmq()
    from svfr_client.protocol.wire import new_id

    seed = int(node["seed"].value())
    again = record.part(new_id(), version, f"{frames} with seed {seed}")
    _run(node, again, Redo(again.job, version.job, str(frames), output=version.pattern, seed=seed))


def show_version(node: Any, name: str) -> None:
    """Show one of the node's results by its name in the menu, or ``plate``; the menu itself does the same."""
    with _shown(node):
        add_missing(node)
        versions.choose(node, name)


def cancel(node: Any) -> None:
    """End the running job at its next step."""
    with _shown(node):
        session = session_of(node)
        if session is None:
            raise NothingToRepeat("No job of this node is running.")
        session.cancel()


def refresh(node: Any) -> None:
    """Read the inputs and the project again, show what colour they have, and follow a job that still runs."""
    with _shown(node):
        add_missing(node)
        versions.fill(node)
        reattach(node)
        write_quietly(node, "colour_found", find_colour(node).summary)


def open_page(node: Any) -> None:
    """Make the page of the shown version and, with a window, open it in the browser."""
    with _shown(node):
        add_missing(node)
        version = versions.shown(node)
        if version is None:
            raise NothingToRepeat("This node shows no result.", remedy="Press Restore, or choose a version.")
        plate = version.plate if _is_there(version) else ""
        wish = PageWish(version.pattern, plate, version.frames, job=version.job, opens=bool(nuke.GUI))
        place = ServerLink(_connection(node))
        _ask(node, "Making the page", lambda: f"Page: {make_page(place, wish)}", knob="status")


def _is_there(version: Version) -> bool:
    """Return whether what came in can still be read; a rendered input goes with the next job."""
    with suppress(BadPathPattern):
        return is_file(output_path(version.plate, FrameRange.parse(version.frames).first))
    return False


def start_server(node: Any) -> None:
    """Start this machine's server."""
    link = ServerLink()

    def start() -> str:
        link.ensure_running()
        return link.describe()

    _ask(node, "Starting", start)


def test_connection(node: Any) -> None:
    """Ask the server who it is."""
    _ask(node, "Asking", ServerLink(_connection(node)).describe)


def _made(spec: JobSpec) -> str:
    return f"{spec.model}, {spec.preset}, seed {spec.seed}"


def _run(node: Any, record: JobRecord, request: Request) -> None:
    session = Session(node, record, request)
    if nuke.GUI:
        session.start()
    else:
        session.wait()


def _ask(node: Any, doing: str, question: Callable[[], str], knob: str = "server_state") -> None:
    """Put the answer of ``question`` into the node's field ``knob``; with a window, from a thread."""
    write_quietly(node, knob, doing)
    name = node.fullName()

    def show(text: str) -> None:
        there = find(name)
        if there is not None:
            write_quietly(there, knob, text)

    def work() -> None:
        try:
            answer = question()
        except SvfrError as error:
            answer = str(error)
        nuke.executeInMainThread(show, (answer,))

    if nuke.GUI:
        threading.Thread(target=work, name="svfr server", daemon=True).start()
    else:
        with _shown(node):
            show(question())


def _forget_inputs(node: Any) -> None:
    """Remove the rendered inputs of the job before: they are large, and Redo needs only the last.

    A node that was copied and pasted has the job of the original, which goes on needing them.
    """
    record = JobRecord.of(node)
    if record is None or not _INPUTS.search(record.request.replace("\\", "/")):
        return
    try:
        others = [JobRecord.of(other) for other in all_nodes() if other.fullName() != node.fullName()]
    except NodesAreHidden:
        return
    if any(other is not None and other.request == record.request for other in others):
        return
    _remove_inputs(Path(record.request).parent)


def _remove_inputs(folder: Path) -> None:
    for path in [*folder.glob("plate.*.exr"), *folder.glob("mask.*.exr"), folder / REQUEST]:
        with suppress(OSError):  # somebody may still have it open; it is only space
            path.unlink()
    with suppress(OSError):
        folder.rmdir()


def _connection(node: Any) -> str:
    return str(node["connection"].value() or "").strip()


def _require_idle(node: Any) -> None:
    if session_of(node) is not None:
        raise AlreadyRestoring("A job of this node is running.", remedy="Wait for it, or press Cancel.")


@contextmanager
def _shown(node: Any) -> Iterator[None]:
    """Show an error in the node and, with a window, in a dialogue; without one it is raised."""
    try:
        yield
    except SvfrError as error:
        write_quietly(node, "status", str(error))
        if not nuke.GUI:
            raise
        nuke.message(str(error))
