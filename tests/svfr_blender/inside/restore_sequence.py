"""Restore an image strip with trims, direction, colour space, position and mask as the case says."""

from common import (
    add_images,
    all_strips,
    describe,
    files_shown,
    keyed_mask,
    opened,
    render,
    restored,
    result_of,
    run,
    strips,
)


def main(case):
    scene, editor = opened(case, (320, 240))
    strip = add_images(editor, case["files"], 2, 101)
    strip.frame_offset_start, strip.frame_offset_end = 3, 2
    strip.use_reverse_frames = case["reverse"]
    strip.colorspace_settings.name = case["space"]
    strip.transform.offset_x, strip.transform.offset_y = 11, -7
    strip.transform.scale_x, strip.transform.scale_y, strip.transform.rotation = 1.5, 1.25, 0.2
    strip.crop.min_x, strip.crop.max_y = 5, 9
    strip.color_multiply = 0.9
    other = strips(editor).new_image("in the way", case["files"][0], 3, 105, fit_method="ORIGINAL")
    other.frame_final_duration = 4
    settings = scene.svfr
    settings.model, settings.faces, settings.tasks = case["model"], "frame", set(case["tasks"])
    if case["mask"]:
        settings.mask_source = "MASK"
        settings.mask = keyed_mask("roto", case["mask"])
    scene.frame_set(42)
    records = [dict(vars(r)) for r in restored(scene, strip)]
    assert scene.frame_current == 42
    result = result_of(scene)
    said = {"source": describe(strip), "result": describe(result), "records": records}
    said["source_files"], said["result_files"] = files_shown(strip), files_shown(result)
    said["renders"] = []
    for frame in (104, 108, 110):
        pair = [
            render(scene, frame, f"{case['folder']}/{name}{frame}.exr", which)
            for name, which in (("source", strip), ("result", result))
        ]
        said["renders"].append(pair)
    said["names"] = [s.name for s in all_strips(scene)]
    return said


run(main)
