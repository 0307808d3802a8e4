"""A fake ``nuke`` module, strict: exactly the names, arguments and threads of the public stubs.

``FakeNuke(...)`` puts itself into ``sys.modules`` as ``nuke`` and ``nuke.rotopaint``. Modes: ``gui`` or
terminal, any major version, the full edition or Indie. ``execute`` renders real EXRs from the node graph. In
a window, calls that other threads hand to the main thread wait until the test lets Nuke run
(:meth:`FakeNuke.run_until`).
"""

import queue
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import strict_images
import strict_knobs
import strict_nodes
import strict_roto
import strict_stubs
from strict_objects import ANY_THREAD, OFFERED, UndoState, check_thread, guarded, strict

VERSIONS = {14: "14.1v5", 15: "15.1v4", 16: "16.0v1", 17: "17.0v3"}
EDITIONS: dict[str, tuple[int | None, tuple[int, int] | None]] = {
    "full": (None, None),
    "indie": (10, (60, 44)),  # a size that the tests' plates exceed
}


@strict("Menu")
class Menu:
    """A menu that remembers its commands."""

    def __init__(self) -> None:
        self._menus: dict[str, Menu] = {}
        self._commands: dict[str, str] = {}

    def addMenu(self, name: str) -> "Menu":
        return self._menus.setdefault(name, Menu())

    def addCommand(self, name: str, command: str) -> None:
        self._commands[name] = command


class CancelledError(Exception):
    """What Nuke raises when the user stops something."""


@strict("Undo")
class Undo:
    """Counts what is open; a test fails if anything stays so."""

    _open: ClassVar[list[str]] = []

    def begin(self, name: str) -> None:
        Undo._open.append(name)

    def end(self) -> None:
        Undo._open.pop()

    @staticmethod
    def disable() -> None:
        check_thread("Undo.disable")
        UndoState.disabled += 1

    @staticmethod
    def enable() -> None:
        check_thread("Undo.enable")
        UndoState.disabled -= 1


@strict("ProgressTask")
class ProgressTask:
    """A window's meter; ``_cancels_after`` questions its Cancel has been pressed."""

    _cancels_after: ClassVar[int | None] = None
    _said: ClassVar[list[tuple[str, int]]] = []

    def __init__(self, name: str) -> None:
        self._asked, self._text = 0, name

    def setMessage(self, message: str) -> None:
        self._text = message

    def setProgress(self, percent: int) -> None:
        assert isinstance(percent, int) and 0 <= percent <= 100
        ProgressTask._said.append((self._text, percent))

    def isCancelled(self) -> bool:
        self._asked += 1
        return ProgressTask._cancels_after is not None and self._asked > ProgressTask._cancels_after


