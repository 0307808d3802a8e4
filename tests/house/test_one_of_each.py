"""What the house does in one place only: whole files, and starting a program on behalf of a host."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("plugin", "server", "ocio", "installer", "ofx_bridge")
WRITER = "plugin/svfr_client/files.py"
# Folders that appear whole: made under a draft name and renamed; whole_file is for files.
RENAMES = {
    "server/svfr/models/new_folder.py",
    "server/svfr_lab/experiments/kit/clip_folder.py",
    "server/svfr_server/job_store/rescue.py",  # moves a damaged store out of the way
}
# Where a file may be written straight onto its name; a file called ``scratch`` may everywhere.
HALF_A_FILE_DOES_NO_HARM = {
    "server/svfr/models/folder.py",  # into a draft folder, which appears whole; models know no client files
    "plugin/svfr_nuke/selftest.py",  # a report for people, of a plugin whose parts may not load
}
STARTER = "plugin/svfr_client/hosting/server_process.py"


def sources(*floors: str) -> Iterator[tuple[str, str]]:
    for floor in floors:
        for path in sorted((ROOT / floor).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def own_writing(source: str) -> list[int]:
    """Lines that rename a file into its place, or make a scratch file by name.

    ``text.replace(old, new)`` and ``dataclasses.replace(value, field=...)`` have other arguments.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        of_os = isinstance(owner, ast.Name) and owner.id == "os"
        renames = name in {"replace", "rename"} and len(node.args) == 1 and not node.keywords
        if renames or (of_os and name in {"replace", "rename", "renames"}):
            found.append(node.lineno)
        if name in {"mkstemp", "NamedTemporaryFile"}:
            found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("scratch.replace(path)", [1]),
        ("import os\nos.replace(a, b)", [2]),
        ("tempfile.mkstemp(dir=folder)", [1]),
        ("NamedTemporaryFile()", [1]),
        ("(folder / name).rename(kept)", [1]),
        ("text.replace('a', 'b')", []),
        ("replace(spec, frames='1')", []),
        ("table.rename(columns={})", []),
    ],
)
def test_a_writer_of_its_own_is_found(source: str, lines: list[int]) -> None:
    assert own_writing(source) == lines


def test_files_are_written_whole_in_one_place() -> None:
    found = {name for name, text in sources(*FLOORS) if own_writing(text)}
    assert found - RENAMES == {WRITER}
    assert found >= RENAMES, "an exception that is none any more"


def straight_writing(source: str) -> list[int]:
    """Lines that write onto a file's name: ``write_text``, ``write_bytes``, ``open`` to write or create.

    Appending is not meant: a log grows under its name.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        given = [
            *(node.args[:1] if owner else node.args[1:2]),
            *(word.value for word in node.keywords if word.arg == "mode"),
        ]
        modes = [value.value for value in given if isinstance(value, ast.Constant)]
        opens = name == "open" and any(
            isinstance(mode, str) and mode[:1] in {"w", "x"} for mode in modes[-1:]
        )
        is_scratch = isinstance(owner, ast.Name) and owner.id == "scratch"
        if (opens or name in {"write_text", "write_bytes"}) and not is_scratch:
            found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("path.write_text(text)", [1]),
        ("(folder / name).write_bytes(data)", [1]),
        ("path.open('wb')", [1]),
        ("path.open(mode='x')", [1]),
        ("open(path, 'w')", [1]),
        ("scratch.write_text(text)", []),
        ("path.open('rb+')", []),
        ("log.open('ab')", []),
        ("open('words.txt')", []),
    ],
)
def test_a_file_that_is_written_onto_its_name_is_found(source: str, lines: list[int]) -> None:
    assert straight_writing(source) == lines


def test_no_file_is_written_straight_onto_its_name() -> None:
    rooms = ("server/svfr", "server/svfr_restore", "server/svfr_server", "server/svfr_farm", "plugin")
    found = {name for name, text in sources(*rooms) if straight_writing(text)}
    assert found == HALF_A_FILE_DOES_NO_HARM


def imported(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def test_hosts_start_programs_in_one_place() -> None:
    assert [name for name, text in sources("plugin") if "subprocess" in imported(text)] == [STARTER]
