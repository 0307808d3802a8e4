"""What the house does in one place only: whole files, JSON from outside, starting a program for a host."""

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest
from house_sources import FLOORS, Source, source_of, sources, uses

EVERYWHERE = (*FLOORS, "ofx_bridge")
WRITER = "plugin/svfr_client/files.py"
RENAMES = {
    "ofx_bridge/build.py",  # standard library only, so that any Python of the machine runs it
    "server/svfr_lab/experiments/kit/clip_folder.py",  # moves clips that are whole into the cache
    "server/svfr_server/job_store/rescue.py",  # moves a damaged store out of the way
}
RENAMING = {
    "os.rename",
    "os.renames",
    "os.replace",
    "shutil.move",
    "tempfile.NamedTemporaryFile",
    "tempfile.mkstemp",
    "tempfile.mktemp",
}
# Where a file may be written straight onto its name. Into a ``scratch`` file or a ``draft`` folder of
# svfr_client.files every library may write.
_INPUT = "what is measured with, in a temporary folder"
HALF_A_FILE_DOES_NO_HARM = {
    "plugin/svfr_nuke/selftest.py": "a report for people, of a plugin whose parts may not load",
    "server/benchmarks/farm/plan_time.py": _INPUT,
    "server/benchmarks/farm/segments.py": _INPUT,
    "server/benchmarks/media/long_page.py": _INPUT,
    "server/benchmarks/farm/slurm_farm.py": _INPUT,
    "server/benchmarks/farm/slurm_trials.py": _INPUT,
    "server/benchmarks/media/stream.py": _INPUT,
    "server/benchmarks/sampling/against_commit.py": _INPUT,
    "server/benchmarks/sampling/true_size.py": "files to import once, in a folder that is removed",
    "server/benchmarks/sampling/both_passes.py": "runs on the code of old commits, into a temporary folder",
    "server/benchmarks/service_stress/figures.py": _INPUT,
    "server/benchmarks/service_stress/hostile_jobs.py": _INPUT,
    "server/benchmarks/service_stress/hostile_service.py": _INPUT,
    "server/benchmarks/service_stress/hostile_store.py": _INPUT,
    "server/benchmarks/service_stress/pipeline.py": _INPUT,
    "server/benchmarks/service_stress/service.py": _INPUT,
    "server/benchmarks/uploads/run.py": _INPUT,
    "server/benchmarks/uploads/ways.py": _INPUT,
    "server/svfr_cli/service_health.py": "a picture to try the path with, in a temporary folder",
    "server/svfr_lab/experiments/kit/peak_memory.py": "a switch of the kernel's in /proc, no file",
    "server/svfr_lab/preview_eval/runs.py": "a plate to restore, in a temporary folder",
    "installer/bootstrap.py": "runs before the project is installed; half a stamp installs once more",
    "ofx_bridge/build.py": "writes beside and renames; half a note in its build folder compiles once more",
}
WRITING = {
    "OpenImageIO.ImageOutput.create",
    "cv2.VideoWriter",
    "cv2.imwrite",
    "numpy.save",
    "numpy.savetxt",
    "numpy.savez",
    "numpy.savez_compressed",
    "safetensors.torch.save_file",
    "shutil.copy",
    "shutil.copy2",
    "shutil.copyfile",
    "torch.save",
}
METHODS = {"savefig", "tofile", "write_bytes", "write_text"}
WHOLE = {"draft", "scratch"}
STARTER = "plugin/svfr_client/hosting/server_process.py"
STARTING = {
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    "multiprocessing",
    "os.execv",
    "os.popen",
    "os.posix_spawn",
    "os.spawnv",
    "os.startfile",
    "os.system",
    "pty.spawn",
    "subprocess",
}
READER = "plugin/svfr_client/json_files.py"
READS_JSON: dict[str, str] = {
    "plugin/svfr_client/protocol/wire.py": "messages have limits of their own, which PROTOCOL.md gives",
    "installer/svfr_installer/blender_extension.py": "TOML: its own manifest, in a zip it has just built",
}
PARSING = {
    "json.JSONDecoder",
    "json.decoder.JSONDecoder",
    "json.load",
    "json.loads",
    "orjson.loads",
    "pydantic_core.from_json",
    "tomllib.load",
    "tomllib.loads",
}
READS_TOML = "server/svfr/validation.py"


