"""Waiting times in words, and a small plate: what the stress benchmarks share and no network needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

WIDTH, HEIGHT = 96, 72


def percentile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` of them lie."""
    return float(np.percentile(values, 100 * share)) if values else float("nan")


def describe_ms(values: list[float]) -> str:
    """Return median, p99 and maximum of waiting times."""
    p50, p99 = percentile(values, 0.5), percentile(values, 0.99)
    return (
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {max(values, default=float('nan')):.0f} ms of {len(values)}"
    )


def write_plate(folder: Path, frames: range) -> str:
    """Write drifting textures and return the pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    pattern = str(folder / "shot.%04d.exr")
    for frame in frames:
        waves = [0.4 + 0.25 * np.sin(0.21 * x + 0.13 * c * y + 0.05 * frame) for c in (1, 2, 3)]
        out = oiio.ImageOutput.create(pattern % frame)
        if out is None:
            raise RuntimeError(oiio.geterror())
        out.open(pattern % frame, oiio.ImageSpec(WIDTH, HEIGHT, 3, "half"))
        out.write_image(np.ascontiguousarray(np.stack(waves, axis=-1), np.float32))
        out.close()
    return pattern


def difference_words(first: Path, second: Path) -> str:
    """Return in words in what two EXRs differ: which attributes, how many values and by how much at most."""
    found = []
    for part in range(max(_parts(first), _parts(second))):
        pictures = [oiio.ImageBuf(str(path), part, 0) for path in (first, second)]
        attributes = [{one.name: str(one.value) for one in each.spec().extra_attribs} for each in pictures]
        found += [
            f"{name} of part {part}"
            for name, text in sorted(attributes[0].items())
            if attributes[1].get(name) != text
        ]
        values = [np.asarray(each.get_pixels(oiio.FLOAT)) for each in pictures]
        if values[0].shape != values[1].shape:
            found.append(f"the size of part {part}")
        elif (values[0] != values[1]).any():
            apart = np.abs(values[0] - values[1])
            found.append(
                f"{np.count_nonzero(apart)} of {apart.size} values of part {part}, by {apart.max():.2g}"
            )
    return ", ".join(found) or "their bytes alone"


def _parts(path: Path) -> int:
    return int(oiio.ImageBuf(str(path)).nsubimages)
