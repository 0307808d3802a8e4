"""What lies above a source still lies above its result: titles, effects on the source, adjustment layers."""

from common import add_images, all_strips, opened, restored, result_of, run, strips, whole_render


def effect(owner, name, kind, channel, start, end, source=None):
    inputs = {} if source is None else {"input1": source}
    if source is not None and not hasattr(owner, "strips"):
        inputs = {"seq1": source}
    try:
        return strips(owner).new_effect(name, kind, channel, start, length=end - start, **inputs)
    except TypeError:
        return strips(owner).new_effect(name, kind, channel, start, frame_end=end, **inputs)


def main(case):
    scene, editor = opened(case, (160, 120))
    strip = add_images(editor, case["files"], 2, 1)
    end = 1 + len(case["files"])
    what = case["above"]
    if what == "adjustment":
        above = effect(editor, "grade", "ADJUSTMENT", 3, 1, end)
        above.color_multiply = 0.5
    elif what == "blur":
        above = effect(editor, "blur", "GAUSSIAN_BLUR", 3, 1, end, strip)
        above.size_x = above.size_y = 9.0
    elif what == "multicam":
        above = effect(editor, "camera", "MULTICAM", 4, 1, end)
        above.multicam_source = 2
    elif what == "muted channel":
        editor.channels[3].mute = True
    elif what == "picture in picture":
        above = add_images(editor, case["files"][::-1], 3, 1)
        above.transform.scale_x = above.transform.scale_y = 0.3
    settings = scene.svfr
    settings.model, settings.faces = "identity", "frame"
    before = whole_render(scene, 5, f"{case['folder']}/before.exr")
    driver = strip.driver_add("blend_alpha").driver
    driver.expression = "1.0"
    records = restored(scene, strip)
    result = result_of(scene)
    after = whole_render(scene, 5, f"{case['folder']}/after.exr")
    names = [d.data_path for d in scene.animation_data.drivers]
    return {
        "renders": [before, after],
        "channels": [strip.channel, result.channel],
        "muted": [strip.mute, result.mute],
        "message": records[-1].message,
        "driven": any(result.name in name for name in names),
        "strips": len(all_strips(scene)),
        "sizes": sorted({(e.orig_width, e.orig_height) for e in result.elements}),
    }


if __name__ == "__main__":
    run(main)
