"""The one writer: whole files or none, private from the start, and an error that says what to do."""

import errno
import os
import stat
from pathlib import Path

import pytest

from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import remove_leftovers, whole_file, write_whole

POSIX_MODES = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "file.exr"
    target.write_text("old")
    with pytest.raises(KeyError), whole_file(target) as scratch:
        scratch.write_text("half of the n")
        raise KeyError
    assert target.read_text() == "old"
    with whole_file(target) as scratch:
        scratch.write_text("new")
        assert target.read_text() == "old" and scratch.suffix == ".exr"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["file.exr"]


def test_a_file_that_fails_its_check_does_not_appear(tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise ValueError(f"{path.read_text()} cannot be read again")

    with pytest.raises(ValueError, match="x cannot be read"), whole_file(tmp_path / "a", refuse) as scratch:
        scratch.write_text("x")
    assert names(tmp_path) == []


@pytest.mark.parametrize(("content", "expected"), [("grüße\n", "grüße\n".encode()), (b"\r\n\0", b"\r\n\0")])
@pytest.mark.parametrize("durable", [True, False])
def test_text_is_utf_8_and_bytes_are_as_given(
    tmp_path: Path, content: str | bytes, expected: bytes, durable: bool
) -> None:
    write_whole(tmp_path / "a", content, durable=durable)
    assert (tmp_path / "a").read_bytes() == expected


@POSIX_MODES
@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_a_private_file_is_never_open_to_others(tmp_path: Path, private: bool, mode: int) -> None:
    before = os.umask(0o022)
    try:
        with whole_file(tmp_path / "key", private=private) as scratch:
            assert stat.S_IMODE(scratch.stat().st_mode) == mode
            scratch.write_text("secret")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == mode


def test_a_folder_that_is_not_there_is_an_error_with_path_and_remedy(tmp_path: Path) -> None:
    with pytest.raises(FileCannotBeWritten, match="No such file") as caught:
        write_whole(tmp_path / "nowhere" / "a.json", "x")
    error = caught.value
    assert error.code == "WRITE_FAILED" and error.path == str(tmp_path / "nowhere" / "a.json")
    assert "free space" in error.remedy


def test_a_full_disk_leaves_the_old_file_and_names_the_cause(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    with pytest.raises(FileCannotBeWritten, match=os.strerror(errno.ENOSPC)) as caught:  # noqa: SIM117
        with whole_file(target):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert isinstance(caught.value.__cause__, OSError) and caught.value.__cause__.errno == errno.ENOSPC
    assert target.read_text() == "old" and names(tmp_path) == ["a"]


def test_a_folder_in_the_place_of_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "a" / "inside").mkdir(parents=True)
    with pytest.raises(FileCannotBeWritten):
        write_whole(tmp_path / "a", "x")
    assert names(tmp_path) == ["a"]


def test_a_name_as_long_as_the_disk_takes_can_be_written(tmp_path: Path) -> None:
    write_whole(tmp_path / ("n" * 255), "x")
    assert (tmp_path / ("n" * 255)).read_text() == "x"


@pytest.mark.parametrize("name", ["a.exr", "done"])
def test_leftovers_of_one_file_are_removed_and_those_of_others_stay(tmp_path: Path, name: str) -> None:
    blocks = [whole_file(tmp_path / name), whole_file(tmp_path / f"other-{name}")]
    left, of_another = (block.__enter__() for block in blocks)
    remove_leftovers([tmp_path / name])
    assert (left.exists(), of_another.exists()) == (False, True)


@POSIX_MODES
@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_a_library_that_makes_the_file_anew_for_its_owner_takes_nothing_away(
    tmp_path: Path, private: bool, mode: int
) -> None:
    before = os.umask(0o022)
    try:
        with whole_file(tmp_path / "a.safetensors", private=private, durable=False) as scratch:
            scratch.unlink()
            os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.safetensors").stat().st_mode) == mode


@POSIX_MODES
def test_a_mode_that_the_block_widens_stays(tmp_path: Path) -> None:
    with whole_file(tmp_path / "run", durable=False) as scratch:
        scratch.chmod(0o755)
    assert stat.S_IMODE((tmp_path / "run").stat().st_mode) == 0o755


@pytest.mark.parametrize("name", ["a." + "e" * 253, "n" * 200 + "." + "e" * 54])
def test_a_long_ending_does_not_make_the_scratch_too_long(tmp_path: Path, name: str) -> None:
    write_whole(tmp_path / name, "x")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("name", ["a\0b", "half \ud800", ""])
def test_a_name_that_no_disk_can_hold_is_a_typed_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileCannotBeWritten) as caught:
        write_whole(tmp_path / name if name else Path("/"), "x")
    assert caught.value.remedy and "\0" not in str(caught.value)
    str(caught.value).encode()


def test_half_a_surrogate_pair_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(FileCannotBeWritten, match="UTF-8"):
        write_whole(tmp_path / "a", "half \ud800")
    assert names(tmp_path) == []
