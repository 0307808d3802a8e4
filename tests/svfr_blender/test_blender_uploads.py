"""Blender at a machine that shares no folder with the server: files are sent, frames are fetched."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from blender_host import Blender
from e2e_service import running
from plates import read_image, write_exrs

from svfr_client.connection import KeyPair, find_connection
from svfr_server.supervisor.zap_keys import KeyRing


@pytest.fixture(scope="module")
def blind_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a server that sees one empty folder and nothing else of anybody's."""
    root = tmp_path_factory.mktemp("root")
    arguments = ("--read-root", str(root), "--write-root", str(root))
    with running(tmp_path_factory.mktemp("blind") / "home", arguments=arguments) as home:
        yield home


def test_a_strip_is_sent_with_its_amount_and_its_result_lies_beside_it(
    lone_blender: Blender, blind_home: Path, tmp_path: Path
) -> None:
    keys = KeyPair.new()
    KeyRing(blind_home).authorise(tmp_path.name, keys.public)
    folder = tmp_path / "connection"
    folder.mkdir(mode=0o700)
    replace(find_connection(blind_home), keys=keys).save(folder / "connection.json")
    files = [str(file) for file in write_exrs(tmp_path / "plate", range(1001, 1004))]
    case = {"files": files, "model": "identity", "connection": str(folder / "connection.json")}
    said = lone_blender.run("sends_files", tmp_path, case)
    assert said["states"] == ["done"]
    assert said["told"][0].startswith("Reading 3 files") and said["told"][-1].startswith("Fetching")
    assert [Path(file).is_relative_to(tmp_path / "plate") for file in said["result_files"]] == [True] * 3
    for before, after in zip(files, said["result_files"], strict=True):
        assert Path(before) != Path(after)
        assert read_image(before).tobytes() == read_image(after).tobytes()
