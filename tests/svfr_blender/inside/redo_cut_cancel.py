"""Redo into the result that is there; a source cut while its job runs; a job cancelled while it waits."""

import bpy
from common import (
    add_images,
    files_shown,
    module,
    opened,
    pump,
    restored,
    result_of,
    results,
    run,
    select_only,
    wait_for_jobs,
)


def main(case):
    scene, editor = opened(case)
    said = {}
    settings = scene.svfr
    settings.model, settings.faces, settings.mute_source = "identity", "frame", False

    strip = add_images(editor, case["files"], 2, 101)
    strip.transform.keyframe_insert("offset_x", frame=101)
    strip.transform.offset_x = 30
    strip.transform.keyframe_insert("offset_x", frame=112)
    restored(scene, strip)
    result = result_of(scene)
    scene.frame_set(112)
    said["animated_offset"] = result.transform.offset_x
    said["muted"] = strip.mute
    said["compared"] = []
    for chosen in (strip, result, strip):  # the pair is the same, whichever is selected
        select_only(scene, chosen)
        bpy.ops.svfr.compare()
        said["compared"].append([strip.mute, result.mute])
    bpy.ops.svfr.compare()
    strip.mute = False
    said["first"] = files_shown(result)
    result.channel, result.blend_type, strip.frame_offset_start = 9, "ADD", 3
    select_only(scene, result)
    settings.model = "probe"
    bpy.ops.svfr.redo()
    wait_for_jobs()
    again = result_of(scene)
    said["redone"] = files_shown(again)
    said["kept"] = [again.channel, again.blend_type, again.frame_final_start]

    settings.model = "identity"
    other = add_images(editor, case["files"], 2, 301)
    select_only(scene, other)
    bpy.ops.svfr.restore()
    second_half = other.split(frame=306, split_method="SOFT")
    second_half.frame_start += 100
    wait_for_jobs()
    said["cut"] = [
        [s.frame_final_start, s.frame_final_end, [f[-8:] for f in files_shown(s)]] for s in results(scene)[1:]
    ]

    bpy.ops.svfr.clear_finished()
    controller = module("session").controller()
    said["cleared"] = len(controller.records)
    for start in (1001, 1101, 1201):
        strip = add_images(editor, case["files"], 2, start)
        select_only(scene, strip)
        bpy.ops.svfr.restore()
    bpy.ops.svfr.cancel(job=controller.records[-1].job)
    before = len(results(scene))
    pump(lambda c: c.is_idle)
    said["cancelled"] = [record.state for record in controller.records]
    said["inserted"] = len(results(scene)) - before

    bpy.ops.svfr.test_connection()
    pump(lambda c: c.model(settings.model) is not None)
    settings.detail_auto, settings.detail = False, 0.5
    select_only(scene, add_images(editor, case["files"], 2, 1301))
    bpy.ops.svfr.restore()
    pump(lambda c: c.is_idle)
    said["detail"] = [controller.records[-1].state, controller.records[-1].message]
    return said


run(main)
