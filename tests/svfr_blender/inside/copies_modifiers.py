"""A graded source: its result is graded alike, through every modifier that Blender has."""

from common import add_images, opened, render, restored, result_of, run


def main(case):
    scene, editor = opened(case, (160, 120))
    strip = add_images(editor, case["files"], 2, 101)
    grade = strip.modifiers.new("grade", "COLOR_BALANCE")
    grade.color_balance.gain = (1.2, 0.9, 0.8)
    curves = strip.modifiers.new("curves", "CURVES")
    curve = curves.curve_mapping.curves[3]
    curve.points.new(0.3, 0.5)
    curves.curve_mapping.update()
    bright = strip.modifiers.new("bright", "BRIGHT_CONTRAST")
    bright.contrast = 7.0
    white = strip.modifiers.new("white", "WHITE_BALANCE")
    white.white_value, white.mute = (0.9, 1.0, 1.0), True  # 4.2 makes NaN of values near zero here
    strip.modifiers.new("tone", "TONEMAP").mute = True
    strip.modifiers.new("hue", "HUE_CORRECT")
    scene.svfr.model, scene.svfr.faces = "identity", "frame"
    records = restored(scene, strip)
    result = result_of(scene)
    return {
        "modifiers": [[(m.name, m.type, m.mute) for m in s.modifiers] for s in (strip, result)],
        "message": records[0].message,
        "renders": [
            render(scene, 103, f"{case['folder']}/{n}.exr", s) for n, s in (("a", strip), ("b", result))
        ],
        "plain": case["files"][2],
    }


run(main)
