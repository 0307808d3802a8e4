"""The fake offers nothing that the stubs lack, and two hundred wrong uses of it all fail."""

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
import strict_stubs
from check_fake_names import names_without_stub
from strict_nuke import FakeNuke
from strict_objects import OFFERED, WrongThread, strict

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
