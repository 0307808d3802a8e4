"""What the fake's nodes look like: float32 planes by channel name, rows from the top as in EXR.

Small, and exact where the tests need it: colours go through PyOpenColorIO, files through OpenImageIO, the
rotos through shapes as Nuke keeps them (y up, transforms applied here, not by the plugin's own code).
"""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
import PyOpenColorIO as Ocio
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Planes = dict[str, Plane]
LAYERS = {
    "rgb": ("rgba.red", "rgba.green", "rgba.blue"),
    "rgba": ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"),
    "alpha": ("rgba.alpha",),
}
EXR_NAMES = {"R": "rgba.red", "G": "rgba.green", "B": "rgba.blue", "A": "rgba.alpha"}


def render(node: Any, frame: int, view: str) -> Planes:
    """Return the picture of ``node``."""
    return globals()["_" + node._kind.lower()](node, frame, view)  # type: ignore[no-any-return]


def _read(node: Any, frame: int, view: str) -> Planes:
    if not node["file"].value():
        raise RuntimeError("Read: no file")
    planes = read_exr(node._file(_shown_frame(node, frame), view))
    space = str(node["colorspace"].value())
    if not node["raw"].value():
        space = node._graph.working_space if space == "default" else space  # scene-linear files
        space = node._graph.roles.get(space, space)
        space = re.sub(r"default \((.*)\)", r"\1", space).rsplit("/", 1)[-1]
        _convert(node._graph, planes, space, node._graph.working_space)
    return planes


def _shown_frame(node: Any, frame: int) -> int:
    """Outside its range a Read holds its first or last frame, as its knobs before and after say."""
    first, last = int(node["first"].value()), int(node["last"].value())
    for knob, is_outside, edge in (("before", frame < first, first), ("after", frame > last, last)):
        if is_outside:
            assert node[knob].value() == "hold", f"the fake's Read only holds: {knob}"
            return edge
    return frame


def read_exr(path: str) -> Planes:
    """Read all parts of a file onto its display window."""
    planes: Planes = {}
    source = oiio.ImageInput.open(path)
    if source is None:
        raise RuntimeError(f"{path}: {oiio.geterror()}")
    part = 0
    while source.seek_subimage(part, 0):
        spec = source.spec()
        pixels = source.read_image(part, 0, 0, spec.nchannels, "float")
        for index, channel in enumerate(spec.channelnames):
            plane = np.zeros((spec.full_height, spec.full_width), np.float32)
            y, x = spec.y - spec.full_y, spec.x - spec.full_x
            plane[y : y + spec.height, x : x + spec.width] = pixels[..., index]
            planes[EXR_NAMES.get(channel, channel)] = plane
        part += 1
    return planes


def _convert(graph: Any, planes: Planes, source: str, target: str) -> None:
    if source == target:
        return
    config = Ocio.Config.CreateFromFile(graph.config_path)
    processor = config.getProcessor(source, target).getDefaultCPUProcessor()
    rgb = np.ascontiguousarray(np.stack([planes[name] for name in LAYERS["rgb"]], axis=-1))
    processor.applyRGB(rgb)
    for index, name in enumerate(LAYERS["rgb"]):
        planes[name] = rgb[..., index]


def _blank(node: Any, value: float = 0.0) -> Planes:
    size = node.format()
    shape = (size.height(), size.width())
    return {name: np.full(shape, value, np.float32) for name in LAYERS["rgba"]}


def _constant(node: Any, frame: int, view: str) -> Planes:
    return _blank(node, float(node["color"].value()))


def _checkerboard2(node: Any, frame: int, view: str) -> Planes:
    planes = _blank(node, 1.0)
    box = int(node["boxsize"].value())
    rows, columns = np.indices(planes["rgba.red"].shape) // max(1, box)
    for index, name in enumerate(LAYERS["rgb"]):
        planes[name] = np.where((rows + columns) % 2 == 0, 0.1, 0.5 + 0.1 * index).astype(np.float32)
    return planes