class FakeNuke(types.ModuleType):
    """The module and its world."""

    def __init__(
        self, *, gui: bool = True, major: int = 15, script: Path | None = None, edition: str = "full"
    ) -> None:
        super().__init__("nuke")
        graph = strict_nodes.Graph()
        graph.is_gui = gui  # type: ignore[attr-defined]
        graph.default_space = ""  # type: ignore[attr-defined]
        graph.working_space = "linear"  # type: ignore[attr-defined]
        graph.config_path = ""  # type: ignore[attr-defined]
        graph.script = "" if script is None else script.as_posix()
        graph.root = strict_nodes.Root(graph)
        graph.node_limit, graph.largest_written = EDITIONS[edition]
        world = _World(graph)
        graph.on_change = lambda node, knob: self.fake_call("knob", node, knob)
        stubs = strict_stubs.load()
        offered: dict[str, Any] = {
            "GUI": gui,
            "NUKE_VERSION_MAJOR": major,
            "NUKE_VERSION_STRING": VERSIONS.get(major, f"{major}.0v1"),
            "env": {"indie": edition == "indie", "nc": False, "gui": gui},
            "STARTLINE": 4096,
            "READ_ONLY": 0x10000000,
            "INVISIBLE": 0x400,
            "nodes": strict_nodes.Nodes(graph),
            "Undo": Undo,
            "CancelledError": CancelledError,
            "Node": strict_nodes.Node,
            "Group": strict_nodes.Group,
            **strict_knobs.KNOB_CLASSES,
        }
        if gui:
            offered["ProgressTask"] = ProgressTask
        for name in dir(world):
            if not name.startswith("_") and callable(getattr(world, name)):
                call = getattr(world, name)
                offered[name] = call if name in ANY_THREAD else guarded(name, call, stubs.functions[name])
        for name in offered:
            assert name in stubs.names(), f"nuke.{name} is not in the stubs"
            OFFERED.add(("nuke", name))
        self.__dict__.update(_offered=offered, _stubs=stubs, _world=world, _graph=graph)
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self.__dict__["_offered"]:
            return self.__dict__["_offered"][name]
        if name in self.__dict__["_stubs"].names():
            raise NotImplementedError(f"the fake has no nuke.{name}")
        raise AttributeError(f"module 'nuke' has no attribute {name!r}")

    # --- what the tests use; real code cannot see it: the names begin with fake_ ---

    def fake_install(self) -> "FakeNuke":
        """Become ``nuke``, ``nuke.rotopaint``; plugin modules loaded for another fake are forgotten."""
        rotopaint = types.ModuleType("nuke.rotopaint")
        offered = strict_stubs.load("rotopaint").names()
        for name, value in vars(strict_roto).items():
            if name in offered:
                setattr(rotopaint, name, value)
        self.__dict__["rotopaint"] = rotopaint
        for name in [name for name in sys.modules if name.split(".")[0] == "svfr_nuke"]:
            del sys.modules[name]
        sys.modules["nuke"], sys.modules["nuke.rotopaint"] = self, rotopaint
        return self

    def fake_node(self, kind: str, *inputs: Any, **knobs: Any) -> Any:
        """Make a node as an artist would."""
        return getattr(self._graph_nodes, kind)(inputs=list(inputs), **knobs)

    def fake_paste(self, node: Any) -> Any:
        """Copy and paste a node as an artist does: what its knobs hold and what is inside comes along."""
        return strict_nodes.pasted(node, {})

    @property
    def _graph_nodes(self) -> Any:
        return self.__dict__["_offered"]["nodes"]

    @property
    def fake_graph(self) -> Any:
        return self.__dict__["_graph"]

    @property
    def fake_said(self) -> list[str]:
        return self.__dict__["_world"]._said  # type: ignore[no-any-return]

    @property
    def fake_menu(self) -> Menu:
        return self.__dict__["_world"]._menus["Nodes"]  # type: ignore[no-any-return]

    def fake_call(self, which: str, node: Any = None, knob: Any = None) -> None:
        """Run the registered callbacks of one kind, as Nuke would."""
        world = self.__dict__["_world"]
        before, world._this = world._this, (node, knob)
        try:
            for call, node_class in world._callbacks[which]:
                if node is None or node_class in ("*", node.Class()):
                    with self.fake_graph.a_run():
                        call()
        finally:
            world._this = before

    def fake_press(self, node: Any, button: str) -> None:
        """Press a button: run its script as Nuke does, with ``nuke`` in its namespace."""
        self.__dict__["_world"]._this = (node, None)
        self.fake_graph.context.append(node)  # a button's script runs inside its own group
        try:
            self.fake_run(node[button].command())
        finally:
            assert self.fake_graph.context.pop() is node, "begin and end do not match"

    def fake_run(self, script: str) -> None:
        """Run a script as Nuke does, that of a menu's command for instance."""
        with self.fake_graph.a_run():
            exec(script, {"nuke": self})

    def run_until(self, is_done: Callable[[], bool], seconds: float = 180.0) -> None:
        """Let Nuke's event loop run until ``is_done``; fails after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not is_done():
            assert time.monotonic() < deadline, "it did not happen"
            self.fake_work(0.05)

    def fake_work(self, seconds: float = 0.0) -> None:
        """Run what waits for the main thread."""
        try:
            call, args, kwargs = self.__dict__["_world"]._queue.get(timeout=seconds)
        except queue.Empty:
            return
        with self.fake_graph.a_run():
            call(*args, **kwargs)


class _World:
    """The functions of ``nuke``; their own arity is what the stubs leave open."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._said: list[str] = []
        self._menus: dict[str, Menu] = {"Nodes": Menu(), "Nuke": Menu()}
        self._callbacks: dict[str, list[tuple[Any, str]]] = {"load": [], "knob": [], "render": []}
        self._queue: queue.Queue[Any] = queue.Queue()
        self._this: tuple[Any, Any] = (None, None)
        self._executed: list[tuple[Any, ...]] = []

    def root(self) -> Any:
        return self._graph.root

    def views(self) -> list[str]:
        return list(self._graph.views)

    def toNode(self, s: str) -> Any:
        """Relative to the current group, as in Nuke."""
        return self._graph.group.node(s) if isinstance(self._graph.group, strict_nodes.Group) else None

    def thisNode(self) -> Any:
        assert self._this[0] is not None, "thisNode() means nothing outside a callback"
        return self._graph.hand_out(self._this[0])

    def thisKnob(self) -> Any:
        assert self._this[1] is not None, "thisKnob() means nothing outside a callback"
        return self._this[1]

    def selectedNodes(self) -> list[Any]:
        """The last selected first, as Nuke does."""
        chosen = [node for node in reversed(self._graph.group._members) if node._is_selected]
        return [self._graph.hand_out(node) for node in chosen]

    def delete(self, n: Any) -> None:
        n._parent._members.remove(n)
        object.__setattr__(n, "_alive", False)

    def message(self, prompt: str) -> None:
        assert self._graph.is_gui, "there are no dialogues without a window"
        self._said.append(prompt)

    def menu(self, name: str) -> Menu:
        assert self._graph.is_gui, "there are no menus without a window"
        return self._menus[name]

    def filename(self, node: Any) -> str:
        proxy = str(node["proxy"].value()) if node.Class() == "Read" else ""
        return proxy if proxy and self._graph.root.proxy() else str(node["file"].value())

    def channels(self, node: Any) -> list[str]:
        with self._graph.a_run(counted=False):
            return list(strict_images.render(node, node.firstFrame(), self._graph.views[0]))

    def getColorspaceList(self, colorspaceKnob: Any) -> list[str]:
        return [value for value in colorspaceKnob.values() if not value.startswith("default")]

    def addOnScriptLoad(self, call: Any) -> None:
        self._callbacks["load"].append((call, "*"))

    def addKnobChanged(self, call: Any, nodeClass: str = "*") -> None:
        self._callbacks["knob"].append((call, nodeClass))

    def addBeforeRender(
        self, call: Any, args: tuple[Any, ...] = (), kwargs: Any = None, nodeClass: str = "Write"
    ) -> None:
        """Before rendering begins; an exception ends the render, says Foundry's guide to callbacks."""
        self._callbacks["render"].append((lambda: call(*args, **(kwargs or {})), nodeClass))

    def executeInMainThread(
        self, call: Callable[..., Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> None:
        assert self._graph.is_gui, "nothing empties the queue without a window"
        assert isinstance(args, tuple) and callable(call)
        self._queue.put((call, args, kwargs or {}))

    def execute(self, node: Any, start: int, end: int, incr: int = 1, views: Any = ("main",)) -> None:
        """Render a Write node; raises RuntimeError as Nuke does, also when the test cancels."""
        assert node.Class() == "Write" and all(isinstance(f, int) for f in (start, end, incr))
        before, self._this = self._this, (node, None)
        try:
            for call, _ in self._callbacks["render"]:
                call()
        except Exception as problem:
            raise RuntimeError(str(problem)) from problem
        finally:
            self._this = before
        self._executed.append((node["file"].value(), start, end, tuple(views)))
        with self._graph.a_run(counted=False):
            for frame in range(start, end + 1, incr):
                if getattr(self._graph, "cancel_at", None) == frame:
                    raise self._graph.cancel_with
                for view in views:
                    strict_images.write(node, frame, view)

    def sample(self, node: Any, channel: str, x: int, y: int) -> float:
        """One pixel at the current frame; y counts from below."""
        with self._graph.a_run(counted=False):
            plane = strict_images.render(node, self._graph.frame, self._graph.views[0])[channel]
        return float(plane[plane.shape[0] - 1 - int(y), int(x)])

    def frame(self, f: int | None = None) -> int:
        if f is not None:
            self._graph.frame = f
        return int(self._graph.frame)

    def allNodes(self, filter: str = "", group: Any = None) -> list[Any]:
        around = self._graph.group if group is None else group
        wanted = [node for node in around._members if filter in ("", node.Class())]
        return [self._graph.hand_out(node) for node in wanted]
