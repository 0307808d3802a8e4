"""Run the Nuke plugin of an older commit, with its own client, in today's strict fake, point by point.

python tests/svfr_nuke/older_plugin.py [COMMIT ...]

Without a commit it is the plugin of the working tree. For each point that the fake has learnt it says whether
that plugin holds, and what became of it where it does not. Each runs in a process of its own, all of them
beside one server of today. A commit that cannot even restore a plain plate fails the first point.
"""

import io
import json
import os
import runpy
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nuke_plates
import numpy as np
import strict_images
import strict_knobs
import strict_roto
import test_nuke_end_to_end as whole
from strict_nuke import FakeNuke
from strict_objects import UndoState

TREE = Path(__file__).parents[2]
PARTS = ("plugin", "installer")
REASON_CHARACTERS = 150


def teach_multiply() -> None:
    """Teach the fake a stock node that plugins of before had inside, and no test of today needs."""
    strict_knobs.NODE_KNOBS["Multiply"] = {
        "value": strict_knobs.AColor_Knob,
        "channels": strict_knobs.Channel_Knob,
    }
    strict_knobs.DEFAULTS["Multiply", "value"] = 1.0
    vars(strict_images)["_multiply"] = strict_images._scaled("value")


class Place:
    """A folder and a fake Nuke with a plate of three frames in it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.nuke = FakeNuke(script=folder / "shot.nk", **options).fake_install()
        self.read = whole.read_node(self.nuke, nuke_plates.write_plate(folder / "plates"))

    def restored(self, plate: Any, mask: Any = None, **knobs: Any) -> Any:
        """Return a node on ``plate`` once its job is done."""
        node = whole.svfr_node(plate, mask, **knobs)
        whole.restore(self.nuke, node)
        assert node["status"].value() == "Done: 3 frames", node["status"].value()
        return node


def a_plain_plate(folder: Path) -> None:
    """A plate of three frames is restored and shown."""
    place = Place(folder)
    assert same(place.restored(place.read), place.read)


def a_role_as_working_space(folder: Path) -> None:
    """An OCIO project's knob holds scene_linear, its list "role, tab, role (Space)"."""
    place = Place(folder)
    whole.use_ocio(place.nuke, folder)
    place.nuke.fake_graph.roles = {"scene_linear": "ACES/ACEScg", "data": "Utility/Raw"}
    place.nuke.root()["workingSpaceLUT"].setValue("scene_linear")
    grade = place.nuke.fake_node("Grade", place.read)
    assert same(place.restored(grade), grade), "the node does not show the result"


def proxy_mode(folder: Path) -> None:
    """nuke.filename names the Read's proxy file."""
    place = Place(folder)
    place.read["proxy"].setValue(nuke_plates.write_plate(folder / "half", "half.%04d.exr"))
    place.nuke.root()["proxy"].setValue(True)
    node = whole.svfr_node(place.read)
    place.nuke.fake_press(node, "restore")
    result = node.node("Result")
    place.nuke.run_until(lambda: bool(place.nuke.fake_said or result["file"].value()))
    assert "half" not in result["file"].value(), "the proxy's frames were restored"


def frames_outside_the_range(folder: Path) -> None:
    """A Read holds its last frame outside its range; the plate is to be seen there."""
    place = Place(folder)
    node = whole.svfr_node(place.read, model="probe", range="custom", frames="1001-1002")
    whole.restore(place.nuke, node)
    assert not same(node, place.read, 1002), "no result is shown"
    assert same(node, place.read, 1003), "frame 1003 does not show the plate"


def steps_of_a_range(folder: Path) -> None:
    """A Read of every second frame fails in those between."""
    place = Place(folder)
    node = whole.svfr_node(place.read, model="probe", range="custom", frames="1001-1003x2")
    whole.restore(place.nuke, node)
    assert not same(node, place.read, 1003), "no result is shown"
    assert same(node, place.read, 1002), "frame 1002 does not show the plate"


def a_pasted_node(folder: Path) -> None:
    """A pasted node holds what its original notes, also where its inputs are."""
    place = Place(folder)
    node = place.restored(place.nuke.fake_node("Grade", place.read))
    inputs = Path(json.loads(node["svfr_job"].value())["request"]).parent
    whole.restore(place.nuke, place.nuke.fake_paste(node))
    assert len(list(inputs.glob("plate.*.exr"))) == 3, "the original's rendered plate is gone"


def steps_to_undo(folder: Path) -> None:
    """Every knob that is set while undo is on is a step."""
    place = Place(folder)
    node = whole.svfr_node(place.read)
    UndoState.steps.clear()
    whole.restore(place.nuke, node)
    noise = sorted({"status", "svfr_job"} & set(UndoState.steps))
    assert not noise, f"steps to undo: {', '.join(noise)}"


