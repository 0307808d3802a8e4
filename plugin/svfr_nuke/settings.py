"""What the node's knobs say, read once into a plain value. Names of knobs live here and nowhere else."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

from svfr_client.errors import BadJob
from svfr_client.face_words import read_face_choice
from svfr_client.frames import FrameRange
from svfr_client.job import Box, FaceChoice, FacePoint, Reference
from svfr_client.vocabulary import TASKS, ExistingPolicy, FaceMode, Task

from .errors import BadSetting

MASKS = ("none", "rendered", "splines")
FACES: Dict[str, FaceMode] = {
    "largest": "largest",
    "all": "all",
    "track numbers": "index",
    "box": "box",
    "point": "point",
    "mask": "mask",
    "whole frame": "frame",
}
REFERENCES = ("self-made", "plate frame", "photo")
RANGES = ("plate", "project", "custom")
EXISTING: Dict[str, ExistingPolicy] = {"version up": "version_up", "overwrite": "overwrite", "error": "error"}
CHANNELS = ("rgb", "rgba", "all")
WAIT, AS_IT_IS, STOP = "wait", "render as it is", "stop"
RENDERS = (WAIT, AS_IT_IS, STOP)


@dataclass(frozen=True)
class NodeSettings:
    """The knobs of one SVFR node. Boxes are in Nuke's pixels: x, y, right, top, from the lower left."""

    tasks: Tuple[Task, ...]
    mask: str
    mask_channel: str
    faces: str
    face_tracks: str
    face_box: Tuple[float, float, float, float]
    face_point: Tuple[float, float]
    face_frame: int
    reference: str
    reference_frame: int
    reference_photo: str
    model: str
    preset: str
    seed: int
    detail: Optional[float]
    range: str
    frames: str
    view: str
    channels: str
    colour_space: str
    ocio_config: str
    ocio_context: str
    output: str
    existing: str
    layers: Tuple[str, ...]
    spread_seeds: int

    @classmethod
    def read(cls, node: Any) -> "NodeSettings":
        """Read the knobs of ``node``."""
        box = node["face_box"].toDict()
        return cls(
            tasks=tuple(name for name in TASKS if node[name].value()),
            mask=str(node["mask_from"].value()),
            mask_channel=_text(node, "mask_channel"),
            faces=str(node["faces"].value()),
            face_tracks=_text(node, "face_tracks"),
            face_point=(float(node["face_point"].x()), float(node["face_point"].y())),
            face_frame=int(node["face_frame"].value()),
            face_box=(float(box["x"]), float(box["y"]), float(box["r"]), float(box["t"])),
            reference=str(node["reference"].value()),
            reference_frame=int(node["reference_frame"].value()),
            reference_photo=_text(node, "reference_photo"),
            model=_text(node, "model"),
            preset=str(node["preset"].value()),
            seed=int(node["seed"].value()),
            detail=None if node["texture_auto"].value() else round(float(node["texture"].value()), 4),
            range=str(node["range"].value()),
            frames=_text(node, "frames"),
            view=_text(node, "view"),
            channels=str(node["channels"].value()),
            colour_space=_text(node, "colour_space"),
            ocio_config=_text(node, "ocio_config"),
            ocio_context=_text(node, "ocio_context"),
            output=_text(node, "output"),
            existing=str(node["existing"].value()),
            layers=tuple(name for name in re.split(r"[\s,]+", _text(node, "layers")) if name),
            spread_seeds=int(node["spread_seeds"].value()),
        )

    def face_choice(self, height: int) -> FaceChoice:
        """Return the faces in EXR pixel space; ``height`` of the plate turns Nuke's y around."""
        if self.faces == "track numbers":
            return _tracks(self.face_tracks)
        if self.faces == "point":
            x, y = self.face_point
            return FaceChoice(mode="point", points=(FacePoint(x, height - y, self.face_frame),))
        if self.faces == "box":
            x, y, right, top = self.face_box
            if right <= x or top <= y:
                raise BadSetting("The face box is empty.", remedy="Draw it around the face.")
            return FaceChoice(mode="box", boxes=(Box(x, height - top, right - x, top - y),))
        return FaceChoice(mode=FACES[self.faces])

    def references(self) -> Tuple[Reference, ...]:
        """Return the user's own reference, if one is chosen."""
        if self.reference == "plate frame":
            return (Reference(frame=self.reference_frame),)
        if self.reference == "photo":
            if not self.reference_photo:
                raise BadSetting("No reference photo is chosen.", remedy="Choose its file.")
            return (Reference(photo=self.reference_photo.replace("\\", "/")),)
        return ()

    def frame_range(self, plate: Tuple[int, int], project: Tuple[int, int]) -> FrameRange:
        """Return the frames to restore; ``plate`` and ``project`` are first and last frames.

        Raises the errors of :meth:`svfr_client.frames.FrameRange.parse` for a custom range.
        """
        if self.range == "custom":
            return FrameRange.parse(self.frames)
        first, last = plate if self.range == "plate" else project
        return FrameRange.of(range(first, last + 1))


def _text(node: Any, name: str) -> str:
    return str(node[name].value() or "").strip()


def _tracks(text: str) -> FaceChoice:
    with suppress(BadJob):
        choice = read_face_choice(",".join(part for part in re.split(r"[\s,]+", text) if part))
        if choice.mode in ("index", "id"):
            return choice
    raise BadSetting(
        f'"{text}" are no face track numbers or ids.',
        remedy="Write them like 0, 2. `svfr faces` shows both on a contact sheet.",
    )
