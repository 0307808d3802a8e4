"""The fake offers nothing that the stubs lack, and two hundred wrong uses of it all fail."""

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nuke_plates
import numpy as np
import pytest
import strict_images
import strict_stubs
from check_fake_names import names_without_stub
from strict_nuke import FakeNuke
from strict_objects import OFFERED, UndoState, WrongThread, strict

SEED = 20250101
EACH = 50


@pytest.fixture
def plain(make_nuke: Callable[..., FakeNuke]) -> FakeNuke:
    return make_nuke()


def scrambled(name: str, known: set[str], chance: random.Random) -> str:
    """Return a likely slip: a letter lost, doubled, or of the wrong case, that is no name by itself."""
    while True:
        at = chance.randrange(len(name))
        wrong = chance.choice(
            [name[:at] + name[at + 1 :], name[:at] + name[at] + name[at:], name[:at] + name[at:].swapcase()]
        )
        if wrong and wrong not in known and wrong.isidentifier() and not wrong.startswith("_"):
            return wrong


def test_every_name_of_the_fake_is_in_the_stubs() -> None:
    assert names_without_stub() == []
    assert len(OFFERED) > 100


def test_a_class_of_the_fake_cannot_have_a_name_more() -> None:
    with pytest.raises(AssertionError, match="frobnicate is not in the stubs"):

        @strict("Node")
        class Wider:
            def frobnicate(self) -> None:
                pass


