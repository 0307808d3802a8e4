"""Hosts stand on the client alone: the standard library, pyzmq, and what the host itself brings."""

import sys

import pytest
from house_sources import Source, imported_modules, source_of, sources

# Blender has svfr_client inside the extension, and imports it relatively.
BROUGHT_BY_THE_HOST = {
    "svfr_client": {"zmq"},
    "svfr_blender": {"bpy", "gpu", "gpu_extras", "PyOpenColorIO"},
    "svfr_nuke": {"nuke", "zmq", "PyOpenColorIO", "svfr_client"},
}


def foreign_imports(source: Source, allowed: set[str]) -> list[str]:
    """Packages that a module imports beside the standard library and ``allowed``."""
    packages = {name.split(".")[0] for name in imported_modules(source)}
    return sorted(packages - allowed - set(sys.stdlib_module_names))


@pytest.mark.parametrize("package", sorted(BROUGHT_BY_THE_HOST))
def test_a_host_imports_only_the_client_and_what_the_host_brings(package: str) -> None:
    allowed = BROUGHT_BY_THE_HOST[package] | {package}
    files = [one for one in sources("plugin") if one.path.startswith(f"plugin/{package}/")]
    found = {one.path: foreign_imports(one, allowed) for one in files}
    assert found and {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "line",
    [
        "import numpy",
        "from svfr_restore import job",
        "import svfr.tasks",
        "import importlib as i\ni.import_module('numpy.linalg')",
        "__import__('numpy')",
    ],
)
def test_an_import_of_something_else_is_found(line: str) -> None:
    source = source_of(line, package="svfr_nuke.rooms")
    assert foreign_imports(source, BROUGHT_BY_THE_HOST["svfr_nuke"] | {"svfr_nuke"}) != []
