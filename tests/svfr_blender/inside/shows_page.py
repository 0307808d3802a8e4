"""Restore a strip, and have the page of its result made; the browser is a script that notes the address."""

import bpy
from common import add_images, module, opened, pump, restored, result_of, run, select_only


def main(case):
    scene, editor = opened(case)
    strip = add_images(editor, case["files"], 1, 1)
    preferences = bpy.context.preferences.addons["bl_ext.user_default.svfr"].preferences
    preferences.server_command = case["svfr"]
    scene.svfr.model, scene.svfr.faces = "probe", "frame"
    select_only(scene, strip)
    said = {}
    try:
        bpy.ops.svfr.show_page()
    except RuntimeError as problem:
        said["too_early"] = str(problem)
    restored(scene, strip)
    result = result_of(scene)
    opened_pages = []
    host = module("session").controller()._host
    host.open_page = opened_pages.append
    for which in (strip, result):
        select_only(scene, which)
        bpy.ops.svfr.show_page()
        said["text"] = module("session").controller().page_text
        pump(lambda c: not c.page_text or "Making" not in c.page_text)
        said["after"] = module("session").controller().page_text
    said["pages"] = opened_pages
    preferences.server_command = case["folder"] + "/none"
    bpy.ops.svfr.show_page()
    pump(lambda c: "is not there" in c.page_text)
    said["no_program"] = module("session").controller().page_text
    return said


run(main)
