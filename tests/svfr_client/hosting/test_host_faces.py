"""What svfr faces prints and writes becomes faces with their squares by frame."""

from pathlib import Path

import pytest
from program_scripts import POSIX, script

from svfr_client.errors import ProgramFailed
from svfr_client.hosting.faces import FacesWish, Square, face_at, faces_of, find_faces
from svfr_client.hosting.server_place import ServerPlace

ROWS = [{"face": 0, "id": "kfmd", "place": "9,9@1002"}, {"face": 1, "id": "wqtn", "place": "50,50@1001"}]
TRACKS = [
    {"index": 0, "first_frame": 1001, "centre_x": [8, 9], "centre_y": 9.0, "side_px": [10, 12]},
    {"index": 0, "first_frame": 1010, "centre_x": 20, "centre_y": 21, "side_px": 8},
    {"index": 1, "first_frame": 1001, "centre_x": [11, 50], "centre_y": [9, 50], "side_px": 4.0},
]


def test_faces_have_their_squares_by_frame_over_all_shots() -> None:
    first, second = faces_of(ROWS, TRACKS)
    assert (first.id, first.place) == ("kfmd", "9,9@1002")
    assert first.squares == {1001: Square(8, 9, 10), 1002: Square(9, 9, 12), 1010: Square(20, 21, 8)}
    assert second.squares[1002] == Square(50, 50, 4)


def test_the_smaller_of_two_faces_at_a_place_is_meant() -> None:
    faces = faces_of(ROWS, TRACKS)
    assert [getattr(face_at(faces, 1001, x, 9), "id", None) for x in (4, 11, 40)] == ["kfmd", "wqtn", None]
    assert face_at(faces, 1500, 9, 9) is None


@POSIX
def test_a_program_of_another_form_is_told_and_nothing_of_it_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    odd = script(tmp_path / "svfr", 'echo \'{"kind": "face", "name": "a"}\'')
    with pytest.raises(ProgramFailed, match="not known here"):
        find_faces(ServerPlace(program=str(odd)), FacesWish("/p/a.%04d.exr", "1-2"))
    assert [path.name for path in tmp_path.iterdir()] == ["svfr"]