def _roto(node: Any, frame: int, view: str) -> Planes:
    planes = _blank(node)
    height, width = planes["rgba.alpha"].shape
    scale = 8
    canvas = np.zeros((height * scale, width * scale), np.uint8)
    for polygon in node["curves"].polygons(frame):
        points = np.array([(x * scale - 0.5, (height - y) * scale - 0.5) for x, y in polygon])
        cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], 1)
    planes["rgba.alpha"] = canvas.reshape(height, scale, width, scale).mean(axis=(1, 3)).astype(np.float32)
    return planes


_rotopaint = _roto


def _dot(node: Any, frame: int, view: str) -> Planes:
    return render(node.input(0), frame, view)


_output = _dot


def _input(node: Any, frame: int, view: str) -> Planes:
    return render(node._parent._inputs[int(node["number"].value())], frame, view)


def _group(node: Any, frame: int, view: str) -> Planes:
    return render(next(m for m in node._members if m._kind == "Output"), frame, view)


def _switch(node: Any, frame: int, view: str) -> Planes:
    return render(node.input(int(node["which"]._evaluate(frame))), frame, view)


def _merge2(node: Any, frame: int, view: str) -> Planes:
    b, a = render(node.input(0), frame, view), render(node.input(1), frame, view)
    operations = {
        "minus": lambda p, q: p - q,
        "plus": lambda p, q: p + q,
        "from": lambda p, q: q - p,
        "copy": lambda p, q: p,  # plugins of before had it inside: older_plugin.py
    }
    merge = operations[str(node["operation"].value())]
    mix = np.float32(node["mix"].value())
    result = dict(b)
    for name in LAYERS[str(node["output"].value())]:
        result[name] = b[name] + mix * (merge(a[name], b[name]) - b[name])
    return result


def _blur(node: Any, frame: int, view: str) -> Planes:
    planes = dict(render(node.input(0), frame, view))
    mix = np.float32(node["mix"].value())
    for name in LAYERS[str(node["channels"].value())]:
        blurred = cv2.GaussianBlur(planes[name], (0, 0), float(node["size"].value()) / 2.0)
        planes[name] = planes[name] + mix * (blurred - planes[name])
    return planes


def _scaled(knob: str) -> Any:
    def scaled(node: Any, frame: int, view: str) -> Planes:
        planes = dict(render(node.input(0), frame, view))
        for name in LAYERS[str(node["channels"].value() or "rgb")]:
            planes[name] = planes[name] * np.float32(node[knob].value())
        return planes

    return scaled


_grade = _scaled("white")


def _copy(node: Any, frame: int, view: str) -> Planes:
    planes = dict(render(node.input(0), frame, view))
    planes[str(node["to0"].value())] = render(node.input(1), frame, view)[str(node["from0"].value())]
    return planes


def write(node: Any, frame: int, view: str) -> None:
    """Write one frame of a Write node as EXR."""
    planes = dict(render(node.input(0), frame, view))
    if not node["raw"].value():
        _convert(node._graph, planes, node._graph.working_space, str(node["colorspace"].value()))
    wanted = str(node["channels"].value())
    names = list(planes) if wanted == "all" else list(LAYERS[wanted])
    exr = {nuke: exr for exr, nuke in EXR_NAMES.items()}
    height, width = planes[names[0]].shape
    if node._graph.largest_written is not None:
        width, height = (min(a, b) for a, b in zip((width, height), node._graph.largest_written, strict=True))
    path = Path(node._file(frame, view))
    if "\\" in str(path):
        raise RuntimeError("Can't write, Invalid argument")
    if not path.parent.is_dir():
        if not node["create_directories"].value():
            raise RuntimeError(f"{path.parent} does not exist")
        path.parent.mkdir(parents=True)
    kind = {"16 bit half": "half", "32 bit float": "float"}[str(node["datatype"].value())]
    spec = oiio.ImageSpec(width, height, len(names), kind)
    spec.channelnames = [exr.get(name, name) for name in names]
    spec["compression"] = "zip"
    out = oiio.ImageOutput.create(str(path))
    assert out is not None and out.open(str(path), spec), oiio.geterror()
    assert out.write_image(
        np.ascontiguousarray(np.stack([planes[n][:height, :width] for n in names], axis=-1))
    )
    out.close()
