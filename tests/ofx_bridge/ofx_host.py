"""The test host as a Python object: a process of its own, one JSON line in, one out."""

import json
import os
import select
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ofx_build import ROOT, Built

PROFILES = ROOT / "ofx_bridge" / "testhost" / "profiles"
PROFILE_NAMES = sorted(path.stem for path in PROFILES.glob("*.json"))
DTYPES = {
    "OfxBitDepthByte": np.dtype("u1"),
    "OfxBitDepthShort": np.dtype("<u2"),
    "OfxBitDepthHalf": np.dtype("<f2"),
    "OfxBitDepthFloat": np.dtype("<f4"),
}
CHANNELS = {"OfxImageComponentRGBA": 4, "OfxImageComponentRGB": 3, "OfxImageComponentAlpha": 1}
FLOAT, RGBA = "OfxBitDepthFloat", "OfxImageComponentRGBA"
OK, FAILED, REPLY_DEFAULT = 0, 1, 14
Pixels = NDArray[Any]


class Host:
    """A running host with the plugin loaded. Use it as a context manager."""

    def __init__(
        self, built: Built, profile: str = "colour-1.5", home: Path | None = None, **environment: str
    ):
        settings = {**os.environ, **environment}
        settings["SVFR_HOME"] = str(home or "/nonexistent")
        program = [str(built.tools / "svfr_testhost"), str(built.library), str(PROFILES / f"{profile}.json")]
        self._process = subprocess.Popen(
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=settings
        )
        self.pid = self._process.pid

    def __enter__(self) -> "Host":
        assert self.ask("load")["status"] == OK
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        assert self._process.stdin is not None and self._process.stderr is not None
        self._process.stdin.close()
        code = self._process.wait(20)
        said = self._process.stderr.read().decode()
        if kind is None:
            assert (code, said) == (0, ""), f"the host ended with {code}: {said}"

    def ask(self, cmd: str, timeout_s: float = 400.0, **more: Any) -> dict[str, Any]:
        """Send one command and return its answer; a dead or stuck host fails the test."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        process.stdin.write(json.dumps({"cmd": cmd, **more}).encode() + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], timeout_s)
        line = process.stdout.readline() if ready else b""
        if not line:
            process.kill()
            raise AssertionError(f"the host died or hung in {cmd}: {process.stderr.read().decode()[-3000:]}")
        answer: dict[str, Any] = json.loads(line)
        assert "problem" not in answer, answer
        return answer

    def statistics(self) -> dict[str, Any]:
        """Return what the host counted, after checking that the plugin broke no rule."""
        answer = self.ask("statistics")
        assert answer["violations"] == [] and answer["images_out"] == 0
        return answer


@dataclass
class Clip:
    """Pictures on the disk that the host hands to the plugin. ``pixels`` has one (h, w, c) array a frame."""

    folder: Path
    pixels: list[Pixels]
    first: int = 1
    depth: str = FLOAT
    components: str = RGBA
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for index, picture in enumerate(self.pixels):
            assert picture.dtype == DTYPES[self.depth] and picture.shape[2] == CHANNELS[self.components]
            picture.tofile(self.folder / f"{self.first + index}.raw")

    def form(self) -> dict[str, Any]:
        """Return the clip as the host wants it described."""
        height, width, _ = self.pixels[0].shape
        return {
            "files": str(self.folder / "%d.raw"),
            "width": width,
            "height": height,
            "depth": self.depth,
            "components": self.components,
            "first": self.first,
            "last": self.first + len(self.pixels) - 1,
            "colourspace": "ACEScg",
            **self.more,
        }


@dataclass
class Node:
    """One instance of the effect in a host."""

    host: Host
    clip: Clip
    id: str = "a"
    mask: Clip | None = None
    params: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        clips = {"Source": self.clip.form(), **({"Mask": self.mask.form()} if self.mask else {})}
        params = {"faces": 3, "model": "identity", "preset": 0, "colourspace": "ACEScg", **self.params}
        assert self.host.ask("create", id=self.id, clips=clips, params=params, **self.more)["status"] == OK

    def press(self, name: str, **more: Any) -> dict[str, Any]:
        return self.host.ask("press", id=self.id, name=name, **more)

    def restore(self) -> str:
        """Press Restore range and return the job's id."""
        answer = self.press("restoreRange")
        assert answer["params"]["job"], answer
        return str(json.loads(answer["params"]["job"])["id"])

    def render(self, frame: int, **more: Any) -> tuple[dict[str, Any], Pixels]:
        """Render a frame and return the host's answer and the picture."""
        out = self.clip.folder / f"out-{self.id}-{frame}.raw"
        answer = self.host.ask("render", id=self.id, time=frame, out=str(out), **more)
        picture = np.fromfile(out, DTYPES[self.clip.depth])
        return answer, picture.reshape(-1, *self.clip.pixels[0].shape[1:])


def noise(seed: int, height: int = 48, width: int = 64, channels: int = 4) -> NDArray[np.float32]:
    """Return float pixels with highlights, exact zeros and an alpha that is not 1 everywhere."""
    random = np.random.default_rng(seed)
    picture = random.random((height, width, channels), np.float32) * np.float32(1.5)
    picture[0, 0] = 0
    if channels == 4:
        picture[..., 3] = np.linspace(0, 1, width, dtype=np.float32)
    return picture


def as_depth(picture: NDArray[np.float32], depth: str) -> Pixels:
    """Return the picture in another depth."""
    dtype = DTYPES[depth]
    if dtype.kind == "f":
        return picture.astype(dtype)
    return np.rint(np.clip(picture, 0, 1) * np.iinfo(dtype).max).astype(dtype)
