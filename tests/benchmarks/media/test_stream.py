"""The benchmark of memory runs whole jobs, in processes of their own, and says when memory grows."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    return importlib.import_module("benchmarks.media.stream")


def test_a_length_is_measured_in_its_own_process(
    benchmark: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    own_peak = benchmark.peak_resident_mb()
    assert benchmark.measure([2], None, (90, 160), all_tasks=True)
    said = capsys.readouterr().out
    assert "160x90 half, three tasks" in said and "    2 frames: peak" in said
    assert benchmark.peak_resident_mb() < own_peak + 100.0  # the job ran elsewhere


def test_growth_beyond_the_limit_is_a_failure(
    benchmark: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    peaks = iter(("500.0", "1250.3", "1400.3"))
    done = type("Done", (), {"stdout": ""})

    def run(*_: object, **__: object) -> object:
        done.stdout = next(peaks)
        return done

    monkeypatch.setattr(benchmark.subprocess, "run", run)
    assert not benchmark.measure([50, 200, 400], "mini", (90, 160), all_tasks=False)
    assert "growth: 5.002, 0.750 MB a frame" in capsys.readouterr().out
