"""Nuke's start is never blocked, the node works without the plugin, and the code is Python 3.9."""

import ast
import builtins
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from strict_knobs import KNOB_CLASSES, NODE_KNOBS
from strict_nuke import FakeNuke

PLUGIN = Path(__file__).parents[2] / "plugin" / "svfr_nuke"
MODULES = sorted(PLUGIN.glob("*.py"))


@pytest.mark.parametrize("major", [14, 15, 16, 17])
def test_a_window_gets_the_menu_and_the_callbacks(make_nuke: Callable[..., FakeNuke], major: int) -> None:
    nuke = make_nuke(major=major)
    runpy.run_path(str(PLUGIN / "init.py"))
    runpy.run_path(str(PLUGIN / "menu.py"))
    commands = nuke.fake_menu.addMenu("SVFR")._commands
    assert list(commands) == ["Restore faces", "Restore selected nodes"]
    nuke.fake_run(commands["Restore faces"])
    assert [node.Class() for node in nuke.root().nodes()] == ["Group"]
    assert len(nuke.__dict__["_world"]._callbacks["load"]) == 1


def test_a_terminal_gets_the_callback_of_renders_alone(make_nuke: Callable[..., FakeNuke]) -> None:
    nuke = make_nuke(gui=False)
    runpy.run_path(str(PLUGIN / "init.py"))
    callbacks = nuke.__dict__["_world"]._callbacks
    assert {kind: len(calls) for kind, calls in callbacks.items()} == {"load": 0, "knob": 0, "render": 1}


def test_an_older_nuke_is_told_the_minimum_and_goes_on(
    make_nuke: Callable[..., FakeNuke], capsys: pytest.CaptureFixture[str]
) -> None:
    nuke = make_nuke(major=13)
    runpy.run_path(str(PLUGIN / "init.py"))
    runpy.run_path(str(PLUGIN / "menu.py"))
    assert "needs Nuke 14 or newer" in capsys.readouterr().err
    assert nuke.fake_menu._menus == {}


@pytest.mark.parametrize("file", ["init.py", "menu.py"])
@pytest.mark.parametrize("broken", ["svfr_nuke.startup", "svfr_nuke"])
def test_a_broken_install_never_blocks_the_start(
    nuke: FakeNuke,
    file: str,
    broken: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, broken, None)
    runpy.run_path(str(PLUGIN / file))
    assert "Nuke goes on without it" in capsys.readouterr().err


def test_a_start_loads_neither_pyzmq_nor_the_client(nuke: FakeNuke) -> None:
    import subprocess

    code = (
        "import sys, types; nuke = types.ModuleType('nuke'); nuke.GUI = True; nuke.NUKE_VERSION_MAJOR = 15\n"
        "nuke.addOnScriptLoad = nuke.addKnobChanged = nuke.addBeforeRender = lambda *a, **k: None\n"
        "sys.modules['nuke'] = nuke\n"
        f"sys.path.insert(0, {str(PLUGIN.parent)!r}); import svfr_nuke.startup as s; s.on_init()\n"
        "assert not {'zmq', 'svfr_client'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True)


def test_the_first_selected_node_is_the_plate_and_the_second_the_mask(nuke: FakeNuke) -> None:
    import svfr_nuke.node

    plate, mask = nuke.fake_node("Constant"), nuke.fake_node("Roto")
    plate.setSelected(True)
    mask.setSelected(True)
    node = svfr_nuke.node.create_from_selection()
    assert (node.input(0), node.input(1)) == (plate, mask)
    assert node.ypos() == plate.ypos() + 100


def test_the_node_is_made_of_stock_nodes_and_knobs(nuke: FakeNuke) -> None:
    import svfr_nuke.node

    node = svfr_nuke.node.create()
    assert {member.Class() for member in node.nodes()} <= set(NODE_KNOBS)
    assert {knob.Class() for knob in node.knobs().values()} <= set(KNOB_CLASSES)
    assert [member.name() for member in node.nodes() if member.Class() == "Input"] == ["plate", "mask"]


def test_the_node_opens_and_says_what_is_missing_where_the_plugin_is_not(
    nuke: FakeNuke, monkeypatch: pytest.MonkeyPatch
) -> None:
    import svfr_nuke.node

    node = svfr_nuke.node.create()
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("svfr"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    buttons = [name for name, knob in node.knobs().items() if knob.Class() == "PyScript_Knob"]
    assert len(buttons) == 9
    for name in buttons:
        nuke.fake_press(node, name)
    assert nuke.fake_said == ["SVFR Studio is not installed in this Nuke. Run `svfr install nuke`."] * 9


def test_every_button_has_its_function(nuke: FakeNuke) -> None:
    import svfr_nuke.buttons
    import svfr_nuke.node

    node = svfr_nuke.node.create()
    for name, knob in node.knobs().items():
        if knob.Class() == "PyScript_Knob":
            assert callable(getattr(svfr_nuke.buttons, name))


def test_two_nodes_have_two_names(nuke: FakeNuke) -> None:
    import svfr_nuke.node

    assert [svfr_nuke.node.create().name() for _ in range(3)] == ["SVFR1", "SVFR2", "SVFR3"]
    group = nuke.fake_node("Group").begin()
    inner = svfr_nuke.node.create()
    group.end()
    assert inner in svfr_nuke.node.all_nodes() and len(svfr_nuke.node.all_nodes()) == 4


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_a_module_is_python_3_9_and_stays_within_its_means(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    allowed = sys.stdlib_module_names | {"zmq", "nuke", "svfr_client", "svfr_nuke"}
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        assert {name.split(".")[0] for name in names} <= allowed, f"{path.name}:{node}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_no_annotation_uses_the_union_operator_of_python_3_10(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        for annotation in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            assert not any(isinstance(n, ast.BinOp) for n in (ast.walk(annotation) if annotation else ()))


def test_the_threads_of_the_plugin_never_import_nuke() -> None:
    for name in ("server_link.py", "vendored.py"):
        tree = ast.parse((PLUGIN / name).read_text(encoding="utf-8"))
        imported = [
            alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
        ]
        assert "nuke" not in imported


def test_a_missing_pyzmq_is_told_in_words(nuke: FakeNuke, monkeypatch: pytest.MonkeyPatch) -> None:
    from svfr_nuke.errors import NoSocketLibrary
    from svfr_nuke.vendored import require_zmq

    monkeypatch.setitem(sys.modules, "zmq", None)
    with pytest.raises(NoSocketLibrary, match="svfr install nuke"):
        require_zmq()
