"""The installed zip, in real Blender, against a real server: what comes back lies exactly over its source."""

from pathlib import Path

import numpy as np
import pytest
from blender_host import Blender
from plates import read_image, write_exrs

pytestmark = pytest.mark.hosts


@pytest.mark.parametrize("reverse", [False, True])
def test_an_exr_strip_comes_back_bit_for_bit_over_its_source(
    blender: Blender, tmp_path: Path, reverse: bool
) -> None:
    files = write_exrs(tmp_path / "plate", range(1001, 1013))
    case = {"files": [str(f) for f in files], "reverse": reverse, "space": "ACEScg", "model": "identity"}
    said = blender.run("sequence_identity", tmp_path, case)
    source, result = said["source"], said["result"]
    assert result.pop("channel") == 4 and source.pop("channel") == 2
    assert source.pop("mute") and not result.pop("mute")
    assert result.pop("name") == "plate SVFR" and source.pop("name") == "plate"
    assert result == source
    assert len(said["result_files"]) == 7
    for before, after in zip(said["source_files"], said["result_files"], strict=True):
        assert before != after
        assert read_image(before).tobytes() == read_image(after).tobytes()
    for before, after in said["renders"]:
        assert read_image(before).std() > 0.05
        np.testing.assert_array_equal(read_image(before), read_image(after))
