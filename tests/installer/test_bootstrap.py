"""The bootstrap runs on a bare Python 3.9, installs once, and says what to do when it cannot."""

import ast
import functools
import http.server
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "installer" / "bootstrap.py"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("bootstrap_" + path.parent.parent.name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of its own: the script, a project file, one package, an environment whose pip fails."""
    (tmp_path / "installer").mkdir()
    shutil.copy(SCRIPT, tmp_path / "installer")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'nothing'\n", encoding="utf-8")
    (tmp_path / "server" / "svfr_one").mkdir(parents=True)
    (tmp_path / "server" / "svfr_one" / "__init__.py").touch()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    pip = pip_folder(tmp_path)
    pip.mkdir()
    (pip / "__init__.py").touch()
    (pip / "__main__.py").write_text(
        "import os, sys\nsys.exit(f'no wheels, {os.environ.get(\"PYTHONPATH\")}')"
    )
    return tmp_path


def pip_folder(checkout: Path) -> Path:
    return next(iter((checkout / ".venv").glob("[Ll]ib/**/site-packages"))) / "pip"


def call(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "installer" / "bootstrap.py"), *arguments]
    env = dict(os.environ, SVFR_TORCH_INDEX="http://127.0.0.1:9/none", PYTHONPATH=str(checkout))
    return subprocess.run(command, capture_output=True, text=True, env=env)


def test_it_reads_as_python_3_9_and_needs_only_the_standard_library() -> None:
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 9))
    names = {
        (alias.name if isinstance(node, ast.Import) else str(node.module)).split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert names <= set(sys.stdlib_module_names)


def test_a_second_run_does_nothing_and_says_nothing(checkout: Path) -> None:
    module = load(checkout / "installer" / "bootstrap.py")
    module.STAMP.write_text(f"{module.fingerprint()} {module.EXTRAS}\n", encoding="utf-8")
    done = call(checkout, "install")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def installing(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, list[list[str]]]:
    """Return the bootstrap, and what it asks pip for instead of running it."""
    module = load(checkout / "installer" / "bootstrap.py")
    asked: list[list[str]] = []
    monkeypatch.setattr(module, "pip_install", lambda packages, what: asked.append(packages))
    monkeypatch.setattr(module, "install_torch", lambda gpu: None)
    monkeypatch.setattr(module, "has_nvidia_gpu", lambda: False)
    return module, asked


def test_only_the_tests_install_developers_tools_which_then_stay(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, asked = installing(checkout, monkeypatch)
    module.ensure_installed()
    module.ensure_installed()
    module.ensure_installed(for_tests=True)
    module.ensure_installed()
    assert asked == [["-e", ".[server,farm,lab]"], ["-e", ".[server,farm,lab,dev]"]]


def test_a_locked_installation_takes_the_versions_of_the_lock_file_and_stays_so(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, asked = installing(checkout, monkeypatch)
    module.ensure_installed(locked=True)
    module.ensure_installed()
    assert asked == [["-c", str(module.CONSTRAINTS), "-e", ".[server,farm,lab]"]]


@pytest.mark.parametrize("change", ["pyproject", "script", "package"])
def test_a_changed_project_is_installed_again(checkout: Path, change: str) -> None:
    module = load(checkout / "installer" / "bootstrap.py")
    before = module.fingerprint()
    if change == "package":
        (checkout / "server" / "svfr_two").mkdir()
        (checkout / "server" / "svfr_two" / "__init__.py").touch()
    else:
        name = {"pyproject": "pyproject.toml", "script": "installer/bootstrap.py"}[change]
        (checkout / name).write_text((checkout / name).read_text(encoding="utf-8") + "# more\n", "utf-8")
    assert module.fingerprint() != before


def test_a_failing_pip_ends_with_its_words_and_a_remedy(checkout: Path) -> None:
    done = call(checkout, "install")
    assert done.returncode == 1
    assert "no wheels, None" in done.stdout  # whatever the caller's own PYTHONPATH is
    assert "What to do: " in done.stdout
    assert not (checkout / ".venv" / "svfr-installed.txt").exists()


def test_an_environment_that_was_killed_half_way_or_moved_is_made_anew(checkout: Path) -> None:
    module = load(checkout / "installer" / "bootstrap.py")
    assert module.why_unusable() == ""
    moved = checkout.with_name("mövéd to here")
    checkout.rename(moved)
    there = load(moved / "installer" / "bootstrap.py")
    assert "made in another place" in there.why_unusable()
    shutil.rmtree(pip_folder(moved))
    assert "half made" in there.why_unusable()
    there.venv_python().unlink()
    assert "does not work" in there.why_unusable()


def test_a_place_where_no_environment_can_be_made_is_told(checkout: Path) -> None:
    odd = checkout / f"a{os.pathsep}b"
    shutil.copytree(checkout / "installer", odd / "installer")
    shutil.copy(checkout / "pyproject.toml", odd)
    done = call(odd, "install")
    assert done.returncode == 1 and f"without '{os.pathsep}' in its path" in done.stdout


def test_a_stamp_of_garbage_or_a_folder_in_its_place_is_no_traceback(checkout: Path) -> None:
    stamp = checkout / ".venv" / "svfr-installed.txt"
    stamp.write_bytes(b"\xff\xfe\x00")
    assert "no wheels" in call(checkout, "install").stdout
    stamp.unlink()
    stamp.mkdir()
    done = call(checkout, "install")
    assert (done.returncode, done.stderr) == (1, "") and "What to do: see that the disk" in done.stdout


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("OSError: [Errno 28] No space left on device", "disk space"),
        ("SSLError(SSLCertVerificationError: CERTIFICATE_VERIFY_FAILED)", "PIP_CERT"),
        ("NewConnectionError: Temporary failure in name resolution", "No network"),
        ("ERROR: No matching distribution found for torch", "Python 3.11"),
        ("something never seen", "Removing the folder .venv"),
    ],
)
def test_pips_failures_are_explained(said: str, remedy: str) -> None:
    assert remedy in load(SCRIPT)._explain(said)


def test_a_full_disk_is_noticed_before_anything_is_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load(SCRIPT)
    monkeypatch.setattr(module, "FREE_GIB_CPU", 10**9)
    with pytest.raises(module.CannotInstall, match="GiB free") as caught:
        module.check_disk(gpu=False)
    assert "Free some space" in caught.value.remedy


def test_windows_keeps_programs_in_scripts() -> None:
    module = load(SCRIPT)
    assert module.venv_program("python", windows=True).parts[-2:] == ("Scripts", "python.exe")
    assert module.venv_program("ruff", windows=False).parts[-2:] == ("bin", "ruff")


def test_an_interpreter_that_does_not_start_has_no_version(tmp_path: Path) -> None:
    module = load(SCRIPT)
    assert module.version_of([str(tmp_path / "no-python")]) is None
    assert module.version_of([sys.executable]) == sys.version_info[:2]


@pytest.fixture
def web_server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "torch").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_an_index_that_answers_is_used_and_one_that_does_not_is_left(web_server: str) -> None:
    module = load(SCRIPT)
    assert module.answers(web_server)
    assert not module.answers(web_server + "/elsewhere")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert not module.answers(f"http://127.0.0.1:{closed.getsockname()[1]}")


def test_the_user_may_name_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVFR_TORCH_INDEX", "https://mirror.example/whl")
    assert load(SCRIPT).torch_index(gpu=False) == "https://mirror.example/whl"


def test_a_gpu_on_linux_takes_the_usual_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SVFR_TORCH_INDEX", raising=False)
    assert load(SCRIPT).torch_index(gpu=True) is None


@pytest.mark.parametrize("arguments", [(), ("fly",), ("test", "--nope"), ("install", "more")])
def test_a_wrong_command_line_starts_nothing(checkout: Path, arguments: tuple[str, ...]) -> None:
    done = call(checkout, *arguments)
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_what_follows_run_and_demo_is_handed_on_unread() -> None:
    module = load(SCRIPT)
    assert module.parse(["run", "restore", "--help", "-t", "bfr"]).rest == ["restore", "--help", "-t", "bfr"]
    assert module.parse(["demo", "--out", "x"]).rest == ["--out", "x"]
