"""EXR plates for the tests, written and compared by the OpenEXR module, not by the code under test."""

from pathlib import Path
from typing import Any

import numpy as np
import OpenEXR
from numpy.typing import NDArray

Planes = dict[str, NDArray[Any]]

ODD_HALVES = np.array(
    [0x7C00, 0xFC00, 0x7E01, 0x7C01, 0xFE55, 0x8000, 0x0001, 0x7BFF, 0xFBFF], np.uint16
).view("f2")
"""Infinities, quiet and signalling NaN with payloads, -0.0, the smallest subnormal, +-65504."""


def window(x: int, y: int, width: int, height: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    return np.array([x, y], np.int32), np.array([x + width - 1, y + height - 1], np.int32)


def compression(name: str) -> Any:
    return getattr(OpenEXR, f"{name.upper()}_COMPRESSION")


def picture(height: int, width: int, dtype: str = "f2", seed: int = 0) -> Planes:
    """R, G, B, A with noise, and with every odd half in the first row."""
    random = np.random.default_rng(seed)
    planes = {c: random.normal(0.5, 1.0, (height, width)).astype(dtype) for c in "RGBA"}
    if dtype == "f2":
        for plane in planes.values():
            plane[0, : len(ODD_HALVES)] = ODD_HALVES
    return planes


def rich_parts(codec: str = "zip") -> list[Any]:
    """Two parts: overscan, pixel aspect 2, mixed half, float and uint channels, metadata of many types."""
    time_code = OpenEXR.TimeCode()
    time_code.hours, time_code.minutes, time_code.seconds, time_code.frame = 1, 2, 3, 4
    random = np.random.default_rng(7)
    shared = {
        "displayWindow": window(0, 0, 200, 120),
        "pixelAspectRatio": 2.0,
        "timeCode": time_code,
        "chromaticities": (0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767),
    }
    ids = random.integers(0, 2**32, (140, 240), dtype=np.uint32)
    planes = picture(140, 240) | {
        "crypto00.red": ids.view(np.float32),
        "diffuse.R": random.normal(size=(140, 240)).astype("f2"),
        "objectId": ids,
    }
    header = shared | {
        "compression": compression(codec),
        "type": OpenEXR.scanlineimage,
        "dataWindow": window(-20, -10, 240, 140),
        "nuke/node_hash": "5f1e",
        "worldToCamera": np.arange(16, dtype=np.float32).reshape(4, 4),
        "cryptomatte/1a2b/manifest": '{"man": "0a0b"}',
        "shots": ["sh010", "sh020"],
        "keyCode": OpenEXR.KeyCode(1, 2, 3, 4, 5, 4, 64),
        "exposure": 1.5,
        "precise": OpenEXR.Double(2.5) if hasattr(OpenEXR, "Double") else 2.5,
    }
    depth = random.normal(size=(120, 200)).astype("f4")
    second = shared | {
        "compression": compression("zips"),
        "type": OpenEXR.scanlineimage,
        "dataWindow": window(0, 0, 200, 120),
    }
    return [OpenEXR.Part(header, planes, "rgba"), OpenEXR.Part(second, {"Z": depth}, "depth")]


def write_plate(path: Path, planes: Planes, codec: str = "zip", **header: Any) -> Path:
    """Write a single-part plate."""
    OpenEXR.File({"compression": compression(codec), "type": OpenEXR.scanlineimage} | header, planes).write(
        str(path)
    )
    return path


def parts_of(path: Path) -> list[Any]:
    parts = OpenEXR.File(str(path), separate_channels=True).parts
    assert parts, f"OpenEXR cannot read {path}"
    return parts


def bits(plane: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(plane).view(f"u{plane.dtype.itemsize}")


def attributes(part: Any, *left_out: str) -> dict[str, str]:
    """All attributes as text; channels by name and type."""
    header = {name: repr(value) for name, value in part.header.items() if name not in ("channels", *left_out)}
    return header | {f"channel {name}": str(c.pixels.dtype) for name, c in part.channels.items()}


def assert_same_bits(ours: Any, plate: Any, *left_out: str) -> None:
    """Every channel of the plate's part except ``left_out`` has the same type and bits in ours."""
    assert set(ours.channels) == set(plate.channels)
    for name in set(plate.channels) - set(left_out):
        assert ours.channels[name].pixels.dtype == plate.channels[name].pixels.dtype
        np.testing.assert_array_equal(
            bits(ours.channels[name].pixels), bits(plate.channels[name].pixels), err_msg=name
        )


def read_provenance(path: Path) -> dict[str, str]:
    """The ``svfr/...`` attributes of all parts of a file."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        headers = [part.header for part in file.parts]
        return {name: value for h in headers for name, value in h.items() if name.startswith("svfr/")}
