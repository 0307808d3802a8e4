"""Files under a running job: swapped links, changed plates, full disks; nothing half-written stays."""

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from server_samples import Service, StartService, job, workers_of
from service_pipelines import disturbance_of

from svfr_client.client import Client
from svfr_client.errors import ReportedError
from svfr_client.job import JobSpec, Reference
from svfr_client.protocol.messages import Event
from svfr_client.protocol.wire import new_id
from svfr_server.errors import DiskIsFull, PathForbidden, SourceChanged, StorageFailed, StoreUnavailable
from svfr_server.job_store.checkpoints import DiskCheckpoints
from svfr_server.job_store.disk_errors import storage_error
from svfr_server.job_store.entry import JobEntry
from svfr_server.job_store.store import JobStore, Sender
from svfr_server.roots import PathRoots
from svfr_server.settings import Limits
from svfr_server.supervisor.child_process import package_environment
from svfr_server.worker import landlock
from svfr_server.worker.file_guard import FileGuard, install
from svfr_server.worker.scratch import make_scratch_folder
from svfr_server.worker.sources import Sources


def write_plate(folder: Path, frames: range = range(1001, 1009)) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for frame in frames:
        (folder / f"a.{frame}.exr").write_bytes(b"plate")
    return str(folder / "a.%04d.exr")


def plate_job(folder: Path, pipeline: str, **changes: Any) -> JobSpec:
    given = {"plate": write_plate(folder / "plate"), "output": str(folder / "out" / "o.%04d.exr"), **changes}
    return replace(job(pipeline, "1001-1008"), **given)


def disturbed(client: Client, spec: JobSpec, disturb: Callable[[], None]) -> list[Event]:
    """Follow a job and disturb it in its middle, where it waits for that."""
    events: list[Event] = []
    for event in client.follow(client.submit(spec).job):
        events.append(event)
        is_amid = event.kind == "progress" and event.body["done"] == 3
        if is_amid and not disturbance_of(spec).exists():
            disturb()
            disturbance_of(spec).touch()
    return events


def error_of(events: list[Event]) -> dict[str, Any]:
    assert events[-1].kind == "failed", events[-1]
    error: dict[str, Any] = events[-1].body["error"]
    return error