def calls(source: Source) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield node, source.names.origin(node.func)


def own_writing(source: Source) -> list[int]:
    """Lines that rename a file into its place, or make a scratch file by name.

    ``text.replace(old, new)`` and ``dataclasses.replace(value, field=...)`` have other arguments.
    """
    found = {line for line, _ in uses(source, RENAMING)}
    for node, origin in calls(source):
        is_unbound = origin in ("pathlib.Path.replace", "pathlib.Path.rename")
        is_method = origin.rpartition(".")[2] in {"replace", "rename"} and "." in origin
        if is_unbound or (is_method and len(node.args) == 1 and not node.keywords):
            found.add(node.lineno)
    return sorted(found)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("scratch.replace(path)", [1]),
        ("import os\nos.replace(a, b)", [2]),
        ("from os import replace as swap\nswap(a, b)", [1, 2]),
        ("import os as o\nmove = o.rename\nmove(a, b)", [2, 3]),
        ("import shutil\nshutil.move(a, b)", [2]),
        ("import os\ngetattr(os, 'replace')(a, b)", [2]),
        ("import importlib\nimportlib.import_module('os').replace(a, b)", [2]),
        ("from functools import partial\nimport os\nlater = partial(os.replace, a, b)", [3]),
        ("from pathlib import Path as P\nP.replace(a, b)", [2]),
        ("from pathlib import Path as P\nP(a).rename(b)", [2]),
        ("swap = scratch.replace\nswap(path)", [2]),
        ("from tempfile import mkstemp as m\nm(dir=folder)", [1, 2]),
        ("import tempfile\ntempfile.NamedTemporaryFile()", [2]),
        ("(folder / name).rename(kept)", [1]),
        ("text.replace('a', 'b')", []),
        ("from dataclasses import replace\nreplace(spec, frames='1')", []),
        ("table.rename(columns={})", []),
    ],
)
def test_a_writer_of_its_own_is_found(text: str, lines: list[int]) -> None:
    assert own_writing(source_of(text)) == lines


def test_files_are_written_whole_in_one_place() -> None:
    found = {source.path for source in sources(*EVERYWHERE) if own_writing(source)}
    assert found - RENAMES == {WRITER}
    assert found >= RENAMES, "an exception that is none any more"


def straight_writing(source: Source) -> list[int]:
    """Lines that write onto a file's name: ``write_text``, ``numpy.save``, ``open`` to write or create.

    Appending is not meant: a log grows under its name. Nor is what goes into memory or into a file that a
    line of its own has opened. What is called ``scratch`` or ``draft`` must have been given as such, or lie
    in a temporary folder: a line that gives the name to something else counts too.
    """
    found, bound = set(), bound_names(source)
    harmless = WHOLE | bound["opened"] | bound["memory"]
    for node, origin in calls(source):
        _, dot, method = origin.rpartition(".")
        is_method = bool(dot) and method in METHODS
        writes = origin in WRITING or is_method or opens_to_write(source, node, origin)
        if writes and not mentions(node, harmless):
            found.add(node.lineno)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign) and not is_given(source, node.value, bound["folder"] | WHOLE):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            found |= {node.lineno} if names & WHOLE else set()
    return sorted(found)


def is_given(source: Source, value: ast.expr, folders: set[str]) -> bool:
    """Whether a value lies in one of these folders, or is what a block that was entered by hand yields."""
    is_entered = isinstance(value, ast.Call) and source.names.origin(value.func).endswith(".__enter__")
    return is_entered or mentions(value, folders)


def bound_names(source: Source) -> dict[str, set[str]]:
    """The names that a source binds to opened files, to temporary folders and to files in memory."""
    found: dict[str, set[str]] = {"opened": set(), "folder": set(), "memory": set()}
    for node in ast.walk(source.tree):
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(node, ast.With | ast.AsyncWith):
            pairs = [(item.optional_vars, item.context_expr) for item in node.items]
        elif isinstance(node, ast.Assign):
            pairs = [(target, node.value) for target in node.targets]
        for name, value in pairs:
            if isinstance(name, ast.Name) and isinstance(value, ast.Call):
                origin = source.names.origin(value.func)
                if isinstance(node, ast.With) and origin.rpartition(".")[2] == "open":
                    found["opened"].add(name.id)
                if isinstance(node, ast.With) and origin == "tempfile.TemporaryDirectory":
                    found["folder"].add(name.id)
                if origin in ("io.BytesIO", "io.StringIO"):
                    found["memory"].add(name.id)
    return found


