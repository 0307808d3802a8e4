"""A large file is hashed once, and again when anything about it has changed."""

import os
from pathlib import Path

import pytest

import svfr.models.known_files as known_files
from svfr.models.known_files import hashed, known


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records of the test's own, and no file too small for one."""
    folder = tmp_path / "cache" / "weights"
    monkeypatch.setattr(known_files, "records_folder", lambda: folder)
    monkeypatch.setattr(known_files, "LEAST_BYTES", 4)
    return folder


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "unet.safetensors"
    path.write_bytes(b"weights")
    return path


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were read to be hashed."""
    seen: list[Path] = []
    real = known_files.hashed

    def counted(path: Path):  # type: ignore[no-untyped-def]
        seen.append(path)
        return real(path)

    monkeypatch.setattr(known_files, "hashed", counted)
    return seen


def test_a_file_is_read_once(weights: Path, reads: list[Path]) -> None:
    first = known(weights)
    assert known(weights) == first == hashed(weights)
    assert reads == [weights]


def test_an_installed_file_is_known_before_it_is_loaded(weights: Path, reads: list[Path]) -> None:
    record = hashed(weights)
    assert known(weights) == record and reads == []


def test_other_bytes_of_the_same_size_and_time_are_noticed(weights: Path, reads: list[Path]) -> None:
    before, stat = known(weights), weights.stat()
    weights.write_bytes(b"Weights")
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert known(weights).sha256 != before.sha256 and len(reads) == 2


def test_a_file_that_took_anothers_place_is_noticed(weights: Path, reads: list[Path]) -> None:
    before = known(weights)
    other = weights.with_name("other")
    other.write_bytes(b"another")
    other.replace(weights)
    assert known(weights).sha256 != before.sha256 and len(reads) == 2


@pytest.mark.parametrize("damage", [b"", b"{", b'{"signs": 3}', b"[]", b"\xff"])
def test_a_damaged_record_is_made_anew(
    weights: Path, records: Path, reads: list[Path], damage: bytes
) -> None:
    expected = known(weights)
    (record,) = records.iterdir()
    record.write_bytes(damage)
    assert known(weights) == expected and known(weights) == expected
    assert len(reads) == 2


def test_where_no_record_can_be_kept_the_file_is_read_each_time(
    weights: Path, records: Path, reads: list[Path]
) -> None:
    records.parent.write_text("a file in the folder's place")
    assert known(weights) == known(weights) and len(reads) == 2


def test_records_of_files_that_are_gone_go_too(weights: Path, records: Path, tmp_path: Path) -> None:
    known(weights)
    weights.unlink()
    other = tmp_path / "vae.safetensors"
    other.write_bytes(b"others")
    known(other)
    assert len(list(records.iterdir())) == 1
