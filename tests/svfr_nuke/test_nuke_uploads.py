"""A server that sees none of the artist's files: the node sends them, says so, and gets its frames back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nuke_plates
import numpy as np
import pytest
from e2e_service import hand_out_connection, running_blind
from strict_nuke import FakeNuke
from test_nuke_end_to_end import picture, read_node, restore, svfr_node


@pytest.fixture(scope="module")
def blind_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with running_blind(tmp_path_factory.mktemp("blind")) as home:
        yield home


@pytest.fixture
def remote(blind_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A connection file with a key of the artist's own, on a machine without a server."""
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "artist"))
    return str(hand_out_connection(blind_home, tmp_path.name, tmp_path / "connection"))


def listening(nuke: FakeNuke, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that fills with every status of every node."""
    import svfr_nuke.node

    told: list[str] = []
    write = svfr_nuke.node.write_quietly

    def note(node: Any, knob: str, text: str) -> None:
        told.append(text)
        write(node, knob, text)

    monkeypatch.setattr(svfr_nuke.node, "write_quietly", note)
    return told


def test_a_read_is_sent_with_its_amount_and_comes_back_beside_the_plate(
    nuke: FakeNuke, tmp_path: Path, remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plate = nuke_plates.write_plate(tmp_path / "plates")
    node = svfr_node(read_node(nuke, plate), connection=remote)
    told = listening(nuke, monkeypatch)
    restore(nuke, node)
    assert node["status"].value() == "Done: 3 frames"
    read = node.node("Result")
    assert read["file"].value() == (tmp_path / "plates/shot_svfr/shot.%04d.exr").as_posix()
    for frame in nuke_plates.FRAMES:
        assert nuke_plates.same_bits(plate % frame, read["file"].value() % frame)
    assert any("3 files" in text for text in told), told
    told.clear()
    restore(nuke, node)  # what the server has is not sent again
    assert node["version"].value() == "v002" and not any(text.startswith("Sending") for text in told)


def test_a_rendered_plate_with_a_rendered_mask_is_sent(nuke: FakeNuke, tmp_path: Path, remote: str) -> None:
    read = read_node(nuke, nuke_plates.write_plate(tmp_path / "plates"))
    grade = nuke.fake_node("Grade", read)
    mask = nuke.fake_node("Constant", read)
    mask["color"].setValue(1.0)
    node = svfr_node(grade, mask, connection=remote, model="probe")
    restore(nuke, node)
    assert node["status"].value() == "Done: 3 frames"
    assert np.abs(picture(node)["rgba.red"] - picture(grade)["rgba.red"]).max() > 0.1


def test_what_cannot_be_sent_is_refused_before_anything_is_sent(
    nuke: FakeNuke, tmp_path: Path, remote: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "model.json").write_text("{}")
    plate = read_node(nuke, nuke_plates.write_plate(tmp_path / "plates"))
    node = svfr_node(plate, connection=remote, model=str(tmp_path / "mine"))
    told = listening(nuke, monkeypatch)
    restore(nuke, node)
    assert "models are not sent" in node["status"].value()
    assert not any("files" in text for text in told), told
    assert node["has_result"].value() is False
