"""The extension's zip, a real server, and each version of Blender that is supported."""

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from blender_host import USUAL_VERSIONS, VERSIONS, Blender, blender_python
from e2e_service import running

from svfr_installer.blender_extension import EDITIONS, build_extension, edition_for, stage_extension

# The extension's own modules, laid out as they ship (svfr_client inside), for tests without Blender.
_STAGED = tempfile.TemporaryDirectory(prefix="svfr-staged-")
stage_extension(Path(_STAGED.name) / "staged_extension", [])
sys.path.insert(0, _STAGED.name)


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_extension(tmp_path_factory.mktemp("extension"))


@pytest.fixture(scope="session")
def extension_zips(extension_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The zip of every edition, by its name."""
    newer = build_extension(tmp_path_factory.mktemp("extension"), edition=EDITIONS[1])
    return {EDITIONS[0].name: extension_zip, EDITIONS[1].name: newer}


@pytest.fixture(scope="session")
def service_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with running(tmp_path_factory.mktemp("service") / "home") as home:
        yield home


@pytest.fixture(params=USUAL_VERSIONS)
def lone_blender(
    request: pytest.FixtureRequest, extension_zips: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Blender:
    """Blender with the extension's zip, without a server and without a way to start one."""
    home = tmp_path_factory.mktemp("nobody") / "home"
    environment = {"SVFR_HOME": str(home), "SVFR_SERVER": str(home / "no-svfr")}
    major, minor = map(int, request.param.split(".")[:2])
    archive = extension_zips[edition_for((major, minor)).name]
    return Blender(request.param, blender_python(request.param), archive, environment)


@pytest.fixture
def blender(lone_blender: Blender, service_home: Path) -> Blender:
    """Blender beside a running server."""
    return replace(lone_blender, environment={**lone_blender.environment, "SVFR_HOME": str(service_home)})


@pytest.fixture
def oldest_blender(lone_blender: Blender) -> Blender:
    """The oldest version, for files that newer ones open."""
    return replace(lone_blender, version=VERSIONS[0], python=blender_python(VERSIONS[0]))