def opens_to_write(source: Source, node: ast.Call, origin: str) -> bool:
    """Whether a call opens a file to write it anew."""
    if origin == "os.open":
        inner = [part for arg in node.args[1:] for part in ast.walk(arg) if is_named(part)]
        named = {source.names.origin(part) for part in inner}
        return bool(named & {"os.O_EXCL", "os.O_TRUNC"})
    if origin.rpartition(".")[2] not in ("open", "fdopen"):
        return False
    position = 1 if origin in ("av.open", "open", "os.fdopen", "pathlib.Path.open") else 0
    given = [*node.args[position : position + 1], *(w.value for w in node.keywords if w.arg == "mode")]
    modes = [value.value for value in given if isinstance(value, ast.Constant)]
    return any(isinstance(mode, str) and mode[:1] in {"w", "x"} for mode in modes)


def is_named(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute | ast.Name)


def mentions(node: ast.AST, names: set[str]) -> bool:
    """Whether an expression has one of these plain names in it."""
    return any(isinstance(part, ast.Name) and part.id in names for part in ast.walk(node))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("path.write_text(text)", [1]),
        ("(folder / name).write_bytes(data)", [1]),
        ("write = path.write_bytes\nwrite(data)", [2]),
        ("from pathlib import Path as P\nP.write_text(path, text)", [2]),
        ("path.open('wb')", [1]),
        ("path.open(mode='x')", [1]),
        ("open(path, 'w')", [1]),
        ("from io import open as o\no(path, 'w')", [2]),
        ("import io\nio.open(path, mode='w')", [2]),
        ("import os\nos.fdopen(handle, 'w')", [2]),
        ("import os\nos.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)", [2]),
        ("import av\nav.open(path, 'w', format='mp4')", [2]),
        ("import OpenImageIO as oiio\noiio.ImageOutput.create(path)", [2]),
        ("import numpy as np\nnp.save(path, array)", [2]),
        ("from torch import save as keep\nkeep(state, path)", [2]),
        ("from shutil import copyfile\ncopyfile(a, b)", [2]),
        ("scratch = path\nscratch.write_text(text)", [1]),
        ("scratch.write_text(text)", []),
        ("(draft / name).write_text(text)", []),
        ("import numpy as np\nnp.save(scratch, array)", []),
        ("path.open('rb+')", []),
        ("log.open('ab')", []),
        ("import os\nos.open(path, os.O_CREAT | os.O_APPEND)", []),
        ("import numpy as np\nwith scratch.open('wb') as stream:\n    np.savez(stream, a=1)", []),
        ("import io\ndrawn = io.BytesIO()\nfigure.savefig(drawn)", []),
        ("import tempfile as t\nwith t.TemporaryDirectory() as f:\n    scratch = Path(f) / 'a'", []),
        ("open('words.txt')", []),
    ],
)
def test_a_file_that_is_written_onto_its_name_is_found(text: str, lines: list[int]) -> None:
    assert straight_writing(source_of(text)) == lines


def test_no_file_is_written_straight_onto_its_name() -> None:
    found = {
        f"{source.path}:{line}"
        for source in sources(*EVERYWHERE)
        for line in straight_writing(source)
        if source.path not in (WRITER, *HALF_A_FILE_DOES_NO_HARM)
    }
    assert sorted(found) == []


def test_every_place_that_may_write_straight_still_does() -> None:
    found = {source.path for source in sources(*EVERYWHERE) if straight_writing(source)}
    assert set(HALF_A_FILE_DOES_NO_HARM) <= found


@pytest.mark.parametrize(
    "text",
    [
        "import json\njson.loads(text)",
        "from json import loads as read\nread(text)",
        "import json as j\nj.load(file)",
        "import json\nread = json.loads",
        "from json import JSONDecoder",
        "import tomllib\ntomllib.loads(text)",
        "import json\ngetattr(json, 'loads')(text)",
    ],
)
def test_a_raw_reader_is_found(text: str) -> None:
    assert list(uses(source_of(text), PARSING))


