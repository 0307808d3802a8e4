"""What the panel's fields become in a job; and what is left when the extension is disabled: nothing."""

import threading

import bpy
from common import add_images, all_strips, keyed_mask, module, opened, run, strips


def main(case):
    scene, editor = opened(case)
    strip = add_images(editor, case["files"], 2, 101)
    strip.frame_offset_start = 2
    strip.use_proxy = True
    settings = scene.svfr
    said = {}

    def job(**fields):
        for name, value in fields.items():
            setattr(settings, name, value)
        environment = module("operators").host_environment()
        gathered = module("gather").gather(strip, scene, all_strips(scene), settings, environment)
        return gathered.request().to_json()

    said["plain"] = job()
    said["every_task"] = job(tasks={"bfr", "colorize"}, seed=5, preset="final", model="probe", handles=1)
    said["numbers"] = job(faces="index", face_numbers="0, 2")
    said["box"] = job(faces="box", face_box=(10, 20, 64, 48))
    said["frame"] = job(faces="largest", reference="FRAME", reference_frame=105)
    said["photo"] = job(reference="PHOTO", reference_photo=case["files"][0])
    said["exposure"] = job(reference="NONE", exposure_auto=False, exposure_stops=-1.5)
    said["context"] = job(ocio_context="SHOT=sh010, CAMERA=a")
    settings.ocio_context = ""
    said["detail"] = job(detail_auto=False, detail=0.3)
    settings.detail_auto = True
    said["output"] = job(output=case["folder"] + "/results")

    corners = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)]
    mask = keyed_mask("roto", {f: [(x + f / 100, y) for x, y in corners] for f in (0, 20)})
    mask.frame_start = 4
    mask_strip = strips(editor).new_mask("roto strip", mask, 5, 100)
    scene.render.resolution_x, scene.render.resolution_y = 160, 120
    scene.frame_set(77)
    by_mask = job(mask_source="MASK", mask=mask, tasks={"inpaint"})
    by_strip = job(mask_source="STRIP", mask_strip=mask_strip.name)
    said["frame_current"] = scene.frame_current
    said["scenes"] = [s.name for s in bpy.data.scenes]
    said["mask"], said["mask_strip"] = by_mask["mask_splines"], by_strip["mask_splines"]

    session = module("session")
    before = [t.name for t in threading.enumerate() if t.name.startswith("SVFR")]
    bpy.ops.preferences.addon_disable(module="bl_ext.user_default.svfr")
    said["threads"] = [before, [t.name for t in threading.enumerate() if t.name.startswith("SVFR")]]
    said["timers"] = bpy.app.timers.is_registered(session._tick)
    said["left"] = [hasattr(bpy.types, name) for name in ("SVFR_PT_main", "SVFR_OT_restore")]
    said["left"].append(hasattr(bpy.types.Scene, "svfr"))
    said["handlers"] = len([h for h in bpy.app.handlers.load_post if "svfr" in h.__module__])
    bpy.ops.preferences.addon_enable(module="bl_ext.user_default.svfr")
    said["again"] = hasattr(bpy.types, "SVFR_PT_main")
    return said


run(main)
