# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel's fields, kept with the scene."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from .svfr_client.job import DEFAULT_SPREAD_SEEDS, FaceChoice, JobSpec
from .svfr_client.job_checks import SPREAD_SEEDS
from .svfr_client.protocol.messages import ModelOffer
from .svfr_client.vocabulary import LAYERS, PRESETS, TASKS, FaceMode, Layer, PresetName, Task

_TASKS: dict[Task, tuple[str, str]] = {
    "bfr": ("Restoration", "Blind face restoration: sharpen and clean degraded faces"),
    "colorize": ("Colorize", "Give black-and-white faces colour"),
    "inpaint": ("Inpaint", "Paint anew what the mask covers"),
}
MASKS = (
    ("NONE", "None", "Restore whole faces"),
    ("MASK", "Mask", "A mask drawn over the strip's own pictures"),
    ("STRIP", "Mask Strip", "A mask strip of the timeline"),
    ("MODIFIER", "Modifier", "The mask of the strip's own modifier"),
)
_FACES: dict[FaceMode, tuple[str, str]] = {
    "largest": ("Largest", "The largest face of each shot"),
    "all": ("All", "Every face"),
    "index": ("By Number", "Face tracks by number, as svfr faces shows them"),
    "box": ("Box", "A rectangle of the picture"),
    "mask": ("Mask", "Where the mask is"),
    "point": ("Picked", "Faces clicked in the preview or chosen from those found"),
    "frame": ("Whole Frame", "The whole picture, for plates that are one face"),
}
REFERENCES = (
    ("NONE", "Self", "The first pass makes its own reference"),
    ("FRAME", "Frame", "A good frame of this strip"),
    ("PHOTO", "Photo", "A photo of the person"),
)
_PRESETS: dict[PresetName, tuple[str, str]] = {
    "draft": ("Draft", "Fast, for a look"),
    "standard": ("Standard", "For most shots"),
    "final": ("Final", "All steps"),
}
MOVIES = (
    ("NONE", "None", "Only the frames"),
    ("mov", "ProRes", "A .mov of good quality, quick to play"),
    ("mp4", "H.264", "A small .mp4 for everyone"),
    ("mkv", "FFV1", "A lossless .mkv"),
)
_LAYERS: dict[Layer, tuple[str, str]] = {
    "delta": ("Delta", "What the restoration adds to the plate"),
    "matte": ("Matte", "What it is pasted through"),
    "crop": ("Crop", "The restored face itself, at the plate's scale"),
    "diff": ("Difference", "Luma of the result less that of the plate"),
    "st": ("ST Map", "Where in the first face's crop a pixel lies"),
    "base": ("Base", "The delta without the model's fine texture"),
    "detail": ("Detail", "All of the model's fine texture: base + x * detail is another amount of it"),
    "invention": ("Invention", "What the plate does not bear out"),
    "spread": ("Spread", "How far the results of several seeds lie apart, for models that start from noise"),
    "identity": ("Identity", "How like its reference each face is, in the files' metadata"),
}
# Blender keeps only a weak hold of the texts of menus: they live here.
TASK_ITEMS = tuple((word, *_TASKS[word], 1 << place) for place, word in enumerate(TASKS))
FACE_ITEMS = tuple((word, *texts) for word, texts in _FACES.items())
PRESET_ITEMS = tuple((word, *_PRESETS[word]) for word in PRESETS)
LAYER_ITEMS = tuple((word, *_LAYERS[word], 1 << place) for place, word in enumerate(LAYERS))


# What the server offers; the session, which knows it, adds itself.
offered_models: list[Callable[[], tuple[ModelOffer, ...]]] = []


def _models(settings: Any, context: Any, typed: str) -> list[tuple[str, str]]:
    """Return (name, what it is) of the server's models, for the list that drops down as one types."""
    offers = [offer for ask in offered_models for offer in ask()]
    return [(offer.name, describe_model(offer)) for offer in offers if typed.lower() in offer.name.lower()]


def describe_model(offer: ModelOffer) -> str:
    """Return in a few words what a model is."""
    if offer.problem is not None:
        return "cannot be used"
    kind = "changes nothing: a test" if offer.kind == "identity" else f"{offer.crop_px} px"
    return f"{kind}, preview" if offer.is_preview else kind


