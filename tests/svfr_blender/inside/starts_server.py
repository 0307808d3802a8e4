"""No server runs: Restore starts one. And the panel's own buttons."""

import os

import bpy
from common import add_images, files_shown, module, opened, pump, result_of, run, select_only


def main(case):
    scene, editor = opened(case)
    strip = add_images(editor, case["files"], 2, 101)
    scene.svfr.model, scene.svfr.faces = "identity", "frame"
    preferences = bpy.context.preferences.addons["bl_ext.user_default.svfr"].preferences
    controller = module("session").controller()
    said = {}

    bpy.ops.svfr.test_connection()
    pump(lambda c: "No service is running here" in c.server_text)
    said["alone"] = [controller.server_is_up, controller.server_text]

    preferences.starts_server = False
    select_only(scene, strip)
    bpy.ops.svfr.restore()
    pump(lambda c: c.records[0].state == "failed")
    said["not_allowed"] = controller.records[0].message

    preferences.server_command = case["folder"] + "/nothing-here"
    bpy.ops.svfr.start_server()
    pump(lambda c: "is not there" in c.server_text)
    said["wrong_program"] = controller.server_text

    preferences.server_command = case["svfr"]
    preferences.starts_server = True
    bpy.ops.svfr.redo()
    pump(lambda c: c.records[1].is_inserted)
    said["states"] = [record.state for record in controller.records]
    said["result_files"] = files_shown(result_of(scene))
    bpy.ops.svfr.test_connection()
    pump(lambda c: "answered in" in c.server_text)
    said["up"] = [controller.server_is_up, controller.server_text]

    remote = case["folder"] + "/elsewhere.json"
    # a server elsewhere is asked only where the user allows Blender to go online
    preferences.connection_file = remote
    pump(lambda c: "online" in c.server_text.lower())
    said["offline"] = controller.server_text
    preferences.connection_file = ""
    bpy.context.preferences.system.use_online_access = True
    preferences.connection_file = remote
    pump(lambda c: remote in c.server_text or "elsewhere" in c.server_text)
    said["remote"] = controller.server_text
    os.link(os.environ["SVFR_HOME"] + "/connection.json", remote)
    preferences.connection_file = remote
    pump(lambda c: c.server_is_up)
    bpy.ops.svfr.restore()
    pump(lambda c: c.records[2].is_inserted)
    said["over_file"] = controller.records[2].state
    return said


run(main)