def test_json_is_read_within_bounds_in_one_place() -> None:
    """Broken, deeply nested, endless or foreign bytes are an error with a reason there, and here too."""
    found = {source.path for source in sources(*EVERYWHERE) if list(uses(source, PARSING))}
    assert found == {READER, READS_TOML, *READS_JSON}


def test_hosts_start_programs_in_one_place() -> None:
    found = {source.path for source in sources("plugin") if list(uses(source, STARTING)) or starts(source)}
    assert found == {STARTER}


def starts(source: Source) -> bool:
    """Whether a source imports a module that starts programs, under whatever name."""
    origins = {PurePosixPath(name.replace(".", "/")).parts[0] for name in imported(source)}
    return bool(origins & {"subprocess", "multiprocessing"})


def imported(source: Source) -> set[str]:
    from house_sources import imported_modules

    return {name for name in imported_modules(source) if name}


@pytest.mark.parametrize(
    "text",
    [
        "import subprocess as s",
        "from subprocess import run as go",
        "import os\nos.system('x')",
        "__import__('subprocess')",
    ],
)
def test_a_start_of_a_program_is_found(text: str) -> None:
    source = source_of(text)
    assert starts(source) or list(uses(source, STARTING))


HAND_MADE_SIZES = {
    "plugin/svfr_client/sizes.py": "the one place",
    "installer/bootstrap.py": "runs before the project is installed",
}
_SIZE = re.compile(r"(?<![\w.])(?:[kKMGT]i?B)\b")


def hand_made_sizes(source: Source) -> list[int]:
    """Lines that put a number before a unit of bytes themselves."""
    found = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.JoinedStr):
            texts = [part.value for part in node.values if isinstance(part, ast.Constant)]
            if any(_SIZE.match(str(text).lstrip()) for text in texts):
                found.append(node.lineno)
    return found


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('f"{size / 1e6:.1f} MB"', [1]),
        ('f"about {size // 2**20} MiB are sent"', [1]),
        ('f"{size_text(size)} are sent"', []),
        ('"At most 20 GiB."', []),
    ],
)
def test_what_makes_a_size_by_hand_is_seen(text: str, lines: list[int]) -> None:
    assert hand_made_sizes(source_of(text)) == lines


def test_sizes_are_written_in_one_unit_by_one_function() -> None:
    made = {
        source.path: lines
        for source in sources(*EVERYWHERE)
        if not source.path.startswith(("server/benchmarks/", "server/svfr_lab/"))
        and (lines := hand_made_sizes(source))
    }
    assert made.keys() - HAND_MADE_SIZES.keys() == set(), made


# Where an artist's paths come in: of one in a folder that may not be entered, pathlib's questions raise.
PATHS_OF_ARTISTS = (
    "plugin",
    "server/svfr_restore",
    "server/svfr_cli/commands",
    "server/svfr_cli/job_options.py",
)
OF_OUR_OWN_FOLDERS = {
    "plugin/svfr_nuke/vendored.py",  # beside the plugin itself, before svfr_client can be imported
    "plugin/svfr_nuke/server_link.py",  # beside the plugin itself
    "server/svfr_restore/faces/model_files.py",
    "server/svfr_restore/code_sources.py",
    "server/svfr_cli/commands/install.py",
    "server/svfr_cli/commands/keys.py",
}


def raising_questions(source: Source) -> list[int]:
    """The lines of ``path.is_file()``, ``.is_dir()`` and ``.exists()``, which raise where nobody may look."""
    return [
        node.lineno
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("is_file", "is_dir", "exists")
        and not source.names.origin(node.func).startswith("os.path")
    ]


@pytest.mark.parametrize("question", ["is_file", "is_dir", "exists"])
def test_a_question_to_a_path_that_may_raise_is_found(question: str) -> None:
    assert raising_questions(source_of(f"found = path.{question}()")) == [1]
    assert raising_questions(source_of("import os\nfound = os.path.exists(path)")) == []


def test_whether_an_artists_path_is_there_is_asked_where_no_permission_is_no_traceback() -> None:
    found = [
        f"{source.path}:{line}: use is_file, is_folder or is_there of svfr_client.files"
        for source in sources()
        if source.path.startswith(PATHS_OF_ARTISTS) and source.path not in {*OF_OUR_OWN_FOLDERS, WRITER}
        for line in raising_questions(source)
    ]
    assert found == []
