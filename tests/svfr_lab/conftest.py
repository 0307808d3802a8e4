"""Shared pieces of the laboratory's tests: one renderer, one small rendered folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from svfr_lab.errors import OffscreenGraphicsUnavailable
from svfr_lab.heads.backgrounds import background_bank
from svfr_lab.heads.dataset import RenderSettings, render_dataset
from svfr_lab.heads.renderer import FaceRenderer


def _without_graphics(problem: OffscreenGraphicsUnavailable) -> None:
    """A desk without EGL may go on; a build machine without it is broken."""
    if os.environ.get("CI"):
        pytest.fail(str(problem), pytrace=False)
    pytest.skip(str(problem))


@pytest.fixture(scope="session")
def renderer() -> Iterator[FaceRenderer]:
    try:
        made = FaceRenderer(128, background_bank(seed=2, count=3))
    except OffscreenGraphicsUnavailable as problem:
        _without_graphics(problem)
    yield made
    made.close()


@pytest.fixture(scope="session")
def small_settings() -> RenderSettings:
    return RenderSettings(clips=4, first_seed=70, size_px=48, frames=3, bank_seed=2, bank=3)


@pytest.fixture(scope="session")
def small_folder(tmp_path_factory: pytest.TempPathFactory, small_settings: RenderSettings) -> Path:
    folder = tmp_path_factory.mktemp("rendered")
    try:
        render_dataset(folder, small_settings)
    except OffscreenGraphicsUnavailable as problem:
        _without_graphics(problem)
    return folder
