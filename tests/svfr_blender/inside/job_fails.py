"""A job that fails on one of its files; what the panel then shows of it."""

import bpy
from common import add_images, opened, run, select_only, wait_for_jobs
from draws_panel import draw


def main(case):
    scene, editor = opened(case)
    scene.svfr.model, scene.svfr.faces = "identity", "frame"
    select_only(scene, add_images(editor, case["files"], 2, 101))
    assert bpy.ops.svfr.restore() == {"FINISHED"}
    wait_for_jobs("failed")
    return " ".join(draw(bpy.context))


run(main)
