"""A server elsewhere that sees none of the artist's files: Restore sends them and puts the frames in."""

import bpy
from common import add_images, files_shown, module, opened, restored, result_of, run


def main(case):
    scene, editor = opened(case)
    strip = add_images(editor, case["files"], 2, 101)
    scene.svfr.model, scene.svfr.faces = case["model"], "frame"
    bpy.context.preferences.system.use_online_access = True
    preferences = bpy.context.preferences.addons["bl_ext.user_default.svfr"].preferences
    preferences.connection_file = case["connection"]
    told = []
    record = module("jobs").JobRecord
    take = record.take_transfer

    def listen(self, progress):
        told.append(progress.text)
        take(self, progress)

    record.take_transfer = listen
    records = restored(scene, strip)
    return {
        "told": told,
        "states": [one.state for one in records],
        "result_files": files_shown(result_of(scene)),
    }


run(main)
