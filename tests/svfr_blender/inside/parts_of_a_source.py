"""Cut, trimmed and redone: every part of a source keeps its own frames, and what was trimmed stays."""

import bpy
from common import (
    add_images,
    all_strips,
    files_shown,
    module,
    opened,
    restored,
    results,
    run,
    select_only,
    wait_for_jobs,
)


def shown(scene):
    return [
        [s.frame_final_start, s.frame_final_end, [f[-8:-4] for f in files_shown(s)]] for s in results(scene)
    ]


def main(case):
    scene, editor = opened(case)
    settings = scene.svfr
    settings.model, settings.faces = "identity", "frame"
    said = {}

    strip = add_images(editor, case["files"], 1, 1)
    restored(scene, strip)
    result = results(scene)[0]
    result_half = result.split(frame=7, split_method="SOFT")
    source_half = strip.split(frame=7, split_method="SOFT")
    settings.model = "probe"
    select_only(scene, result_half)
    bpy.ops.svfr.redo()
    wait_for_jobs()
    said["cut"] = shown(scene)
    said["versions"] = ["_v001" in files_shown(s)[0] or "1-12" in files_shown(s)[0] for s in results(scene)]
    select_only(scene, result)
    bpy.ops.svfr.redo()
    wait_for_jobs()
    said["cut_again"] = shown(scene)
    said["sources"] = len({strip["svfr_source"], source_half["svfr_source"]})

    # Restore once more, together with the results that are selected too.
    for one in all_strips(scene):
        one.select = True
    said["all"] = list(bpy.ops.svfr.restore())
    wait_for_jobs()
    said["not_stacked"] = len(results(scene))
    bpy.ops.svfr.insert_again(job=module("session").controller().records[-1].job)
    wait_for_jobs()
    said["inserted_again"] = len(results(scene))

    # A result that the artist trimmed stays as it is; one that spans two parts goes on showing both.
    for one in all_strips(scene):
        (editor.strips if hasattr(editor, "strips") else editor.sequences).remove(one)
    strip = add_images(editor, case["files"], 1, 1)
    restored(scene, strip)
    result = results(scene)[0]
    result.frame_offset_start, result.frame_offset_end = 4, 3
    bpy.ops.svfr.redo()
    wait_for_jobs()
    said["trimmed"] = shown(scene)
    result.frame_offset_start = result.frame_offset_end = 0
    strip.split(frame=7, split_method="SOFT")
    select_only(scene, strip)
    bpy.ops.svfr.redo()
    wait_for_jobs()
    said["spanning"] = shown(scene)
    said["spanning_files"] = files_shown(results(scene)[0])

    # A copy of a strip that has a result is a part of its own.
    for one in all_strips(scene):
        (editor.strips if hasattr(editor, "strips") else editor.sequences).remove(one)
    strip = add_images(editor, case["files"], 1, 1)
    restored(scene, strip)
    select_only(scene, strip)
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    region = next(one for one in area.regions if one.type == "WINDOW")
    with bpy.context.temp_override(area=area, region=region):
        bpy.ops.sequencer.duplicate()
    copy = next(s for s in all_strips(scene) if s.select and s != strip)
    copy.frame_start = 101
    restored(scene, copy)
    said["copied"] = shown(scene)
    said["copied_from"] = len({files_shown(s)[0] for s in results(scene)})
    return said


run(main)
