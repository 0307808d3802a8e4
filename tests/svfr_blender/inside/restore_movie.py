"""Restore a trimmed movie strip and render both."""

from common import describe, opened, render, restored, result_of, run, strips


def main(case):
    scene, editor = opened(case, (160, 120))
    scene.render.fps = case["scene_fps"]
    strip = strips(editor).new_movie("shot", case["movie"], 1, 31, fit_method="ORIGINAL")
    strip.animation_offset_start = case["hard_trim"]
    strip.frame_offset_start, strip.frame_offset_end = 2, 3
    strip.use_reverse_frames = case["reverse"]
    scene.svfr.model, scene.svfr.faces = "identity", "frame"
    scene.svfr.handles = case["handles"]
    records = [dict(vars(r)) for r in restored(scene, strip)]
    result = result_of(scene)
    frames = list(range(strip.frame_final_start, strip.frame_final_end))
    return {
        "source": describe(strip),
        "result": describe(result),
        "records": records,
        "written": [frame for frame, _ in records[0]["paths"]],
        "names": [result.strip_elem_from_frame(frame).filename for frame in frames],
        "renders": [
            [render(scene, at, f"{case['folder']}/{name}{at}.exr", which) for name, which in pair]
            for at, pair in ((at, (("source", strip), ("result", result))) for at in frames[::3])
        ],
    }


run(main)
