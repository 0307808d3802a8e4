"""One frame and a range of a restored strip done again, with another seed, into the result that is there."""

import os

import bpy
from common import (
    add_images,
    files_shown,
    module,
    opened,
    restored,
    result_of,
    run,
    select_only,
    wait_for_jobs,
)


def shown(scene):
    return [os.path.normpath(file) for file in files_shown(result_of(scene))]


def main(case):
    scene, editor = opened(case)
    settings = scene.svfr
    settings.model, settings.preset, settings.faces = "mini", "draft", "frame"
    strip = add_images(editor, case["files"], 2, 101)
    restored(scene, strip)
    said = {"first": shown(scene)}

    settings.seed, scene.frame_current = 5, 103
    select_only(scene, result_of(scene))
    assert bpy.ops.svfr.redo_frames(span="CURRENT") == {"FINISHED"}
    wait_for_jobs()
    said["frame"] = shown(scene)

    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 90, 102
    select_only(scene, strip)
    bpy.ops.svfr.redo_frames(span="PREVIEW")
    records = wait_for_jobs()
    said["range"] = shown(scene)
    said["titles"] = [record.title for record in records]
    said["bases"] = [record.base for record in records] + [records[0].job]
    said["muted"] = strip.mute

    said["refused"] = []
    scene.use_preview_range = False
    for fields in ({"span": "PREVIEW"}, {"span": "GIVEN", "first": 500, "last": 510}):
        try:
            bpy.ops.svfr.redo_frames(**fields)
        except RuntimeError as problem:
            said["refused"].append(str(problem))
    strip.directory = case["folder"]
    try:
        bpy.ops.svfr.redo_frames(span="GIVEN", first=101, last=102)
    except RuntimeError as problem:
        said["refused"].append(str(problem))
    said["sent"] = len(module("session").controller().records)
    return said


run(main)
