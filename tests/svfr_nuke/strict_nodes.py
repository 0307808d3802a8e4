"""Nodes of the fake: knobs, inputs, groups, names, frame ranges."""

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import OpenImageIO as oiio
import strict_knobs
from strict_knobs import EXR_KNOBS, NODE_KNOBS, Enumeration_Knob, Format, Knob, make_knob
from strict_objects import strict

_FIELD = re.compile(r"%0?(\d*)d|(#+)")


class Graph:
    """Everything one fake Nuke holds: the root, the current group, what ran and what was said."""

    def __init__(self) -> None:
        self.views = ["main"]
        self.spaces = list(strict_knobs.NUKE_SPACES)
        self.roles: dict[str, str] = {}
        self.script = ""
        self.root: Any = None
        self.drives: dict[str, str] = {}  # Windows drives of this Nuke, and where they really are
        self.context: list[Any] = []
        self.deleted = 0
        self.frame = 1
        # Indie and Non-commercial: scripts may touch ten nodes (its users' public reports), and Nuke writes
        # no picture above the edition's size. Which nodes count, and for how long, nobody has written down:
        # here it is every node that one run of a script gets into its hands, the strictest reading.
        self.node_limit: int | None = None
        self.largest_written: tuple[int, int] | None = None
        self.touched: set[int] | None = None
        self.on_change: Callable[[Any, Any], None] | None = None
        self._is_changing = False

    def changed(self, node: Any, knob: Any) -> None:
        """Tell the callbacks of changed knobs, but not of what they change themselves."""
        if self.on_change is None or self._is_changing:
            return
        self._is_changing = True
        try:
            self.on_change(node, knob)
        finally:
            self._is_changing = False

    def hand_out(self, node: Any) -> Any:
        """Return a node to a script; raises RuntimeError for one too many."""
        if node is not None and self.touched is not None and self.node_limit is not None:
            self.touched.add(id(node))
            if len(self.touched) > self.node_limit:
                raise RuntimeError(f"this edition lets scripts touch {self.node_limit} nodes")
        return node

    @contextmanager
    def a_run(self, counted: bool = True) -> Iterator[None]:
        """One run of a script; with ``counted`` False what Nuke itself does within one."""
        before, self.touched = self.touched, set() if counted else None
        try:
            yield
        finally:
            self.touched = before

    def menu_of_spaces(self) -> list[str]:
        """The entries of a colour-space menu: with an OCIO config its roles too, as value, tab and label."""
        return [f"{role}\t{role} ({space})" for role, space in self.roles.items()] + self.spaces

    @property
    def group(self) -> Any:
        return self.context[-1] if self.context else self.root


