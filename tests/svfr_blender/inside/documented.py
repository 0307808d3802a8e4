"""Run the script of the documentation, as it stands there, on a selected strip."""

import bpy
from common import add_images, files_shown, install, result_of, run, select_only, use_scene


def main(case):
    install(case["zip"])
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    use_scene(scene)
    select_only(scene, add_images(editor, case["files"], 2, 101))
    exec(compile(case["script"], "docs/blender.md", "exec"), {})
    return files_shown(result_of(scene))


run(main)
