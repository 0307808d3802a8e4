"""A fake Nuke per test, and one real server with the built-in model `identity` for all of them."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from e2e_service import running
from strict_nuke import FakeNuke, Undo
from strict_objects import UndoState

# The plugin is built apart and not part of the distribution; Nuke finds it by a path too.
sys.path.append(str(Path(__file__).parents[2] / "plugin"))


@pytest.fixture
def make_nuke() -> Iterator[Callable[..., FakeNuke]]:
    """Return a maker of fakes; what was in sys.modules before comes back."""
    before = {name: sys.modules.get(name) for name in ("nuke", "nuke.rotopaint")}

    def make(**options: object) -> FakeNuke:
        return FakeNuke(**options).fake_install()  # type: ignore[arg-type]

    yield make
    for name in [name for name in sys.modules if name.split(".")[0] == "svfr_nuke"]:
        del sys.modules[name]
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module
    assert not Undo._open and UndoState.disabled == 0, "an undo step stayed open"


@pytest.fixture
def nuke(make_nuke: Callable[..., FakeNuke], tmp_path: Path) -> FakeNuke:
    """A Nuke 15 with a window and a saved script."""
    return make_nuke(script=tmp_path / "shot.nk")


# A module's own: between two files that share one it would stand idle, and end, for as long as others run.
@pytest.fixture(scope="module")
def server_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a running server in a process of its own."""
    with running(tmp_path_factory.mktemp("nuke") / "home") as home:
        yield home


@pytest.fixture
def local_server(server_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make the running server this user's own."""
    monkeypatch.setenv("SVFR_HOME", str(server_home))
    return server_home