@strict("Node")
class Node:
    """A node of any class in the knob table; wrong knobs raise NameError, as in Nuke."""

    def __init__(self, graph: Graph, kind: str, parent: Any) -> None:
        if kind not in NODE_KNOBS:
            raise AttributeError(f"the fake has no node {kind}")
        self._graph, self._kind, self._parent = graph, kind, parent
        self._inputs: dict[int, Any] = {}
        self._is_selected = False
        self._position = (0, 0)
        self._knobs: dict[str, Knob] = {}
        self._alive = True
        for name, form in NODE_KNOBS[kind].items():
            self._give(make_knob(kind, name, form) if form is not None else graph_roto(), name)
        if "colorspace" in self._knobs:
            spaces = self._knobs["colorspace"]
            assert isinstance(spaces, Enumeration_Knob)
            spaces._values = ["default", *graph.menu_of_spaces()]
            spaces._value = "default"
        if kind == "Read":
            self._knobs["reload"]._action = self._check_file
        self._name = ""
        if parent is not None:
            self._name = _free_name(parent, kind + "1")
            parent._members.append(self)

    def _give(self, knob: Any, name: str) -> None:
        object.__setattr__(knob, "_name", name)
        object.__setattr__(knob, "_node", self)
        self._knobs[name] = knob

    def Class(self) -> str:
        return self._kind

    def name(self) -> str:
        return self._name

    def fullName(self) -> str:
        outer = self._parent
        return f"{outer.fullName()}.{self._name}" if outer._parent is not None else self._name

    def setName(self, name: str) -> None:
        self._name = ""
        self._name = _free_name(self._parent, name)

    def parent(self) -> Any:
        return self._parent

    def knobs(self) -> dict[str, Knob]:
        return dict(self._knobs)

    def knob(self, p: str) -> Knob | None:
        return self._knobs.get(p)

    def __getitem__(self, name: str) -> Knob:
        if not self._alive:
            raise ValueError("A PythonObject is not attached to a node")
        if name not in self._knobs:
            raise NameError(f"knob {name} does not exist in {self._kind}")
        return self._knobs[name]

    def addKnob(self, knob: Knob) -> None:
        if knob.name() in self._knobs:
            raise ValueError(f"a knob {knob.name()} is there already")
        object.__setattr__(knob, "_node", self)
        self._knobs[knob.name()] = knob

    def input(self, index: int) -> Any:
        return self._graph.hand_out(self._inputs.get(index))

    def inputs(self) -> int:
        """One more than the number of the last connected input."""
        return max((index for index, node in self._inputs.items() if node is not None), default=-1) + 1

    def setInput(self, i: int, node: Any) -> bool:
        if node is not None and node._parent is not self._parent:
            raise ValueError("nodes of different groups cannot be connected")
        self._inputs[i] = node
        return True

    def firstFrame(self) -> int:
        return self._range()[0]

    def lastFrame(self) -> int:
        return self._range()[1]

    def _range(self) -> tuple[int, int]:
        if self._kind == "Read":
            return int(self["first"].value()), int(self["last"].value())
        if self._kind == "Input":
            return self._parent._inputs[int(self["number"].value())]._range()  # type: ignore[no-any-return]
        source = self._inputs.get(0)
        if source is not None:
            return source._range()  # type: ignore[no-any-return]
        root = self._graph.root
        return int(root["first_frame"].value()), int(root["last_frame"].value())

    def format(self) -> Format:
        if self._kind == "Read":
            spec = oiio.ImageInput.open(self._file(self._range()[0], "main"))
            if spec is not None:
                return Format(spec.spec().full_width, spec.spec().full_height)
        if self._kind == "Input":
            return self._parent._inputs[int(self["number"].value())].format()  # type: ignore[no-any-return]
        source = self._inputs.get(0)
        return source.format() if source is not None else self._graph.root._format

    def width(self) -> int:
        """In proxy mode that of the small picture; the format stays the full one."""
        return self.format().width() // (2 if self._graph.root.proxy() else 1)

    def height(self) -> int:
        return self.format().height() // (2 if self._graph.root.proxy() else 1)

    def xpos(self) -> int:
        return self._position[0]

    def ypos(self) -> int:
        return self._position[1]

    def setXYpos(self, x: int, y: int) -> None:
        self._position = (x, y)

    def selectOnly(self) -> None:
        self._is_selected = True

    def setSelected(self, selected: bool) -> None:
        self._is_selected = selected

    def showControlPanel(self) -> None:
        assert self._graph.is_gui, "there are no panels without a window"

    def _file(self, frame: int, view: str) -> str:
        text = str(self["file"].value()).replace("%V", view).replace("%v", view[:1])
        for drive, folder in self._graph.drives.items():
            if text.startswith(drive):
                text = folder + text[len(drive) :]
        return _FIELD.sub(lambda match: _digits(match, frame), text)

    def _file_changed(self) -> None:
        """A Read that gets a file shows the space it takes by default, as Nuke does."""
        if self._kind == "Read" and self._graph.default_space:
            menu = self["colorspace"]
            shown = f"default ({self._graph.default_space})"
            menu._values = [shown, *self._graph.menu_of_spaces()]  # type: ignore[attr-defined]
            menu._value = shown

    def _menu_changed(self, name: str) -> None:
        if self._kind == "Write" and name == "file_type" and self["file_type"].value() == "exr":
            for extra, form in EXR_KNOBS.items():
                if extra not in self._knobs:
                    self._give(make_knob("Write", extra, form), extra)

    def _check_file(self) -> None:
        first = self._file(self._range()[0], "main")
        if oiio.ImageInput.open(first) is None:
            raise RuntimeError(f"{first}: no such file")


