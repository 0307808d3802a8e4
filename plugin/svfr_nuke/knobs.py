"""The knobs of the SVFR node, as data: kind, name, label, default, what it is for.

All are stock knobs of Nuke, and the buttons hold one line of Python each that asks for the plugin, so a
script with the node opens, renders and keeps its settings where the plugin is not installed.
"""

from dataclasses import dataclass
from typing import Any, List, Tuple

import nuke

from svfr_client.job import DEFAULT_SPREAD_SEEDS, JobSpec
from svfr_client.job_checks import SPREAD_SEEDS
from svfr_client.vocabulary import LAYERS, PRESETS

from . import settings

_MISSING = "SVFR Studio is not installed in this Nuke. Run `svfr install nuke`."


@dataclass(frozen=True)
class KnobSpec:
    """One knob. ``choices`` make a menu, ``span`` is a slider's range, ``same_line`` joins the former."""

    kind: str
    name: str
    label: str = ""
    default: Any = None
    choices: Tuple[str, ...] = ()
    tooltip: str = ""
    span: Tuple[float, float] = (0.0, 0.0)
    same_line: bool = False
    read_only: bool = False
    hidden: bool = False


def button(function: str) -> str:
    """Return the script of a button: call ``svfr_nuke.buttons.<function>`` or say what is missing."""
    return (
        "try:\n"
        "    import svfr_nuke.buttons as svfr_buttons\n"
        "except ImportError:\n"
        f"    nuke.message({_MISSING!r})\n"
        "else:\n"
        f"    svfr_buttons.{function}(nuke.thisNode())\n"
    )


def _tick(name: str, label: str, tooltip: str, default: bool = False, **more: Any) -> KnobSpec:
    return KnobSpec("Boolean_Knob", name, label, default, tooltip=tooltip, **more)


def _menu(name: str, label: str, choices: Tuple[str, ...], default: str, tooltip: str) -> KnobSpec:
    return KnobSpec(
        kind="Enumeration_Knob", name=name, label=label, default=default, choices=choices, tooltip=tooltip
    )


def _text(name: str, label: str, default: str, tooltip: str, **more: Any) -> KnobSpec:
    return KnobSpec("String_Knob", name, label, default, tooltip=tooltip, **more)


def _file(name: str, label: str, tooltip: str) -> KnobSpec:
    return KnobSpec("File_Knob", name, label, "", tooltip=tooltip)


def _press(name: str, label: str, tooltip: str, same_line: bool = True) -> KnobSpec:
    return KnobSpec("PyScript_Knob", name, label, button(name), tooltip=tooltip, same_line=same_line)


def _line(name: str, label: str = "") -> KnobSpec:
    return KnobSpec("Text_Knob", name, label)


