import numpy as np
import pytest
import torch

from svfr.errors import CheckpointUnreadable
from svfr.training.batches import ClipBatch
from svfr_lab.experiments.kit.feed_forward_run import FeedForwardRun, restored
from svfr_lab.experiments.kit.gpen_style_net import GpenStyleNet
from svfr_lab.experiments.kit.peak_memory import extra_peak_mb


class NoisySquares:
    """Flat pictures under noise: a task that a few steps learn."""

    def batch(self, rng, phase):
        clean = torch.tensor(rng.uniform(-0.8, 0.8, (phase.batch, 1, 3, 1, 1)), dtype=torch.float32)
        clean = clean.expand(-1, -1, -1, 16, 16)
        noise = torch.tensor(rng.normal(0, 0.3, clean.shape), dtype=torch.float32)
        return ClipBatch(
            clean=clean,
            low_quality=clean + noise,
            tasks=torch.zeros(phase.batch, 3),
            reference=clean[:, 0],
            reference_low_quality=clean[:, 0],
        )


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_untrained_it_returns_its_input():
    codes = np.random.default_rng(0).random((2, 24, 24, 3), dtype=np.float32)
    assert np.allclose(restored(GpenStyleNet(), codes), codes, atol=1e-6)


def test_a_few_steps_bring_it_nearer_to_the_truth(tmp_path):
    run = FeedForwardRun(tmp_path, 1, 0, NoisySquares())
    run.go_to(60)
    truth = np.full((2, 16, 16, 3), 0.6, np.float32)
    noisy = np.clip(truth + np.random.default_rng(3).normal(0, 0.15, truth.shape), 0, 1).astype(np.float32)
    better = restored(run.averaged_net, noisy)
    assert np.abs(better - truth).mean() < 0.6 * np.abs(noisy - truth).mean()


def test_a_run_that_was_interrupted_ends_with_the_same_weights(tmp_path):
    whole = FeedForwardRun(tmp_path / "whole", 5, 0, NoisySquares())
    whole.go_to(6)
    FeedForwardRun(tmp_path / "halves", 5, 0, NoisySquares()).go_to(3)
    resumed = FeedForwardRun(tmp_path / "halves", 5, 0, NoisySquares())
    assert resumed.step == 3
    resumed.go_to(6)
    assert same(whole.weights(), resumed.weights())


def test_another_stream_trains_on_other_pictures(tmp_path):
    runs = [FeedForwardRun(tmp_path / str(stream), 5, stream, NoisySquares()) for stream in (0, 1)]
    assert same(runs[0].weights(), runs[1].weights())
    for run in runs:
        run.go_to(2)
    assert not same(runs[0].weights(), runs[1].weights())


def test_weights_to_start_from_take_the_place_of_the_seeds(tmp_path):
    first = FeedForwardRun(tmp_path / "first", 5, 0, NoisySquares())
    first.go_to(2)
    second = FeedForwardRun(
        folder=tmp_path / "second", seed=9, stream=0, source=NoisySquares(), start=first.weights()
    )
    assert same(second.weights(), first.weights())


def test_a_state_that_is_no_state_is_refused(tmp_path):
    (tmp_path / "state.pt").write_bytes(b"nothing of the kind")
    with pytest.raises(CheckpointUnreadable):
        FeedForwardRun(tmp_path, 1, 0, NoisySquares())


def test_peak_memory_is_what_a_call_takes_and_gives_back():
    taken = extra_peak_mb(lambda: np.ones(8_000_000).sum())
    assert taken is None or taken == pytest.approx(64.0, abs=8.0)
    nothing = extra_peak_mb(lambda: None)
    assert nothing is None or nothing < 4.0
