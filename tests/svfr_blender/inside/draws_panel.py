"""Draw the panel on a layout that checks every name it is given against Blender's own data."""

import bpy
from common import add_images, install, module, run, use_scene
from recorded_layout import Recorder


def draw(context):
    layout = Recorder()
    module("panel").SvfrPanel.draw(type("Self", (), {"layout": layout})(), context)
    return layout.texts()


def draw_models(settings):
    """Draw the model's part with several models chosen, of a server that offers three; then search them."""
    controller = module("session").controller()
    offer = module("svfr_client.protocol.messages").ModelOffer
    presets, tasks = ("draft", "standard"), ("bfr", "colorize")
    can = (192, tasks, presets)
    controller.models = (
        offer("mini", "diffusion", True, *can, {"draft": 0.0, "standard": 0.6}, False, True),
        offer("broken", "", False, 0, (), (), None, False, False, "model.json: missing key kind"),
        offer("plain", "diffusion", False, *can, None, True, True),
    )
    drawn = {}
    settings.preset = "standard"
    for name in ("mini", "plain", "broken", "other", "/models/mine"):
        settings.model = name
        layout = Recorder()
        module("panel").draw_model(layout, settings)
        drawn[name] = layout.texts()
    settings.model, settings.tasks, settings.preset = "plain", {"bfr", "inpaint"}, "final"
    notes = module("panel").model_notes(controller.models, "plain", settings.tasks, "final")
    listed = module("settings")._models(settings, bpy.context, "")
    controller.models = ()
    return {
        "drawn": drawn,
        "notes": notes,
        "listed": listed,
        "no_server": module("settings")._models(settings, bpy.context, ""),
    }


def main(case):
    install(case["zip"])
    scene = bpy.context.scene
    use_scene(scene)
    said = {"empty": draw(bpy.context)}
    editor = scene.sequence_editor_create()
    add_images(editor, case["files"], 1, 1)
    settings = scene.svfr
    settings.exposure_auto = settings.detail_auto = False
    said["choices"] = []
    for field, values in (
        ("mask_source", ("NONE", "MASK", "STRIP", "MODIFIER")),
        ("faces", ("largest", "all", "index", "box", "mask", "frame")),
        ("reference", ("NONE", "FRAME", "PHOTO")),
    ):
        for value in values:
            setattr(settings, field, value)
            said["choices"].append(draw(bpy.context))
    settings.layers = {"invention", "spread"}
    said["choices"].append(draw(bpy.context))
    said["models"] = draw_models(scene.svfr)
    jobs, controller = module("jobs"), module("session").controller()
    for state in ("sending", "queued", "running", "done", "failed", "cancelled"):
        record = jobs.JobRecord(state, "s", scene.name, "strip", f"{state} job", state=state, fraction=0.5)
        record.message = "No face was found in any frame. Choose Whole Frame, or give a box." * (
            state == "failed"
        )
        controller.records.append(record)
    said["queue"] = draw(bpy.context)
    return said


if __name__ == "__main__":
    run(main)
