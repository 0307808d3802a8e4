"""A check for people who have Nuke: ``nuke -t .../svfr_nuke/selftest.py [report.txt]``.

It makes its own small plate, restores it with the built-in model ``identity`` through this machine's server
(which it starts if needed), and compares pixels: a plate sent by path, a graded plate that Nuke renders, a
roto sent as splines. It needs no script, no footage and no model, changes nothing outside a temporary
folder, and ends with status 0 if everything is as it should be.
"""

import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any, Callable, List, Tuple

import nuke

FRAMES = (1001, 1003)
_HERE = Path(__file__).resolve().parent.parent
if str(_HERE) not in sys.path:
    sys.path.insert(0, str(_HERE))


def main(arguments: List[str]) -> int:
    """Run every check and return the exit status."""
    lines: List[str] = [
        "SVFR Studio self-test",
        f"Nuke {nuke.NUKE_VERSION_STRING}, Python {sys.version.split()[0]}, {sys.platform}",
    ]
    failed = 0
    with tempfile.TemporaryDirectory(prefix="svfr_selftest_") as folder:
        for name, check in _checks(Path(folder)):
            try:
                result = check()
            except Exception:  # a self-test reports whatever happens and goes on
                failed += 1
                lines += [f"FAILED  {name}", traceback.format_exc().rstrip()]
            else:
                lines.append(f"ok      {name}: {result}")
            sys.stdout.write(lines[-1] + "\n")
    lines.append("everything is as it should be" if failed == 0 else f"{failed} checks failed")
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if arguments:
        Path(arguments[0]).write_text(text, encoding="utf-8")
    return 1 if failed else 0


def _checks(folder: Path) -> List[Tuple[str, Callable[[], str]]]:
    return [
        ("the plugin's pyzmq loads", _load_zmq),
        ("the server answers", _reach_server),
        ("a Read is sent by path and comes back", lambda: _by_path(folder)),
        ("a graded plate is rendered and comes back", lambda: _rendered(folder)),
        ("a roto is read as splines", _splines),
    ]


def _load_zmq() -> str:
    from svfr_nuke.vendored import require_zmq

    require_zmq()
    import zmq

    return f"pyzmq {zmq.__version__}"


def _reach_server() -> str:
    from svfr_nuke.server_link import ServerLink

    link = ServerLink()
    link.ensure_running()
    return link.describe()


def _plate(folder: Path) -> Any:
    """Return a Read of three rendered frames of a chequerboard."""
    from svfr_client.frames import FrameRange
    from svfr_nuke.render import render_exr

    board = nuke.nodes.CheckerBoard2()
    pattern = (folder / "plate.%04d.exr").as_posix()
    frames = FrameRange.of(range(FRAMES[0], FRAMES[1] + 1))
    render_exr(board, pattern, frames, view=nuke.views()[0], channels="rgba")
    read = nuke.nodes.Read(file=pattern)
    for knob, value in (("first", 1001), ("last", 1003), ("origfirst", 1001), ("origlast", 1003)):
        read[knob].setValue(value)
    return read


def _restore(plate: Any, folder: Path, name: str) -> Any:
    import svfr_nuke.buttons
    import svfr_nuke.node

    node = svfr_nuke.node.create(plate)
    node["model"].setValue("identity")
    node["faces"].setValue("whole frame")
    node["output"].setValue((folder / name / f"{name}.%04d.exr").as_posix())
    svfr_nuke.buttons.restore(node)
    return node


def _by_path(folder: Path) -> str:
    plate = _plate(folder)
    node = _restore(plate, folder, "by_path")
    return _compare(plate, node)


def _rendered(folder: Path) -> str:
    grade = nuke.nodes.Grade(inputs=[_plate(folder)])
    grade["white"].setValue(0.5)
    node = _restore(grade, folder, "rendered")
    return _compare(grade, node)


def _compare(plate: Any, node: Any) -> str:
    """Compare pixels of plate and result in the middle frame; they must be equal."""
    nuke.frame(FRAMES[0] + 1)
    width, height = plate.width(), plate.height()
    worst = 0.0
    for x, y in ((0.1, 0.2), (0.5, 0.5), (0.7, 0.3), (0.9, 0.9)):
        for channel in ("rgba.red", "rgba.green", "rgba.blue"):
            at = (int(x * width), int(y * height))
            worst = max(worst, abs(nuke.sample(plate, channel, *at) - nuke.sample(node, channel, *at)))
    if worst > 1e-6:
        raise AssertionError(f"the result differs from the plate by {worst}")
    shown = node.node("Result")["colorspace"].value()
    return f"12 samples equal, colour space {shown}"


def _splines() -> str:
    import nuke.rotopaint as rp

    from svfr_client.frames import FrameRange
    from svfr_nuke.roto_splines import read_splines

    roto = nuke.nodes.Roto()
    curves: Any = roto["curves"]
    shape = rp.Shape(curves)
    for x, y in ((100, 100), (300, 100), (300, 200), (100, 200)):
        shape.append(rp.ShapeControlPoint(x, y))
    curves.rootLayer.append(shape)
    mask = read_splines(roto, FrameRange.parse("1"), nuke.views()[0])
    points = mask.at(1).layers[0].splines[0].points
    height = roto.format().height()
    found = [point.centre for point in points]
    if found[0] != (100.0, height - 100.0) or len(found) != 4:
        raise AssertionError(f"the points are {found}")
    return f"{len(found)} points, y from the top"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