TABLE: Tuple[KnobSpec, ...] = (
    KnobSpec("Tab_Knob", "svfr", "SVFR"),
    _tick("bfr", "restore face", "Blind face restoration: detail that was lost to blur, noise, age.", True),
    _tick("colorize", "colorize", "Give colour to a black-and-white face.", same_line=True),
    _tick("inpaint", "inpaint", "Fill what the mask covers. Needs a mask.", same_line=True),
    _menu("mask_from", "mask", settings.MASKS, "rendered", "How the mask input is sent."),
    _text("mask_channel", "mask channel", "rgba.alpha", "The channel of the mask input that is rendered."),
    _menu("faces", "faces", tuple(settings.FACES), "largest", "Which faces are restored."),
    _text("face_tracks", "track numbers", "", "For `track numbers`: 0, 2, or ids; `svfr faces` shows both."),
    KnobSpec("BBox_Knob", "face_box", "face box", tooltip="For `box`: a rectangle around the face."),
    KnobSpec("XY_Knob", "face_point", "face point", tooltip="For `point`: drag it onto the face."),
    KnobSpec(
        "Int_Knob",
        "face_frame",
        "at frame",
        1,
        tooltip="Where the point was put; set by dragging.",
        same_line=True,
    ),
    _menu("reference", "reference", settings.REFERENCES, "self-made", "What the face should look like."),
    KnobSpec("Int_Knob", "reference_frame", "reference frame", 1, tooltip="For `plate frame`."),
    _file("reference_photo", "reference photo", "For `photo`: a picture of the same person."),
    _line("quality", "Quality"),
    _menu("preset", "preset", PRESETS, JobSpec.preset, "How many steps are taken."),
    KnobSpec(
        "Int_Knob", "seed", "seed", JobSpec.seed, tooltip="Another seed gives another result.", same_line=True
    ),
    _tick("texture_auto", "texture of the preset", "Add as much fine texture as the preset says.", True),
    KnobSpec(
        "Double_Knob",
        "texture",
        "texture",
        0.5,
        tooltip="If not the preset's: how much fine texture the model adds. 0 is the safest, 1 the sharpest.",
        span=(0.0, 1.0),
    ),
    _text("model", "model", JobSpec.model, "A model's name or folder, as `svfr model list` shows it."),
    KnobSpec(
        "Enumeration_Knob",
        "model_menu",
        "",
        "choose",
        choices=("choose",),
        tooltip="What the server has; filled when the panel is opened and a server answers.",
        same_line=True,
    ),
    _line("what", "Frames and files"),
    _menu("range", "frame range", settings.RANGES, "plate", "Which frames are restored."),
    _text("frames", "custom range", "", "For `custom`: 1001-1050, 1001-1050x2 or 1001,1005-1010."),
    _text("view", "view", "", "Which view is restored when the script has several."),
    _menu("channels", "channels", settings.CHANNELS, "rgba", "What is rendered when the plate is no Read."),
    _file("output", "output", "Where frames go: .../name.%04d.exr. Empty: beside the plate or the script."),
    _menu(
        "existing",
        "existing files",
        tuple(settings.EXISTING),
        "version up",
        "What happens to earlier results.",
    ),
    _text("layers", "extra layers", ", ".join(JobSpec.layers), f"Any of {', '.join(LAYERS)}."),
    KnobSpec(
        "Int_Knob",
        "spread_seeds",
        "seeds of spread",
        DEFAULT_SPREAD_SEEDS,
        tooltip="So many seeds the layer spread is taken of, {} to {}.".format(*SPREAD_SEEDS),
        same_line=True,
    ),
    _line("colour", "Colour"),
    _text("colour_found", "found", "", "What the plate and the project say.", read_only=True),
    _text("colour_space", "colour space", "", "Name another space here; empty takes the one found."),
    _text(
        "ocio_config", "OCIO config", "", "Another config.ocio or ocio:// address; empty takes the project's."
    ),
    _text(
        "ocio_context",
        "OCIO context",
        "",
        "Values of its variables, like SHOT=sh010, CAMERA=a; the others are those of Nuke's environment.",
    ),
    _line("run"),
    _press("restore", "Restore", "Send the job.", same_line=False),
    _press("cancel", "Cancel", "End the running job at its next step."),
    _press("redo", "Redo", "Send the last job again, as it was."),
    _text("redo_range", "some frames", "", "For Redo frames: 1005, 1010-1015; the seed is the one above."),
    _press("redo_frames", "Redo frames", "Do these frames of the result again, over the former ones."),
    _press("redo_frame", "Redo this frame", "Do the frame in the viewer again, over the former one."),
    _press("refresh", "Refresh", "Read the inputs and the project again."),
    _text("status", "status", "", "What the service says.", read_only=True),
    _line("look", "Result"),
    _menu("version", "version", ("plate",), "plate", "Which result is shown; `plate` shows none."),
    _text("version_made", "made with", "", "Of the version that is shown.", read_only=True),
    _press(
        "open_page", "Open page", "Before and after, figures and warnings of this result, in the browser."
    ),
    KnobSpec("Double_Knob", "mix", "mix", 1.0, tooltip="0 is the plate, 1 the result.", span=(0.0, 1.0)),
    KnobSpec(
        "Double_Knob",
        "detail",
        "detail from plate",
        0.0,
        tooltip="Bring the plate's own grain and fine detail back.",
        span=(0.0, 1.0),
    ),
    KnobSpec(
        "Double_Knob",
        "detail_size",
        "detail size",
        4.0,
        tooltip="In pixels: what is finer than this counts as detail.",
        span=(0.5, 20.0),
    ),
    _menu(
        "not_ready", "renders", settings.RENDERS, settings.WAIT, "What a render does while a job is not done."
    ),
    KnobSpec("Tab_Knob", "svfr_server", "Server"),
    _file("connection", "connection file", "Of a remote server. Empty: this machine's own."),
    _press("start_server", "Start", "Start this machine's server.", same_line=False),
    _press("test_connection", "Test connection", "Ask the server who it is."),
    _text("server_state", "state", "", "What the server said.", read_only=True),
    _text("svfr_job", "job", "", "The node's last job; used after a reload.", hidden=True),
    _text("svfr_versions", "versions", "", "The node's results.", hidden=True),
    _tick("has_result", "has result", "Whether the result is shown.", hidden=True),
)


def add_all(node: Any) -> None:
    """Add every knob of the table to ``node``, in order."""
    for spec in TABLE:
        node.addKnob(make(spec))


def add_missing(node: Any) -> None:
    """Add what a node that an earlier version of the plugin made does not have yet, behind the rest."""
    for spec in TABLE:
        if spec.name not in node.knobs():
            node.addKnob(make(spec))


def make(spec: KnobSpec) -> Any:
    """Return a new knob."""
    arguments: List[Any] = [spec.name, spec.label]
    if spec.kind == "Enumeration_Knob":
        arguments.append(list(spec.choices))
    knob = getattr(nuke, spec.kind)(*arguments)
    if spec.kind == "PyScript_Knob":
        knob.setCommand(spec.default)
    elif spec.default is not None:
        knob.setValue(spec.default)
    if spec.tooltip:
        knob.setTooltip(spec.tooltip)
    if spec.span != (0.0, 0.0):
        knob.setRange(*spec.span)
    if spec.same_line:
        knob.clearFlag(nuke.STARTLINE)
    elif spec.kind in ("PyScript_Knob", "Boolean_Knob"):
        knob.setFlag(nuke.STARTLINE)
    if spec.read_only:
        knob.setFlag(nuke.READ_ONLY)
    if spec.hidden:
        knob.setFlag(nuke.INVISIBLE)
    return knob