def test_fifty_wrong_names_fail(plain: FakeNuke) -> None:
    chance = random.Random(SEED)
    table = strict_stubs.load()
    functions = sorted(name for owner, name in OFFERED if owner == "nuke")
    for _ in range(EACH // 2):
        with pytest.raises(AttributeError):
            getattr(plain, scrambled(chance.choice(functions), table.names(), chance))
    methods = sorted(name for owner, name in OFFERED if owner == "Node" and not name.startswith("_"))
    node = plain.fake_node("Dot")
    for _ in range(EACH // 2):
        with pytest.raises(AttributeError):
            getattr(node, scrambled(chance.choice(methods), table.members("Node"), chance))


def test_fifty_wrong_arities_fail(plain: FakeNuke) -> None:
    chance = random.Random(SEED + 1)
    node, table = plain.fake_node("Dot"), strict_stubs.load()
    cases: list[tuple[Callable[..., Any], strict_stubs.Signatures]] = []
    for owner, name in sorted(OFFERED):
        if owner == "nuke" and name in table.functions and name != "executeInMainThread":
            cases.append((getattr(plain, name), table.functions[name]))
        elif owner == "Node" and not name.startswith("_"):
            cases.append((getattr(node, name), table.method("Node", name) or []))
    closed = [case for case in cases if not any("*" in str(signature) for signature in case[1])]
    for _ in range(EACH):
        call, signatures = chance.choice(closed)
        most = max(len(signature.parameters) for signature in signatures)
        with pytest.raises(TypeError):
            call(*([None] * (most + chance.randint(1, 3))))


def test_fifty_wrong_knobs_fail(plain: FakeNuke) -> None:
    chance = random.Random(SEED + 2)
    kinds = ["Read", "Write", "Merge2", "Blur", "Switch", "Copy"]
    for _ in range(EACH):
        node = plain.fake_node(chance.choice(kinds))
        wrong = scrambled(chance.choice(sorted(node.knobs())), set(node.knobs()), chance)
        assert node.knob(wrong) is None
        with pytest.raises(NameError):
            node[wrong]


def test_fifty_calls_from_a_wrong_thread_fail(plain: FakeNuke) -> None:
    chance = random.Random(SEED + 3)
    node = plain.fake_node("Read")
    calls: list[Callable[[], Any]] = [
        lambda: plain.root(),
        lambda: plain.toNode("Read1"),
        lambda: plain.views(),
        lambda: node.name(),
        lambda: node["file"],
        lambda: node.knobs(),
        lambda: plain.message("hello"),
        lambda: plain.delete(node),
        lambda: plain.execute(node, 1, 1),
        lambda: node.setInput(0, None),
        lambda: plain.nodes.Blur(),
        lambda: plain.selectedNodes(),
        lambda: plain.filename(node),
        lambda: plain.Undo().begin("x"),
    ]
    seen: list[BaseException] = []

    def work() -> None:
        for _ in range(EACH):
            try:
                chance.choice(calls)()
            except BaseException as problem:
                seen.append(problem)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(seen) == EACH and all(isinstance(problem, WrongThread) for problem in seen)


def test_a_name_of_the_stubs_that_the_fake_lacks_is_told_apart(plain: FakeNuke) -> None:
    with pytest.raises(NotImplementedError, match="the fake has no"):
        plain.scriptSave  # noqa: B018
    with pytest.raises(NotImplementedError, match="the fake has no"):
        plain.fake_node("Dot").autoplace  # noqa: B018


def test_a_knob_takes_only_values_of_its_kind(plain: FakeNuke) -> None:
    read = plain.fake_node("Read")
    with pytest.raises(ValueError, match="no value"):
        read["frame_mode"].setValue("backwards")
    with pytest.raises(TypeError):
        read["file"].setValue(7)
    with pytest.raises(TypeError):
        read["first"].setValue("1001")


def test_exr_knobs_of_a_write_come_with_its_file_type(plain: FakeNuke) -> None:
    write = plain.fake_node("Write")
    with pytest.raises(NameError):
        write["datatype"]
    write["file_type"].setValue("exr")
    assert write["datatype"].value() == "16 bit half"


def test_a_terminal_has_no_dialogues_menus_or_event_loop(make_nuke: Callable[..., FakeNuke]) -> None:
    terminal = make_nuke(gui=False)
    for call in (
        lambda: terminal.message("x"),
        lambda: terminal.menu("Nodes"),
        lambda: terminal.executeInMainThread(print),
    ):
        with pytest.raises(AssertionError):
            call()


# What a plugin meets in Nuke that was written without these: each would have gone well on a simpler fake.


@pytest.fixture
def read(nuke: FakeNuke, tmp_path: Path) -> Any:
    """A Read of three frames, 1001 to 1003."""
    plate = nuke.fake_node("Read", file=nuke_plates.write_plate(tmp_path / "plates"))
    plate["first"].setValue(1001)
    plate["last"].setValue(1003)
    return plate


def red(node: Any, frame: int) -> Any:
    with node._graph.a_run(counted=False):
        return strict_images.render(node, frame, "main")["rgba.red"]


def test_a_role_that_a_knob_holds_is_not_found_in_the_list_as_it_is(nuke: FakeNuke) -> None:
    nuke.fake_graph.roles = {"scene_linear": "ACES/ACEScg"}
    spaces = nuke.fake_node("Read")["colorspace"]
    spaces.setValue("scene_linear")
    assert spaces.value() == "scene_linear" and "scene_linear" not in nuke.getColorspaceList(spaces)
    spaces.setValue("scene_linear (ACES/ACEScg)")  # what is no entry is not taken, and nothing is said
    assert spaces.value() == "scene_linear"


def test_proxy_mode_names_the_small_file_and_halves_the_picture(nuke: FakeNuke, read: Any) -> None:
    full = read["file"].value()
    read["proxy"].setValue(full.replace("shot", "shot_half"))
    assert nuke.filename(read) == full and read.width() == nuke_plates.WIDTH
    nuke.root()["proxy"].setValue(True)
    assert nuke.filename(read) != full and read.width() == nuke_plates.WIDTH // 2


def test_a_read_outside_its_range_holds_its_last_frame(read: Any) -> None:
    np.testing.assert_array_equal(red(read, 1050), red(read, 1003))
    np.testing.assert_array_equal(red(read, 1), red(read, 1001))
    assert (red(read, 1001) != red(read, 1003)).any()


def test_a_frame_between_the_steps_of_a_range_fails(read: Any) -> None:
    Path(read._file(1002, "main")).unlink()
    with pytest.raises(RuntimeError, match=r"shot\.1002\.exr"):
        red(read, 1002)


def test_a_pasted_node_holds_what_its_original_notes(nuke: FakeNuke) -> None:
    group = nuke.fake_node("Group", name="SVFR1")
    group.addKnob(nuke.String_Knob("svfr_job", "", "a job"))
    pasted = nuke.fake_paste(group)
    assert pasted["svfr_job"].value() == "a job" and pasted.name() == "SVFR2"


def test_every_knob_that_is_set_is_a_step_to_undo_unless_undo_is_off(nuke: FakeNuke, read: Any) -> None:
    UndoState.steps.clear()
    read["raw"].setValue(True)
    nuke.Undo.disable()
    read["first"].setValue(1002)
    nuke.Undo.enable()
    assert UndoState.steps == ["raw"]


def test_indie_writes_no_picture_above_its_size(make_nuke: Callable[..., FakeNuke], tmp_path: Path) -> None:
    indie = make_nuke(edition="indie")
    read = indie.fake_node("Read", file=nuke_plates.write_plate(tmp_path / "plates"), first=1001, last=1003)
    write = indie.fake_node("Write", read, file=str(tmp_path / "out.%04d.exr"), file_type="exr", raw=True)
    indie.execute(write, 1001, 1001)
    assert strict_images.read_exr(str(tmp_path / "out.1001.exr"))["rgba.red"].shape == (44, 60)


def test_nuke_17_is_there_and_says_so(make_nuke: Callable[..., FakeNuke]) -> None:
    assert make_nuke(major=17).NUKE_VERSION_STRING == "17.0v3"
