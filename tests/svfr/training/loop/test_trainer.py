import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_training import CONFIG, NoisyGradients, shortened

from svfr.training.batches import ClipBatch
from svfr.training.loop.trainer import Trainer, has_fast_bfloat16, measure_codec
from svfr.training.recipe.config import Phase
from svfr_client.files import whole_file


def assert_equal(first: Any, second: Any, where: str = "state") -> None:
    """Compare nested states bit for bit."""
    assert type(first) is type(second), where
    if isinstance(first, torch.Tensor):
        assert first.dtype == second.dtype and torch.equal(first, second), where
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for key in first:
            assert_equal(first[key], second[key], f"{where}.{key}")
    elif isinstance(first, (list, tuple)):
        assert len(first) == len(second), where
        for i, (a, b) in enumerate(zip(first, second, strict=True)):
            assert_equal(a, b, f"{where}[{i}]")
    else:
        assert first == second, where


def state_of(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "state.pt", weights_only=True)


def silent(_row: dict[str, Any]) -> None:
    pass


class Killed(BaseException):
    pass


class KilledAt:
    """A source of clips that dies while the batch of one step is drawn."""

    def __init__(self, batches: int) -> None:
        self._left = batches
        self._source = NoisyGradients()

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        if self._left == 0:
            raise Killed
        self._left -= 1
        return self._source.batch(rng, phase)


def test_a_killed_run_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    whole = Trainer(CONFIG, NoisyGradients(), tmp_path / "whole")
    whole.run(silent)

    killed = Trainer(CONFIG, NoisyGradients(), tmp_path / "killed")
    for _ in range(2):
        killed.train_step()
    killed.save()
    killed.source = KilledAt(2)  # dies in step 4, of the second phase; steps 2 and 3 are lost
    with pytest.raises(Killed):
        killed.run(silent)
    assert state_of(tmp_path / "killed")["step"] == 2
    resumed = Trainer(CONFIG, NoisyGradients(), tmp_path / "killed")
    assert resumed.step == 2
    resumed.run(silent)

    assert state_of(tmp_path / "whole")["step"] == CONFIG.steps
    assert_equal(state_of(tmp_path / "whole"), state_of(tmp_path / "killed"))


def test_a_stopped_run_saves_where_it_stands(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, NoisyGradients(), tmp_path)
    trainer.run(silent, stop=lambda: trainer.step >= 2)
    assert state_of(tmp_path)["step"] == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes are gone")
def test_a_half_written_state_does_not_harm_the_one_before(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, NoisyGradients(), tmp_path)
    trainer.train_step()
    trainer.save()
    block = whole_file(trainer.state_path)
    half_written = block.__enter__()
    half_written.write_bytes(b"half of a")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    of_the_dead = half_written.name.replace(f"-{os.getpid()}-", f"-{gone.pid}-")
    half_written = half_written.rename(half_written.with_name(of_the_dead))
    again = Trainer(CONFIG, NoisyGradients(), tmp_path)
    assert again.step == 1
    again.save()
    assert not half_written.exists()


def test_a_resumed_run_keeps_its_codec_whatever_clips_it_is_given(tmp_path: Path) -> None:
    first = Trainer(CONFIG, NoisyGradients(), tmp_path)
    first.save()
    resumed = Trainer(CONFIG, KilledAt(0), tmp_path)  # a source that would die when measured
    assert resumed.net.codec.spec == first.net.codec.spec
    assert torch.equal(resumed.net.output_gain, first.net.output_gain)


def test_the_seed_decides_the_run(tmp_path: Path) -> None:
    other = dataclasses.replace(shortened(1), seed=6)
    for name, config in (("a", shortened(1)), ("b", other)):
        Trainer(config, NoisyGradients(), tmp_path / name).run(silent)
    first, second = (state_of(tmp_path / name)["net"] for name in "ab")
    assert not torch.equal(first["unet.conv_in.weight"], second["unet.conv_in.weight"])


def test_single_frames_leave_the_temporal_parts_as_they_were(tmp_path: Path) -> None:
    trainer = Trainer(shortened(3), NoisyGradients(), tmp_path)
    before = {name: p.detach().clone() for name, p in trainer.net.unet.named_parameters()}
    trainer.run(silent)
    after = dict(trainer.net.unet.named_parameters())
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert "conv_in.weight" in moved and "conv_out.weight" in moved
    assert [name for name in moved if "temporal" in name or "time_mixer" in name] == []


def test_clips_move_the_temporal_parts(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, NoisyGradients(), tmp_path)
    name = "down_blocks.0.resnets.0.temporal_res_block.conv2.weight"
    trainer.run(silent)
    assert torch.count_nonzero(trainer.net.unet.get_parameter(name)) > 0


def test_training_mends_what_can_be_mended(tmp_path: Path) -> None:
    trainer = Trainer(shortened(40), NoisyGradients(), tmp_path)
    errors = [float(trainer.train_step()["errors"].mean()) for _ in range(40)]
    assert errors[0] == pytest.approx(1.0, abs=0.05)
    assert np.mean(errors[-10:]) < 0.75


def test_the_log_has_a_line_for_every_fifty_steps(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = []
    Trainer(shortened(50), NoisyGradients(), tmp_path).run(rows.append)
    logged = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert logged == rows and [row["step"] for row in rows] == [50]
    assert rows[0].keys() == {
        "step",
        "relative_error",
        "learning_rate",
        "seconds_per_step",
        "loss",
        "noise",
    }


def test_the_gain_is_the_spread_of_what_is_to_be_learned() -> None:
    codec, gain = measure_codec(CONFIG, NoisyGradients())
    # White noise of deviation 0.2 per pixel stays 0.2 in an orthonormal basis; the codec divides by its std.
    expected = 0.2 / torch.tensor(codec.std) / CONFIG.network.sigma_data
    torch.testing.assert_close(gain, expected, rtol=0.05, atol=0.0)


def test_bfloat16_is_fast_on_a_cpu_that_says_so_and_not_where_it_is_emulated() -> None:
    cpus = Path("/proc/cpuinfo")
    if not cpus.exists() or "flags\t" not in cpus.read_text():
        assert isinstance(has_fast_bfloat16(torch.device("cpu")), bool)
        return
    flags = next(line for line in cpus.read_text().splitlines() if line.startswith("flags\t")).split()
    assert has_fast_bfloat16(torch.device("cpu")) == bool({"avx512_bf16", "amx_bf16"} & set(flags))
