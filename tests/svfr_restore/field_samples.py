"""Files of every kind, written with the libraries people write them with, and a job over a whole frame."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import job_samples
import numpy as np
import OpenEXR
import OpenImageIO as oiio

from svfr_client.job import FaceChoice

GRADIENT = np.linspace(0, 255, 64).astype(np.uint8)[None, :, None] * np.ones((48, 1, 3), np.uint8)


def write_still(path: Path, pixels: Any = GRADIENT, **attributes: Any) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], str(pixels.dtype))
    for name, value in attributes.items():
        spec.attribute(name.replace("__", ":"), value)
    output = oiio.ImageOutput.create(str(path))
    assert output.open(str(path), spec), output.geterror()
    output.write_image(np.ascontiguousarray(pixels))
    output.close()
    return str(path)


def write_exr(path: Path, channels: dict[str, Any] | None = None, **header: Any) -> str:
    plane = np.full((48, 64), 0.4, np.float16)
    base = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    base["colorInteropID"] = "lin_rec709_scene"
    OpenEXR.File({**base, **header}, channels or dict.fromkeys("RGB", plane)).write(str(path))
    return str(path)


def write_movie(
    path: Path,
    frames: list[Any],
    codec: str,
    layout: str,
    form: str = "rgb24",
    times: list[int] | None = None,
    **options: Any,
) -> str:
    """Pictures (h, w, channels) in ``form``; ``times`` in frames of 24 a second."""
    with av.open(str(path), "w", options=options.pop("container", {})) as file:
        stream = file.add_stream(codec, rate=24)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = layout
        stream.options = {name: str(value) for name, value in options.items()}
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format=form).reformat(format=layout)
            frame.time_base = Fraction(1, 24)
            frame.pts = index if times is None else times[index]
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return str(path)


def frame_job(plate: str, folder: Path, frames: str = "1", **changes: Any) -> Any:
    return job_samples.job(
        plate, folder, frames, **{"faces": FaceChoice("frame"), "colour": job_samples.SDR, **changes}
    )


def planes(*names: str) -> dict[str, Any]:
    return {name: np.full((48, 64), 0.1 + 0.05 * i, np.float16) for i, name in enumerate(names)}
