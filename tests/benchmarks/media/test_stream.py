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


@pytest.mark.parametrize(
    ("printed", "growth", "holds"),
    [
        (("500.0 2000.0", "1250.3 2000.0", "1400.3 2000.0"), "5.002, 0.750", False),  # it grows by too much
        (("500.0 2000.0", "650.0 2000.0", "800.0 700.0"), "1.000, 0.750", False),  # more than was estimated
        (("500.0 2000.0", "650.0 2000.0", "800.0 2000.0"), "1.000, 0.750", True),
    ],
)
def test_growth_beyond_the_limit_and_more_than_the_estimate_are_failures(
    printed: tuple[str, ...],
    growth: str,
    holds: bool,
    benchmark: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    peaks = iter(printed)
    done = type("Done", (), {"stdout": ""})

    def run(*_: object, **__: object) -> object:
        done.stdout = next(peaks)
        return done

    monkeypatch.setattr(benchmark.subprocess, "run", run)
    assert benchmark.measure([50, 200, 400], "mini", (90, 160), all_tasks=False) == holds
    assert f"growth: {growth} MB a frame" in capsys.readouterr().out