def _digits(match: re.Match[str], frame: int) -> str:
    width = len(match.group(2)) if match.group(2) else int(match.group(1) or 1)
    return f"{frame:0{width}d}"


def graph_roto() -> Any:
    import strict_roto

    return strict_roto.CurveKnob("curves")


@strict("Group")
class Group(Node):
    """A node with nodes inside."""

    def __init__(self, graph: Graph, kind: str, parent: Any) -> None:
        self._members: list[Any] = []
        super().__init__(graph, kind, parent)

    def nodes(self) -> list[Any]:
        return [self._graph.hand_out(member) for member in self._members]

    def node(self, s: str) -> Any:
        return self._graph.hand_out(next((member for member in self._members if member._name == s), None))

    def begin(self) -> "Group":
        self._graph.context.append(self)
        return self

    def end(self) -> None:
        assert self._graph.context and self._graph.context[-1] is self, "begin and end do not match"
        self._graph.context.pop()


@strict("Root")
class Root(Group):
    """The script."""

    def __init__(self, graph: Graph) -> None:
        self._format = Format(64, 48)
        super().__init__(graph, "Root", None)
        self._name = "root"

    def name(self) -> str:
        return self._graph.script or "Root"

    def firstFrame(self) -> int:
        return int(self["first_frame"].value())

    def lastFrame(self) -> int:
        return int(self["last_frame"].value())

    def proxy(self) -> bool:
        return bool(self["proxy"].value())


@strict("Nodes")
class Nodes:
    """``nuke.nodes``: makes nodes in the current group, unconnected and unselected."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def __getattr__(self, kind: str) -> Any:
        if kind.startswith("_") or kind not in NODE_KNOBS or kind == "Root":
            raise AttributeError(f"there is no node {kind}")

        def make(*, name: str = "", inputs: list[Any] | None = None, **knobs: Any) -> Any:
            node = self._graph.hand_out(make_node(self._graph, kind))
            if name:
                node.setName(name)
            for key, value in knobs.items():
                node[key].setValue(value)
            for index, source in enumerate(inputs or []):
                node.setInput(index, source)
            return node

        return make


def make_node(graph: Graph, kind: str) -> Any:
    return (Group if kind == "Group" else Node)(graph, kind, graph.group)


def pasted(node: Any, made_of: dict[Any, Any]) -> Any:
    """Return a copy of a node in the current group, its knobs and inside too; ``made_of``: copies so far."""
    made = make_node(node._graph, node._kind)
    made_of[node] = made
    made.setName(node._name)
    for name, knob in node._knobs.items():
        made._give(copy.copy(knob), name)
    if node._kind == "Read":
        made._knobs["reload"]._action = made._check_file
    made._inputs = {index: made_of.get(source, source) for index, source in node._inputs.items()}
    if isinstance(node, Group):
        with_group = made.begin()
        for member in node._members:
            pasted(member, made_of)
        for member in with_group._members:
            member._inputs = {index: made_of.get(source, source) for index, source in member._inputs.items()}
        made.end()
    return made


def _free_name(parent: Any, wanted: str) -> str:
    taken = {member._name for member in parent._members}
    stem = wanted.rstrip("0123456789")
    number = int(wanted[len(stem) :] or 0)
    while wanted in taken:
        number += 1
        wanted = f"{stem}{number}"
    return wanted
