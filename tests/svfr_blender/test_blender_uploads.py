"""Blender at a machine that shares no folder with the server: files are sent, frames are fetched."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from blender_host import Blender
from e2e_service import hand_out_connection, running_blind
from plates import read_image, write_exrs


@pytest.fixture(scope="module")
def blind_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with running_blind(tmp_path_factory.mktemp("blind")) as home:
        yield home


def test_a_strip_is_sent_with_its_amount_and_its_result_lies_beside_it(
    lone_blender: Blender, blind_home: Path, tmp_path: Path
) -> None:
    connection = hand_out_connection(blind_home, tmp_path.name, tmp_path / "connection")
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1004))]
    case = {"files": files, "model": "identity", "connection": str(connection)}
    said = lone_blender.run("sends_files", tmp_path, case)
    assert said["states"] == ["done"]
    assert said["told"][0].startswith("Reading 3 files") and said["told"][-1].startswith("Fetching")
    assert [Path(file).is_relative_to(tmp_path / "plate") for file in said["result_files"]] == [True] * 3
    for before, after in zip(files, said["result_files"], strict=True):
        assert Path(before) != Path(after)
        assert read_image(before).tobytes() == read_image(after).tobytes()
