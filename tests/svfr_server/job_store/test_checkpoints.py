"""Checkpoints come back bit for bit or not at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from svfr_server.errors import CheckpointNameRefused
from svfr_server.job_store.checkpoints import DiskCheckpoints
from svfr_server.supervisor.child_process import package_environment

VALUES = {
    "latents": torch.randn(3, 4, 5),
    "half": torch.randn(7).to(torch.bfloat16),
    "transposed": torch.randn(4, 6).T,
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 3),
    "bytes": torch.arange(9, dtype=torch.uint8),
    "odd": torch.tensor([float("nan"), float("inf"), -0.0]),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_tensor_comes_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    store = DiskCheckpoints(tmp_path)
    store.save(f"pass1/{name}", VALUES[name])
    found = store.load(f"pass1/{name}")
    assert found is not None and found.dtype == VALUES[name].dtype and found.shape == VALUES[name].shape
    same = torch.equal(
        found.flatten().view(torch.uint8), VALUES[name].contiguous().flatten().view(torch.uint8)
    )
    assert same


def test_what_was_never_saved_is_none(tmp_path: Path) -> None:
    store = DiskCheckpoints(tmp_path / "fresh")
    assert store.load("pass1/step0003") is None
    assert store.load_note("written") is None


def test_a_pipe_in_the_place_of_a_value_is_not_waited_for(tmp_path: Path) -> None:
    store = DiskCheckpoints(tmp_path)
    store.save("latents", torch.ones(2))
    store.save_note("written", {})
    for path in [path for path in tmp_path.rglob("*") if path.is_file()]:
        path.unlink()
        os.mkfifo(path)
    assert store.load("latents") is None and store.load_note("written") is None


def test_content_keys_keep_values_apart(tmp_path: Path) -> None:
    store = DiskCheckpoints(tmp_path)
    store.under("a" * 64).save("latents", torch.ones(2))
    assert store.under("b" * 64).load("latents") is None
    assert DiskCheckpoints(tmp_path).under("a" * 64).load("latents") is not None
    assert store.load("a" * 64 + "/latents") is not None


def test_the_journal_is_the_jobs_own(tmp_path: Path) -> None:
    one = DiskCheckpoints(tmp_path / "checkpoints", tmp_path / "journal" / "one").under("k")
    two = DiskCheckpoints(tmp_path / "checkpoints", tmp_path / "journal" / "two").under("k")
    one.journal.save_note("written", {"1001": "a.exr"})
    assert one.journal.load_note("written") == {"1001": "a.exr"}
    assert two.journal.load_note("written") is None


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-3], lambda data: b"", lambda data: data[:-1] + b"\xff"]
)
def test_a_damaged_file_counts_as_absent_and_can_be_replaced(tmp_path: Path, damage: object) -> None:
    store = DiskCheckpoints(tmp_path)
    store.save("latents", torch.ones(8))
    file = tmp_path / "latents.safetensors"
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    assert store.load("latents") is None
    store.save("latents", torch.zeros(8))
    assert torch.equal(store.load("latents"), torch.zeros(8))  # type: ignore[arg-type]


def test_a_damaged_note_counts_as_absent(tmp_path: Path) -> None:
    (tmp_path / "written.json").write_text("{")
    assert DiskCheckpoints(tmp_path).load_note("written") is None


@pytest.mark.parametrize("name", ["", "../keys", "/etc/x", "a//b", "a/../b", ".hidden", "a\0", "a b", "c:x"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    store = DiskCheckpoints(tmp_path)
    for refused in (store.load, store.load_note, store.under):
        with pytest.raises(CheckpointNameRefused):
            refused(name)
    with pytest.raises(CheckpointNameRefused):
        store.save(name, torch.ones(1))


def test_a_failed_save_keeps_the_former_value_and_leaves_no_rest(tmp_path: Path) -> None:
    store = DiskCheckpoints(tmp_path)
    store.save_note("written", {"1001": "a.exr"})
    with pytest.raises(TypeError):
        store.save_note("written", {"1001": object()})
    assert store.load_note("written") == {"1001": "a.exr"}
    assert [file.name for file in tmp_path.iterdir()] == ["written.json"]


def test_clearing_removes_everything_below(tmp_path: Path) -> None:
    store = DiskCheckpoints(tmp_path / "checkpoints")
    store.under("k").save("latents", torch.ones(1))
    store.under("k").clear()
    assert store.under("k").load("latents") is None
    store.under("k").clear()


def test_a_process_killed_while_saving_leaves_a_whole_value(tmp_path: Path) -> None:
    code = (
        "import os, sys, threading, torch; from pathlib import Path\n"
        "from svfr_server.job_store.checkpoints import DiskCheckpoints\n"
        "store = DiskCheckpoints(Path(sys.argv[1]))\n"
        "store.save('x', torch.zeros(1 << 18))\n"
        "threading.Timer(0.05, lambda: os.kill(os.getpid(), 9)).start()\n"
        "n = 0.0\n"
        "while True:\n"
        "    n += 1\n"
        "    store.save('x', torch.full((1 << 18,), n))\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=package_environment(), timeout=60, check=False
    )
    value = DiskCheckpoints(tmp_path).load("x")
    assert value is not None and bool((value == value[0]).all())
