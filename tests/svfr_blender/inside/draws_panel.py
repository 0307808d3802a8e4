"""Draw the panel on a layout that checks every name it is given against Blender's own data."""

import bpy
from common import add_images, install, module, run, use_scene

LONG = "No face was found in any frame. Choose Whole Frame, or give a box that holds the face."


class Layout:
    """Takes what the panel draws; unknown properties, operators and icons fail."""

    icons = bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items.keys()

    def __init__(self, seen):
        object.__setattr__(self, "seen", seen)

    def __setattr__(self, name, value):
        assert name in bpy.types.UILayout.bl_rna.properties, name
        if name == "enabled" and not value:
            self.seen.append("greyed out:")

    def row(self, align=False):
        return Layout(self.seen)

    column = row

    def box(self):
        return Layout(self.seen)

    def _check(self, icon):
        assert icon in self.icons, icon

    def label(self, text="", icon="NONE"):
        self._check(icon)
        self.seen.append(text)

    def prop(self, data, name, text=None, slider=False):
        self.seen.append(text or data.bl_rna.properties[name].name)

    def prop_search(self, data, name, owner, collection, text=None):
        assert data.bl_rna.properties[name] and owner.bl_rna.properties[collection]
        self.seen.append(name)

    def operator(self, name, text=None, icon="NONE"):
        self._check(icon)
        kind, short = name.split(".")
        operator = getattr(getattr(bpy.ops, kind), short)
        self.seen.append(text if text is not None else operator.get_rna_type().name)
        return type("Given", (), {})()

    def progress(self, factor=0.0, text=""):
        assert 0.0 <= factor <= 1.0
        self.seen.append(text)


def draw(context):
    panel, seen = module("panel"), []
    panel.SvfrPanel.draw(type("Self", (), {"layout": Layout(seen)})(), context)
    return seen


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
        seen = []
        module("panel").draw_model(Layout(seen), settings)
        drawn[name] = seen
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
