"""A Windows workstation and a remote server: a key of one's own, and folders with two names."""

import json
from pathlib import Path

import nuke_plates
import pytest
from e2e_service import hand_out_connection
from strict_nuke import FakeNuke
from test_nuke_end_to_end import read_node, restore, svfr_node

from svfr_server.supervisor.zap_keys import KeyRing


@pytest.fixture
def remote(server_home: Path, tmp_path: Path) -> Path:
    return hand_out_connection(server_home, "workstation", tmp_path / "connection")


def write_rules(remote: Path, *rules: tuple[str, str]) -> None:
    pairs = [{"client": client, "server": server} for client, server in rules]
    (remote.parent / "path_map.json").write_text(json.dumps({"format": 1, "rules": pairs}))


@pytest.fixture(autouse=True)
def away_from_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off Windows "P:/plates" is a relative path: what the plugin writes there must not land here."""
    monkeypatch.chdir(tmp_path)


def test_a_windows_path_reaches_the_server_and_the_result_has_its_name_here(
    nuke: FakeNuke, tmp_path: Path, remote: Path
) -> None:
    nuke_plates.write_plate(tmp_path / "srv" / "plates")
    nuke.fake_graph.drives = {"P:": (tmp_path / "srv").as_posix()}
    write_rules(remote, ("P:/", (tmp_path / "srv").as_posix()))
    node = svfr_node(read_node(nuke, "P:\\plates\\shot.%04d.exr"))
    node["connection"].setValue(str(remote))
    restore(nuke, node)
    assert node["status"].value() == "Done: 3 frames"
    assert node.node("Result")["file"].value() == "P:/plates/shot_svfr/shot.%04d.exr"
    for frame in nuke_plates.FRAMES:
        plates = tmp_path / "srv" / "plates"
        assert nuke_plates.same_bits(plates / f"shot.{frame}.exr", plates / "shot_svfr" / f"shot.{frame}.exr")


def test_a_folder_without_a_rule_is_told_before_anything_is_sent(
    nuke: FakeNuke, tmp_path: Path, remote: Path
) -> None:
    write_rules(remote, ("P:/shots", "/srv/shots"))
    node = svfr_node(read_node(nuke, "Q:/elsewhere/shot.%04d.exr"))
    node["connection"].setValue(str(remote))
    restore(nuke, node)
    assert "no name for this path" in node["status"].value()
    assert "P:/shots" in node["status"].value()


def test_a_key_that_was_revoked_is_told_in_words(
    nuke: FakeNuke, tmp_path: Path, remote: Path, server_home: Path
) -> None:
    KeyRing(server_home).revoke("workstation")
    node = svfr_node(read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))
    node["connection"].setValue(str(remote))
    restore(nuke, node)
    assert "does not know this client's key" in node["status"].value()


def test_a_connection_file_that_others_can_read_is_refused(
    nuke: FakeNuke, tmp_path: Path, remote: Path
) -> None:
    remote.chmod(0o644)
    node = svfr_node(read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))
    node["connection"].setValue(str(remote))
    nuke.fake_press(node, "test_connection")
    nuke.run_until(lambda: node["server_state"].value() not in ("", "Asking"))
    assert "others can get at it" in node["server_state"].value()


def test_a_remote_server_that_is_gone_is_told_and_not_started_here(
    nuke: FakeNuke, tmp_path: Path, remote: Path
) -> None:
    node = svfr_node(read_node(nuke, nuke_plates.write_plate(tmp_path / "plates")))
    remote.unlink()
    node["connection"].setValue(str(remote))
    restore(nuke, node)
    assert node["status"].value().startswith("There is no")