class SvfrSettings(bpy.types.PropertyGroup):
    """What the panel shows for one scene."""

    # Written as a table because a call in an annotation is no type.
    __annotations__ = {
        "tasks": EnumProperty(name="Tasks", items=TASK_ITEMS, options={"ENUM_FLAG"}, default={"bfr"}),
        "mask_source": EnumProperty(name="Mask", items=MASKS, default="NONE"),
        "mask": PointerProperty(name="Mask", type=bpy.types.Mask, description="Drawn over the pictures"),
        "mask_strip": StringProperty(name="Mask Strip", description="Name of a mask strip"),
        "faces": EnumProperty(name="Faces", items=FACE_ITEMS, default=FaceChoice.mode),
        "face_numbers": StringProperty(name="Numbers", description="Like 0,2", default="0"),
        "picked_faces": StringProperty(
            name="Picked",
            description="Places like 640,360@1001 (x right, y down, frame of the files), or ids that "
            "svfr faces shows, like kfmd,wqtn",
        ),
        "face_box": IntVectorProperty(
            name="Box",
            size=4,
            default=(0, 0, 256, 256),
            min=0,
            description="Left, top, width and height in pixels of the picture, counted from its top left",
        ),
        "reference": EnumProperty(name="Reference", items=REFERENCES, default="NONE"),
        "reference_frame": IntProperty(name="Frame", description="Timeline frame that shows the face well"),
        "reference_photo": StringProperty(name="Photo", subtype="FILE_PATH"),
        "model": StringProperty(
            name="Model",
            default=JobSpec.model,
            description="A model of the server, from the list or typed",
            search=_models,
            search_options={"SUGGESTION"},
        ),
        "preset": EnumProperty(name="Preset", items=PRESET_ITEMS, default=JobSpec.preset),
        "detail_auto": BoolProperty(
            name="Preset's Detail", default=True, description="Add as much fine texture as the preset says"
        ),
        "detail": FloatProperty(
            name="Detail",
            default=0.5,
            min=0.0,
            max=1.0,
            description="How much fine texture the model adds: 0 is the safest picture, 1 the sharpest",
        ),
        "seed": IntProperty(name="Seed", default=JobSpec.seed, min=0),
        "exposure_auto": BoolProperty(
            name="Auto Exposure", default=True, description="Choose the model's exposure from the face"
        ),
        "exposure_stops": FloatProperty(name="Exposure", min=-16.0, max=16.0, description="In stops"),
        "ocio_context": StringProperty(
            name="OCIO Context",
            description="Values of the OCIO config's variables, like SHOT=sh010, CAMERA=a; "
            "others are taken from Blender's environment",
        ),
        "handles": IntProperty(
            name="Handles",
            min=0,
            max=1000,
            description="Trimmed frames to restore too, on either side, so that the result can be trimmed",
        ),
        "output": StringProperty(
            name="Output", subtype="DIR_PATH", description="Empty: a folder beside the source files"
        ),
        "layers": EnumProperty(
            name="Layers",
            items=LAYER_ITEMS,
            options={"ENUM_FLAG"},
            default=set(),
            description="EXRs with these layers are written too, for a compositor, in a folder of their own",
        ),
        "spread_seeds": IntProperty(
            name="Seeds",
            default=DEFAULT_SPREAD_SEEDS,
            min=SPREAD_SEEDS[0],
            max=SPREAD_SEEDS[1],
            description="So many seeds the layer Spread is taken of",
        ),
        "build_proxies": BoolProperty(
            name="Build Proxies",
            default=False,
            description="Have Blender build proxies of the result, half as large, beside its frames; "
            "the results of strips with proxies always get them",
        ),
        "movie": EnumProperty(
            name="Movie",
            items=MOVIES,
            default="NONE",
            description="Write the result as a movie too, beside its frames; Frames / Movie shows it",
        ),
        "mute_source": BoolProperty(
            name="Mute Source", default=True, description="Mute the source strip when the result is there"
        ),
    }


def register() -> None:
    """Add the settings to every scene."""
    bpy.utils.register_class(SvfrSettings)
    bpy.types.Scene.svfr = PointerProperty(type=SvfrSettings)


def unregister() -> None:
    """Remove them; their values stay in saved files."""
    del bpy.types.Scene.svfr
    bpy.utils.unregister_class(SvfrSettings)
