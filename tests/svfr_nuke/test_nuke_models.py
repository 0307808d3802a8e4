"""The menu of models: filled by the server that the node talks to, and harmless where none answers."""

import threading
from pathlib import Path
from typing import Any

import pytest
from strict_nuke import FakeNuke
from test_nuke_end_to_end import svfr_node
from test_nuke_gather import _Knob


@pytest.fixture
def node(nuke: FakeNuke) -> Any:
    import svfr_nuke.startup

    svfr_nuke.startup.on_init()
    return svfr_node(nuke.fake_node("Constant"))


def open_panel(nuke: FakeNuke, node: Any) -> None:
    nuke.fake_call("knob", node, _Knob("showPanel"))
    for thread in threading.enumerate():
        if thread.name == "svfr models":
            thread.join()


def test_the_menu_lists_what_the_server_has_and_fills_the_field(
    nuke: FakeNuke, node: Any, local_server: Path
) -> None:
    open_panel(nuke, node)
    nuke.run_until(lambda: len(node["model_menu"].values()) > 1)
    assert {"identity", "probe", "mini"} <= set(node["model_menu"].values())
    assert node["model_menu"].value() == "identity"  # what the field says
    node["model_menu"].setValue("probe")
    assert node["model"].value() == "probe"
    node["model"].setValue("/models/of/my/own")
    assert node["model_menu"].value() == "choose"
    node["model_menu"].setValue("choose")
    assert node["model"].value() == "/models/of/my/own"


def test_without_a_server_the_name_and_the_menu_stay(
    nuke: FakeNuke, node: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node["model_menu"].setValues(["choose", "mini", "identity"])
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "nobody"))
    open_panel(nuke, node)
    nuke.fake_work()
    assert node["model"].value() == "identity" and not nuke.fake_said
    assert node["model_menu"].values() == ["choose", "mini", "identity"]
    assert not (tmp_path / "nobody").exists()  # none was started
