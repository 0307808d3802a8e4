"""Restore a strip that lies inside a meta strip which was moved and trimmed."""

import bpy
from common import (
    add_images,
    describe,
    files_shown,
    install,
    result_of,
    run,
    select_only,
    strips,
    use_scene,
    wait_for_jobs,
)


def main(case):
    install(case["zip"])
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    use_scene(scene)
    strip = add_images(editor, case["files"], 3, 101)
    meta = strips(editor).new_meta("meta", 1, 101)
    strip.move_to_meta(meta)
    meta.frame_final_end = 113
    strip.frame_offset_start = 2
    meta.frame_start += 50
    meta.frame_final_start += 4
    before = [meta.frame_final_start, meta.frame_final_end, strip.frame_final_start, strip.frame_final_end]
    scene.svfr.model, scene.svfr.faces = "identity", "frame"
    select_only(scene, strip)
    assert bpy.ops.svfr.restore() == {"FINISHED"}
    wait_for_jobs()
    result = result_of(scene)
    after = [meta.frame_final_start, meta.frame_final_end, strip.frame_final_start, strip.frame_final_end]
    return {
        "before": before,
        "after": after,
        "parent": result.parent_meta().name,
        "result": describe(result),
        "source": describe(strip),
        "source_files": files_shown(strip),
        "result_files": files_shown(result),
    }


run(main)