@pytest.fixture
def rooted(start_service: StartService, tmp_path: Path) -> tuple[Service, Path, Path]:
    """A service held to one folder, that folder, and one outside."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    write_plate(outside / "plate")
    (outside / "out").mkdir()
    return start_service("--read-root", str(inside), "--write-root", str(inside)), inside, outside


@pytest.mark.parametrize("pipeline", ["opens_its_plate", "opens_its_plate_unseen"])
def test_a_link_swapped_in_while_a_job_reads_leads_nowhere(
    rooted: tuple[Service, Path, Path], pipeline: str
) -> None:
    service, inside, outside = rooted

    def swap() -> None:
        (inside / "plate").rename(inside / "was")
        (inside / "plate").symlink_to(outside / "plate")

    with service.client() as client:
        error = error_of(disturbed(client, plate_job(inside, pipeline), swap))
    if pipeline == "opens_its_plate_unseen" and landlock.version():
        assert "CalledProcessError" in error["message"]  # the kernel refused the program
    else:
        assert error["code"] in ("FORBIDDEN_PATH", "SOURCE_CHANGED")


def test_a_link_swapped_in_while_a_job_writes_leads_nowhere(rooted: tuple[Service, Path, Path]) -> None:
    service, inside, outside = rooted

    def swap() -> None:
        (inside / "out").rename(inside / "was")
        (inside / "out").symlink_to(outside / "out")

    with service.client() as client:
        error = error_of(disturbed(client, plate_job(inside, "writes_its_output"), swap))
    assert error["code"] == "FORBIDDEN_PATH"
    assert list((outside / "out").iterdir()) == []


def test_the_kernel_keeps_a_confined_process_inside_whatever_it_opens(tmp_path: Path) -> None:
    if landlock.version() == 0:  # an older kernel, another system: the gate alone holds, and confine says so
        assert not landlock.confine(PathRoots((tmp_path,), (tmp_path,)), tmp_path)
        return
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "a").write_text("a")
    (tmp_path / "secret").write_text("s")
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "secret")
    code = (
        "import os, sys, tempfile\n"
        "from pathlib import Path\n"
        "from svfr_server.worker.landlock import confine\n"
        "from svfr_server.roots import PathRoots\n"
        "inside = Path(sys.argv[1])\n"
        "tempfile.tempdir = str(inside / 'scratch')\n"
        "assert confine(PathRoots((inside,), (inside,)), inside / 'home')\n"
        "print((inside / 'a').read_text())\n"
        "(inside / 'b').write_text('b')\n"
        "for forbidden in (inside / 'link', inside.parent / 'secret'):\n"
        "    print(os.system(f'cat {forbidden} 2>/dev/null') != 0)\n"
        "try: (inside.parent / 'c').write_text('c')\n"
        "except PermissionError: print('refused')\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "inside")]
    ended = subprocess.run(
        command, env=package_environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.stdout.split(), ended.stderr) == (["a", "True", "True", "refused"], "")
    assert not (tmp_path / "c").exists()


def test_a_confined_worker_has_networks_compiled_in_the_home(tmp_path: Path) -> None:
    """Compilers keep caches below the user's home and in /tmp, which the kernel closes to a worker."""
    for name in ("inside", "home", "scratch"):
        (tmp_path / name).mkdir(mode=0o700)
    code = (
        "import sys, tempfile, torch\n"
        "from pathlib import Path\n"
        "from svfr.compiled.beside import CompileBeside\n"
        "from svfr.compiled.calls import Call\n"
        "from svfr.compiled.folder import PackageFolder\n"
        "from svfr.compiled.recipe import EXPORTED, Recipe\n"
        "from svfr.precision import STRICT\n"
        "from svfr_server.roots import PathRoots\n"
        "from svfr_server.worker.landlock import confine, version\n"
        "base = Path(sys.argv[1])\n"
        "tempfile.tempdir = str(base / 'scratch')\n"
        "roots = PathRoots((base / 'inside',), (base / 'inside',))\n"
        "assert confine(roots, base / 'home') == (version() > 0)\n"
        "vae = {'block_out_channels': [32], 'down_block_types': ['DownEncoderBlock2D'],\n"
        "       'layers_per_block': 1}\n"
        "recipe = Recipe.of({}, vae, STRICT, torch.device('cpu'), EXPORTED)\n"
        "folder = PackageFolder(base / 'home' / 'compiled')\n"
        "beside = CompileBeside(folder)\n"
        "beside.ask(recipe, Call(network='decoder', sample=(2, 4, 4, 4)))\n"
        "assert beside.wait(600)\n"
        "print(beside.take_problems(), set(folder.packages(recipe.key)))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    ended = subprocess.run(command, env=package_environment(), capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "[] {'decoder-2x4x4x4'}", ended.stdout + ended.stderr


@pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock")
@pytest.mark.parametrize("started_in", ["/", "server"])
def test_a_confined_process_reads_its_own_code_wherever_it_lies_and_no_more(
    tmp_path: Path, started_in: str
) -> None:
    """An editable install imports our packages by a hook; ``python -m`` puts its own folder on the path."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "secret").write_text("s")
    code = (
        "import importlib.machinery, os, sys\n"
        "from pathlib import Path\n"
        "packages = {n: Path(importlib.util.find_spec(n).origin) for n in sys.argv[2].split()}\n"
        "class Hook:\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name in packages:\n"
        "            where = [str(packages[name].parent)]\n"
        "            return importlib.util.spec_from_file_location(\n"
        "                name, packages[name], submodule_search_locations=where)\n"
        "sys.meta_path.insert(0, Hook)\n"
        "roots = {str(origin.parent.parent) for origin in packages.values()}\n"
        "sys.path = [os.getcwd(), *(folder for folder in sys.path if folder not in roots)]\n"
        "from svfr_server.roots import PathRoots\n"
        "from svfr_server.worker.landlock import confine\n"
        "inside = Path(sys.argv[1])\n"
        "import tempfile; tempfile.tempdir = str(inside)\n"
        "assert confine(PathRoots((inside,), ()), inside)\n"
        "import svfr_ocio, svfr_server.worker.scratch\n"
        "print(packages['svfr'].read_text() is not None)\n"
        "try: (inside.parent / 'secret').read_text()\n"
        "except PermissionError: print('refused')\n"
    )
    packages = "svfr svfr_client svfr_ocio svfr_restore svfr_server"
    folder = "/" if started_in == "/" else Path(landlock.__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", "import importlib.util\n" + code, str(tmp_path / "inside"), packages],
        env=package_environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.stdout.split(), ended.stderr) == (["True", "refused"], "")


@pytest.mark.parametrize("pipeline", ["opens_its_plate", "opens_its_plate_unseen"])
def test_a_plate_that_changes_under_the_job_ends_it(client: Client, tmp_path: Path, pipeline: str) -> None:
    def render_again() -> None:
        (tmp_path / "plate" / "a.1007.exr").write_bytes(b"another picture")

    error = error_of(disturbed(client, plate_job(tmp_path, pipeline), render_again))
    assert (error["code"], error["path"]) == ("SOURCE_CHANGED", str(tmp_path / "plate" / "a.1007.exr"))
    assert "Hand the job in again" in error["remedy"]
    assert list(client.follow(client.submit(plate_job(tmp_path, pipeline)).job))[-1].kind == "done"


def test_a_second_attempt_compares_with_what_the_first_one_saw(tmp_path: Path) -> None:
    spec, journal = plate_job(tmp_path, "quick"), DiskCheckpoints(tmp_path / "journal")
    Sources.of_job(spec, journal)
    Sources.of_job(spec, journal).check_all()
    (tmp_path / "plate" / "a.1003.exr").write_bytes(b"longer than before")
    with pytest.raises(SourceChanged, match="1003"):
        Sources.of_job(spec, journal)


def test_only_the_jobs_own_frames_are_its_inputs(tmp_path: Path) -> None:
    spec = replace(plate_job(tmp_path, "quick"), frames="1002-1003", handles=1)
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"p")
    sources = Sources.of_job(
        replace(spec, references=(Reference(photo=str(photo)),)), DiskCheckpoints(tmp_path / "j")
    )
    for frame in (1001, 1005, 1008):
        (tmp_path / "plate" / f"a.{frame}.exr").write_bytes(b"rendered again")
    for frame in (1005, 1008):
        sources.check(str(tmp_path / "plate" / f"a.{frame}.exr"))
    for path in (tmp_path / "plate" / "a.1001.exr", photo):
        path.write_bytes(b"changed again")
        with pytest.raises(SourceChanged):
            sources.check(str(path))


def test_a_version_is_noted_before_its_first_file_appears(own_service: Service, tmp_path: Path) -> None:
    """The worker dies between two files, before or after it could tell of one: still only one version."""
    spec = plate_job(tmp_path, "writes_its_output", output=str(tmp_path / "out" / "o_v001.%04d.exr"))

    def kill_the_worker() -> None:
        (worker,) = workers_of(own_service)
        os.kill(worker.pid, signal.SIGKILL)

    with own_service.client() as client:
        submitted = client.submit(spec).job
        notes = own_service.home / "journal" / submitted / "output.json"
        while not list((tmp_path / "out").glob("o_*")):
            time.sleep(0.002)
        assert notes.read_text() == f'"{spec.output}"'
        kill_the_worker()
        disturbance_of(spec).touch()
        events = list(client.follow(submitted))
    assert [e.kind for e in events if e.kind in ("retry", "done")] == ["retry", "done"]
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.parametrize(
    ("pipeline", "code", "path"),
    [
        ("fills_the_disk", "DISK_FULL", "/p/out/a.1001.exr"),
        ("loses_its_share", "STORAGE_FAILED", "/p/a.1001.exr"),
    ],
)
def test_a_disk_that_gives_out_is_a_clear_failure(
    client: Client, pipeline: str, code: str, path: str
) -> None:
    error = error_of(list(client.follow(client.submit(job(pipeline)).job)))
    assert (error["code"], error["path"]) == (code, path)
    assert "Hand the job in again" in error["remedy"]


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (28, DiskIsFull, "cannot be written"),
        (122, DiskIsFull, "cannot be written"),
        (30, StorageFailed, "refuses"),
        (13, StorageFailed, "refuses"),
        (116, StorageFailed, "cannot be reached"),
        (5, StorageFailed, "cannot be reached"),
    ],
)
def test_every_failure_of_the_file_system_has_its_sentence(
    number: int, kind: type[Exception], text: str
) -> None:
    problem = storage_error(OSError(number, os.strerror(number), "/p/x"))
    assert type(problem) is kind and text in str(problem) and problem.path == "/p/x"


def test_a_checkpoint_without_room_is_left_out_and_a_note_without_room_is_an_error(tmp_path: Path) -> None:
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "import torch\n"
        "from svfr_server.errors import DiskIsFull\n"
        "from svfr_server.job_store.checkpoints import DiskCheckpoints\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "store = DiskCheckpoints(Path(sys.argv[1]))\n"
        "store.save('key/large', torch.zeros(4000))\n"
        "store.save('key/small', torch.zeros(4))\n"
        "print(store.load('key/large'), store.load('key/small').shape[0])\n"
        "try: store.save_note('note', 'x' * 5000)\n"
        "except DiskIsFull as problem: print(problem.code)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        env=package_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.stdout.split() == ["None", "4", "DISK_FULL"], ended.stderr
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["small.safetensors"]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """The SQLite connections that were opened since."""
    found: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def remembered(*given: Any, **more: Any) -> sqlite3.Connection:
        found.append(connect(*given, **more))
        return found[-1]

    monkeypatch.setattr(sqlite3, "connect", remembered)
    return found


def test_a_full_disk_under_the_store_loses_nothing_and_the_store_goes_on(
    tmp_path: Path, opened: list[sqlite3.Connection]
) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    # room for a few pages more: SQLite's own limit, which is its connection's, fails as a full disk does
    pages = opened[-1].execute("PRAGMA page_count").fetchone()[0]
    opened[-1].execute(f"PRAGMA max_page_count = {pages + 3}")
    kept: list[str] = []
    with pytest.raises(StoreUnavailable, match="full"):
        for _ in range(100):
            name = new_id()
            store.add(name, JobEntry.of(job("quick")), Sender("me", "me"), Limits())
            kept.append(name)
    with pytest.raises(StoreUnavailable):
        for number in range(100):
            store.append(kept[0], "warning", {"n": number, "text": "x" * 1000})
    last = store.status(kept[0]).last_seq
    opened[-1].execute("PRAGMA max_page_count = 100000")
    assert store.append(kept[0], "warning", {}) == last + 1
    assert [event.seq for event in store.events(kept[0], 0, 500)] == list(range(1, last + 2))
    assert {status.job for status in store.list(1000, False)} == set(kept)
    store.close()


def test_a_service_whose_store_has_no_room_waits_and_goes_on_with_every_event(own_service: Service) -> None:
    """Another program locks the file, as a failing disk would; the worker's reports wait in its socket."""
    with own_service.client() as client:
        submitted = client.submit(job("quick", "1-300")).job
        follow = client.follow(submitted)
        while next(follow).kind != "running":
            pass
        blocker = sqlite3.connect(own_service.home / "jobs.sqlite", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        with pytest.raises(ReportedError) as caught:
            Client(folder=own_service.home, reply_seconds=20).submit(job("quick"))
        assert caught.value.code == "DISK_FULL"
        blocker.execute("ROLLBACK")
        blocker.close()
        events = list(client.follow(submitted))
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    frames = [event.body["frame"] for event in events if event.kind == "frame"]
    assert frames == list(range(1, 301)) and events[-1].kind == "done"


def replace_protected(roots: PathRoots, home: Path) -> PathRoots:
    return replace(roots, protected=(*roots.protected, home))


def test_the_gate_judges_the_real_path_at_each_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    inside = tmp_path / "show"
    spec = plate_job(inside, "quick")
    (tmp_path / "secret.1001.exr").write_text("s")
    appeared: list[str] = []
    roots = PathRoots((inside,), (inside,), (inside / "models",))
    (inside / "models").mkdir()
    home = inside / "home"
    home.mkdir()
    with FileGuard(
        spec=spec,
        roots=replace_protected(roots, home),
        sources=Sources({}),
        appears=appeared.append,
        home=home,
    ):
        (home / "note.json").write_text("the service's own")
        with pytest.raises(Exception, match="its own files"):
            (home / "a.exr").write_bytes(b"")
        Path(spec.plate % 1001).read_bytes()
        (inside / "plate" / "a.1002.exr").unlink()
        (inside / "plate" / "a.1002.exr").symlink_to(tmp_path / "secret.1001.exr")
        with pytest.raises(Exception, match="may not read here"):
            Path(spec.plate % 1002).read_bytes()
        with pytest.raises(Exception, match="may not write here"):
            (tmp_path / "elsewhere.exr").write_bytes(b"")
        with pytest.raises(Exception, match="its own files"):
            (inside / "models" / "mini.exr").write_bytes(b"")
        (inside / "x.tmp.exr").write_bytes(b"")
        assert appeared == []
        (inside / "x.tmp.exr").rename(inside / "x.exr")
    assert appeared == [str(inside / "x.exr")]
    assert Path(spec.plate % 1002).read_bytes() == b"s"  # without the gate


@pytest.mark.parametrize("read_again", ["a.1001.exr", ".scratch.tmp.exr"])
def test_what_a_job_makes_beside_its_inputs_may_be_read_again_and_nothing_else_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_again: str
) -> None:
    """The plate is a folder of links to where plates are read, and the outputs go below it."""
    install()
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    plates, show = tmp_path / "plates", tmp_path / "show"
    (show / "out").mkdir(parents=True)
    spec = replace(plate_job(plates, "quick"), output=str(show / "out" / "a.%04d.exr"))
    link = show / "a.1001.exr"
    link.symlink_to(spec.plate % 1001)
    spec = replace(spec, plate=str(show / "a.%04d.exr"))
    others, secret = show / "out" / "b.1001.exr", tmp_path / "secret.exr"
    for file in (others, secret):
        file.write_text("not this job's")
    roots, home = PathRoots((plates,), (show / "out",)), tmp_path / "home"
    with FileGuard(spec=spec, roots=roots, sources=Sources({}), appears=lambda path: None, home=home):
        assert link.read_bytes()
        with pytest.raises(PathForbidden, match="may not read here"):
            others.read_bytes()
        made = show / "out" / read_again
        made.write_bytes(b"made")
        assert made.read_bytes() == b"made"
        made.unlink()
        made.symlink_to(secret)
        with pytest.raises(PathForbidden, match="may not read here"):
            made.read_bytes()


@pytest.mark.parametrize(
    "path", ["//server/share/a.exr", "\\\\server\\share\\a.exr", "\\\\?\\C:\\a.exr", "//./PhysicalDrive0"]
)
def test_a_share_that_is_not_listed_is_refused(path: str) -> None:
    assert PathRoots().form_problem(path) is not None


def test_no_job_writes_into_a_folder_of_models(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from svfr.models.search import search_folders
    from svfr_server.settings import ServerSettings

    monkeypatch.setenv("SVFR_MODELS", str(tmp_path / "models"))
    assert tmp_path / "models" in ServerSettings(tmp_path, devices=("cpu",)).protected
    package = next(folder for folder in search_folders() if folder.parent.name == "data")
    with pytest.raises(ReportedError, match="its own files"):
        client.submit(replace(job("quick"), output=str(package / "mini" / "a.exr")))


@pytest.fixture
def shared_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder that others use too, and a service's home beside it."""
    (tmp_path / "home").mkdir(mode=0o700)
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    for variable in COMPILERS_PLACES:
        monkeypatch.setenv(variable, "/somebody/elses")
    return folder


COMPILERS_PLACES = ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR")


def test_compilers_keep_theirs_in_the_scratch_folder_whatever_was_inherited(shared_folder: Path) -> None:
    folder = make_scratch_folder(shared_folder.parent / "home", "cpu")
    assert all(Path(os.environ[variable]).parent == folder for variable in COMPILERS_PLACES)


def test_a_worker_removes_what_its_killed_predecessor_left(
    shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = shared_folder.parent / "home"
    first = make_scratch_folder(home, "cpu")
    assert tempfile.gettempdir() == str(first) and first.stat().st_mode & 0o777 == 0o700
    (first / "0.crops").write_bytes(b"crops")
    monkeypatch.setattr(tempfile, "tempdir", str(shared_folder))
    other = make_scratch_folder(home, "cuda_1")
    monkeypatch.setattr(tempfile, "tempdir", str(shared_folder))
    second = make_scratch_folder(home, "cpu")
    assert not first.exists() and other.exists() and second.name not in (first.name, other.name)


def test_a_link_in_a_scratch_folders_place_is_left_alone(
    shared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = shared_folder.parent / "home"
    first = make_scratch_folder(home, "cpu")
    first.rmdir()
    treasure = shared_folder.parent / "treasure"
    treasure.mkdir()
    (treasure / "kept").write_text("kept")
    first.symlink_to(treasure)
    monkeypatch.setattr(tempfile, "tempdir", str(shared_folder))
    make_scratch_folder(home, "cpu")
    assert (treasure / "kept").read_text() == "kept" and first.is_symlink()


@pytest.mark.parametrize(("mask", "mode"), [("002", 0o664), ("077", 0o600)])
def test_outputs_have_the_asked_permissions_and_the_services_files_stay_private(
    start_service: StartService, tmp_path: Path, mask: str, mode: int
) -> None:
    one, spec = start_service("--umask", mask), plate_job(tmp_path, "writes_its_output")
    disturbance_of(spec).touch()  # nothing is done to it
    with one.client() as client:
        last = list(client.follow(client.submit(spec).job))[-1]
    assert last.kind == "done"
    written = tmp_path / "out" / "o.1001.exr"
    assert written.stat().st_mode & 0o777 == mode
    assert written.stat().st_uid == os.getuid()
    private = [path for path in one.home.rglob("*") if path.is_file()]
    assert [path.name for path in private if path.stat().st_mode & 0o077 and path.name != "start.log"] == []
