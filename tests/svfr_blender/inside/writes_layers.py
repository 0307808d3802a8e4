"""Restore a strip with extra layers, then with one that the model cannot have."""

import bpy
from common import add_images, describe, files_shown, module, opened, pump, result_of, run, select_only


def main(case):
    scene, editor = opened(case)
    strip = add_images(editor, case["files"], 1, 1)
    strip.colorspace_settings.name = "ACEScg"
    settings = scene.svfr
    settings.model, settings.faces, settings.layers = "probe", "frame", {"delta", "matte", "invention"}
    select_only(scene, strip)
    said = {"rounds": []}
    for layers in ({"delta", "matte", "invention"}, {"spread"}):
        settings.layers = layers
        assert bpy.ops.svfr.restore() == {"FINISHED"}
        controller = pump(lambda c: c.is_idle)
        said["rounds"].append([dict(vars(record)) for record in controller.records])
        controller.records.clear()
        result = result_of(scene)
        wish = module("result_page").page_wish(strip, result, bpy.path.abspath, None)
        said["rounds"][-1].append({"shown": files_shown(result), "page": wish.result, "job": wish.job})
    said["strips"] = [describe(strip), describe(result)]
    return said


run(main)
