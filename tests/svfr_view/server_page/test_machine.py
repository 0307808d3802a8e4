"""Memory, disks and GPUs of the machine that the tests run on."""

import os
import shutil
from pathlib import Path

import pytest

from svfr_view.server_page import machine


def test_memory_is_the_machines_and_a_processs() -> None:
    seen = machine.memory(os.getpid())
    assert 0 < seen["available"] <= seen["total"] and 1 << 20 < seen["server"] < seen["total"]


def test_a_process_that_is_not_here_has_no_memory() -> None:
    assert machine.memory(2**22 + 12345)["server"] is None


def test_a_disk_is_told_once_and_by_the_folder_that_is_there(tmp_path: Path) -> None:
    found = machine.disks([tmp_path / "not" / "there", tmp_path, tmp_path])
    assert [one["folder"] for one in found] == [str(tmp_path)]
    assert found[0]["total"] == shutil.disk_usage(tmp_path).total


def a_program(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_gpus_are_what_the_drivers_tool_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_program(tmp_path, monkeypatch, "echo 'NVIDIA RTX 6000, Ada, 1024, 49140, 37'; echo 'B, 1, 2, [N/A]'")
    first, second = machine.gpus()
    assert first == {
        "name": "NVIDIA RTX 6000, Ada",
        "used": 1 << 30,
        "total": 49140 << 20,
        "busy_percent": 37,
    }
    assert second["busy_percent"] is None


@pytest.mark.parametrize("body", ["echo nonsense", "exit 9", "echo 'a, b, c, d'"])
def test_a_tool_that_fails_tells_of_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    a_program(tmp_path, monkeypatch, body)
    assert machine.gpus() == []
