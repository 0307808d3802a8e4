"""The one writer: whole files or none, private from the start, and an error that says what to do."""

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from svfr_client.errors import FileCannotBeWritten
from svfr_client.files import remove_leftovers, sweep, whole_file, whole_folder, write_whole

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes are gone")
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


@pytest.mark.parametrize("has_second_names", [True, False])
def test_what_lies_there_when_a_file_appears_is_judged_and_nothing_comes_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_second_names: bool
) -> None:
    def keep(scratch: Path) -> None:
        raise KeyError(scratch.read_text())

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no second names on this disk")

    if not has_second_names:
        monkeypatch.setattr(os, "link", refuse)
    target = tmp_path / "frame"
    with whole_file(target, judge=keep) as scratch:
        scratch.write_text("first")
    assert target.read_text() == "first" and names(tmp_path) == ["frame"]
    with pytest.raises(KeyError, match="second"), whole_file(target, judge=keep) as scratch:
        scratch.write_text("second")
    assert target.read_text() == "first" and names(tmp_path) == ["frame"]
    with whole_file(target, judge=lambda scratch: None) as scratch:
        scratch.write_text("third")
    assert target.read_text() == "third" and names(tmp_path) == ["frame"]


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
    with whole_file(tmp_path / name) as of_the_living:
        left = killed_while_writing(tmp_path / name)
        of_another = killed_while_writing(tmp_path / f"other-{name}")
        remove_leftovers([tmp_path / name])
        assert (left.exists(), of_another.exists(), of_the_living.exists()) == (False, True, True)


def killed_while_writing(path: Path, folder: bool = False) -> Path:
    """What a process leaves that is killed while it writes ``path``; it cannot sweep where nothing is."""
    block = "whole_folder" if folder else "whole_file"
    program = (
        "import os, pathlib, signal, sys; from svfr_client import files\n"
        "files._sweep_once = lambda folder: None\n"
        f"with files.{block}(pathlib.Path(sys.argv[1])) as left:\n"
        "    print(left, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)
    left = Path(done.stdout.strip())
    assert left.exists()
    return left


@LINUX
def test_whoever_writes_next_removes_what_the_killed_left(tmp_path: Path) -> None:
    file = killed_while_writing(tmp_path / "segment.safetensors")
    folder = killed_while_writing(tmp_path / "model", folder=True)
    (folder / "weights").write_text("half")
    with whole_file(tmp_path / "running") as of_the_living:
        program = (
            "import pathlib, sys; from svfr_client.files import write_whole\n"
            "write_whole(pathlib.Path(sys.argv[1]), 'x')"
        )
        subprocess.run([sys.executable, "-c", program, str(tmp_path / "next")], check=True)
        assert (file.exists(), folder.exists(), of_the_living.exists()) == (False, False, True)
    assert names(tmp_path) == ["next", "running"]


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        (".svfr-01234567-89abcdef-4711-01234567.tmp.exr", True),  # of another machine
        (".svfr-01234567-01234567.tmp", True),  # of an earlier version, which did not say whose it is
        (".svfr-01234567.tmp", False),
        ("svfr-01234567-01234567.tmp", False),
        (".svfr-01234567-01234567.tmp.exr.bak", False),
        ("frame.0001.exr", False),
    ],
)
def test_what_was_left_elsewhere_is_removed_after_a_day_and_nothing_else(
    tmp_path: Path, name: str, is_ours: bool
) -> None:
    (tmp_path / name).write_text("x")
    sweep(tmp_path)
    assert (tmp_path / name).exists()
    long_ago = time.time() - 25 * 3600
    os.utime(tmp_path / name, (long_ago, long_ago))
    sweep(tmp_path)
    assert (tmp_path / name).exists() is not is_ours


def test_a_folder_that_cannot_be_listed_is_left_alone(tmp_path: Path) -> None:
    sweep(tmp_path / "not there")
    (tmp_path / "file").write_text("x")
    sweep(tmp_path / "file")


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyError), whole_folder(tmp_path / "a" / "model") as draft:
        (draft / "weights").write_text("half")
        raise KeyError
    assert names(tmp_path / "a") == []
    with whole_folder(tmp_path / "a" / "model") as draft:
        (draft / "weights").write_text("all")
        assert not (tmp_path / "a" / "model").exists()
    assert names(tmp_path / "a" / "model") == ["weights"]
    with pytest.raises(FileCannotBeWritten), whole_folder(tmp_path / "a" / "model") as draft:
        (draft / "weights").write_text("other")
    assert (tmp_path / "a" / "model" / "weights").read_text() == "all"
    (tmp_path / "file").write_text("x")
    with pytest.raises(FileCannotBeWritten) as caught, whole_folder(tmp_path / "file" / "model"):
        pass
    assert (caught.value.path, bool(caught.value.remedy)) == (str(tmp_path / "file" / "model"), True)


@POSIX_MODES
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    target = tmp_path / "plugin.py"
    target.write_text("old")
    target.chmod(mode)
    write_whole(target, "new")
    assert (target.read_text(), stat.S_IMODE(target.stat().st_mode)) == ("new", mode)


@POSIX_MODES
def test_a_new_folder_and_its_files_have_the_mode_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with whole_folder(tmp_path / "model") as draft:
            write_whole(draft / "weights", "x")
    finally:
        os.umask(before)
    modes = [
        stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "model", tmp_path / "model" / "weights")
    ]
    assert modes == [0o750, 0o640]


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