def ten_nodes_of_indie(folder: Path) -> None:
    """A script may touch ten nodes, of those that it makes too."""
    place = Place(folder, edition="indie")
    place.nuke.fake_graph.largest_written = None
    grade, roto = place.nuke.fake_node("Grade", place.read), place.nuke.fake_node("Roto", place.read)
    corners = [(12.0, 8.0), (40.0, 8.0), (40.0, 20.0), (12.0, 20.0)]
    shape = strict_roto.Shape("face", [strict_roto.ShapeControlPoint(x, y) for x, y in corners])
    roto["curves"].rootLayer.append(shape)
    for node in (grade, roto):
        node.setSelected(True)
    place.nuke.fake_run("import svfr_nuke.node; svfr_nuke.node.create_from_selection()")
    place.nuke.fake_work()
    node = place.nuke.fake_graph.root._members[-1]
    for name, value in {"model": "identity", "faces": "whole frame"}.items():
        node[name].setValue(value)
    whole.restore(place.nuke, node)
    assert node["status"].value() == "Done: 3 frames", node["status"].value()


def size_that_indie_writes(folder: Path) -> None:
    """What Indie writes has an upper size; a smaller picture is no plate."""
    place = Place(folder, edition="indie")
    node = whole.svfr_node(place.nuke.fake_node("Grade", place.read))
    place.nuke.fake_press(node, "restore")
    assert not node["svfr_job"].value(), "a smaller picture was sent"


def nuke_17(folder: Path) -> None:
    """It starts the plugin, and the installer serves it."""
    place = Place(folder, major=17)
    import svfr_nuke

    for name in ("init.py", "menu.py"):
        runpy.run_path(str(Path(svfr_nuke.__file__).with_name(name)))
    place.restored(place.read)
    from svfr_installer.nuke_plugin import NukeTarget

    NukeTarget(folder, "linux-x64", ("17",))


POINTS: Sequence[Callable[[Path], None]] = (
    a_plain_plate,
    a_role_as_working_space,
    proxy_mode,
    frames_outside_the_range,
    steps_of_a_range,
    a_pasted_node,
    steps_to_undo,
    ten_nodes_of_indie,
    size_that_indie_writes,
    nuke_17,
)


def same(node: Any, plate: Any, frame: int = 1002) -> bool:
    """Return whether a node shows just the colours of another."""
    shown, other = (strict_images.render(one, frame, "main") for one in (node, plate))
    return all(np.array_equal(shown[name], other[name]) for name in strict_images.LAYERS["rgb"])


def unpack_commit(commit: str, folder: Path) -> Path:
    """Write a commit's plugin, client and installer into ``folder``; return it."""
    command = ["git", "archive", commit, *PARTS]
    packed = subprocess.run(command, cwd=TREE, check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder


def reason(point: Callable[[Path], None], tree: Path, home: Path) -> str:
    """Return why a point fails with the plugin of ``tree``, in one line; empty where it holds."""
    paths = os.pathsep.join(str(tree / part) for part in PARTS)
    run = subprocess.run(
        [sys.executable, __file__, "--point", point.__name__],
        env={**os.environ, "PYTHONPATH": paths, "SVFR_HOME": str(home)},
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = [line.strip() for line in run.stderr.splitlines() if line.strip()]
    return (lines[-1][:REASON_CHARACTERS] if lines else f"status {run.returncode}") if run.returncode else ""


def main(commits: Sequence[str]) -> None:
    """Print a table for each commit."""
    sys.path.append(str(TREE / "tests" / "e2e"))
    from e2e_service import running

    with (
        tempfile.TemporaryDirectory(prefix="svfr_older_") as temporary,
        running(Path(temporary) / "home") as home,
    ):
        for commit in commits or [""]:
            tree = unpack_commit(commit, Path(temporary) / commit) if commit else TREE
            print(f"the Nuke plugin of {commit or 'the working tree'}")
            for point in POINTS:
                why = reason(point, tree, home)
                print(
                    f"  {point.__name__.replace('_', ' '):26}{'fails: ' + why if why else 'holds'}",
                    flush=True,
                )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--point"]:
        teach_multiply()
        chosen = next(point for point in POINTS if point.__name__ == sys.argv[2])
        with tempfile.TemporaryDirectory(prefix="svfr_point_") as name:
            chosen(Path(name))
        os._exit(0)  # the plugin's threads may still listen
    main(sys.argv[1:])
