"""The self-test that people run in their Nuke passes here in the fake, and notices what is wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
import strict_images
from strict_nuke import FakeNuke


def test_the_selftest_passes_against_the_real_server(
    make_nuke: Callable[..., FakeNuke], tmp_path: Path, local_server: Path
) -> None:
    make_nuke(gui=False, script=tmp_path / "none.nk")
    from svfr_nuke.selftest import main

    report = tmp_path / "report.txt"
    assert main([str(report)]) == 0, report.read_text()
    text = report.read_text()
    assert text.count("\nok      ") == 5 and "12 samples equal" in text


def test_the_selftest_fails_when_pixels_differ(
    make_nuke: Callable[..., FakeNuke],
    tmp_path: Path,
    local_server: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_nuke(gui=False, script=tmp_path / "none.nk")
    from svfr_nuke.selftest import main

    real = strict_images.render
    monkeypatch.setattr(
        strict_images,
        "render",
        lambda node, frame, view: {
            name: plane + (0.01 if node._kind == "Group" else 0.0)
            for name, plane in real(node, frame, view).items()
        },
    )
    report = tmp_path / "report.txt"
    assert main([str(report)]) == 1
    assert "differs from the plate by 0.0" in report.read_text()
