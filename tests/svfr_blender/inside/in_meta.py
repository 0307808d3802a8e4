"""Restore a strip that lies inside a meta strip which was moved and trimmed."""

from common import add_images, describe, files_shown, opened, restored, result_of, run, strips


def main(case):
    scene, editor = opened(case)
    strip = add_images(editor, case["files"], 3, 101)
    meta = strips(editor).new_meta("meta", 1, 101)
    strip.move_to_meta(meta)
    meta.frame_final_end = 113
    strip.frame_offset_start = 2
    meta.frame_start += 50
    meta.frame_final_start += 4
    before = [meta.frame_final_start, meta.frame_final_end, strip.frame_final_start, strip.frame_final_end]
    scene.svfr.model, scene.svfr.faces = "identity", "frame"
    restored(scene, strip)
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
