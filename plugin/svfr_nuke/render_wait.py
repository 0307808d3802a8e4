"""What a render does while the job of a node that it needs is not done: wait, go on, or stop.

Nuke runs the callback before any Write renders: in the window, in ``nuke -t`` and ``-x``, in background
renders and in the processes of the Frame Server, which open the script as it was saved. There is no window
in those, so nothing of one is touched there. An exception ends the render, as Nuke's guide to callbacks says.
"""

import sys
import traceback
from typing import Any, Callable, List, Set

import nuke

from .errors import NodesAreHidden, ResultIsNotReady
from .node import all_nodes, is_svfr
from .session import JobRecord, Session, reattach, session_of
from .settings import AS_IT_IS, STOP, WAIT

_REMEDY = 'Render again when the job is done, or set "renders" in the node to another choice.'


def before_render() -> None:
    """Hold the Write that is about to render until what it needs is there.

    Raises :class:`~svfr_nuke.errors.ResultIsNotReady`, which ends the render.
    """
    try:
        write = nuke.thisNode()
        waiting = [node for node in all_nodes() if _is_running(node)]
        needed = [node for node in _upstream(write) if is_svfr(node)] if waiting else []
    except NodesAreHidden:
        return  # what scripts may not see cannot be waited for; the node shows what it shows
    except Exception:  # a fault of the plugin's own must not stand in the way of a render
        traceback.print_exc()
        return
    for node in needed:
        if _is_running(node):
            _hold(node)


def _is_running(node: Any) -> bool:
    record = JobRecord.of(node)
    return record is not None and record.is_active


def _hold(node: Any) -> None:
    knob = node.knob("not_ready")
    policy = WAIT if knob is None else str(knob.value())
    if policy == AS_IT_IS:
        return
    name = node.fullName()
    if policy == STOP:
        raise ResultIsNotReady(f"The job of {name} is not done.", remedy=_REMEDY)
    session = session_of(node) or reattach(node)
    if session is None:
        return
    if not nuke.GUI:
        sys.stdout.write(f"[svfr] The render waits for {name}\n")
    session.hold(_keep_waiting(name, session))
    if session.error is not None:
        raise ResultIsNotReady(f"{name} has no result: {session.error}", remedy=_REMEDY)
    if session.record.is_active:
        raise ResultIsNotReady(f"The render no longer waits for {name}.", remedy=_REMEDY)


def _keep_waiting(name: str, session: Session) -> Callable[[], bool]:
    """Return what says whether to go on: with a window a task that shows how far it is and has a Cancel."""
    if not nuke.GUI:
        return lambda: True
    task: Any = nuke.ProgressTask(f"{name} is being restored")

    def goes_on() -> bool:
        task.setMessage(session.record.stage or "Waiting")
        task.setProgress(int(100 * session.record.fraction))
        return not task.isCancelled()

    return goes_on


def _upstream(node: Any) -> List[Any]:
    """Return every node that ``node`` may read from, also out of its group and inside other groups."""
    found: List[Any] = []
    seen: Set[str] = set()
    open_ends = [node]
    while open_ends:
        node = open_ends.pop()
        if node is None or node.fullName() in seen:
            continue
        seen.add(node.fullName())
        found.append(node)
        open_ends += [node.input(index) for index in range(node.inputs())]
        if node.Class() == "Input":
            open_ends.append(node.parent().input(int(node["number"].value())))
        elif node.Class() == "Group" and not is_svfr(node):
            open_ends += all_nodes(node)
    return found
