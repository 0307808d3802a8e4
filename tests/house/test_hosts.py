"""Hosts stand on the client alone: the standard library, pyzmq, and what the host itself brings."""

import ast
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "plugin"
# Blender has svfr_client inside the extension, and imports it relatively.
BROUGHT_BY_THE_HOST = {
    "svfr_client": {"zmq"},
    "svfr_blender": {"bpy", "gpu", "gpu_extras", "PyOpenColorIO"},
    "svfr_nuke": {"nuke", "zmq", "PyOpenColorIO", "svfr_client"},
}


def foreign_imports(source: str, allowed: set[str]) -> list[str]:
    """Packages that a module imports beside the standard library and ``allowed``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.append(node.module)
    packages = {name.split(".")[0] for name in found}
    return sorted(packages - allowed - set(sys.stdlib_module_names))


@pytest.mark.parametrize("package", sorted(BROUGHT_BY_THE_HOST))
def test_a_host_imports_only_the_client_and_what_the_host_brings(package: str) -> None:
    allowed = BROUGHT_BY_THE_HOST[package] | {package}
    files = sorted((PLUGIN / package).rglob("*.py"))
    found = {path.name: foreign_imports(path.read_text(encoding="utf-8"), allowed) for path in files}
    assert found and {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize("line", ["import numpy", "from svfr_restore import job", "import svfr.tasks"])
def test_an_import_of_something_else_is_found(line: str) -> None:
    assert foreign_imports(line, BROUGHT_BY_THE_HOST["svfr_nuke"]) != []
