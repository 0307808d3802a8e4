"""A movie strip that keeps its own rate in a scene of another: made by "make", asked about by "ask"."""

import bpy
from common import all_strips, install, module, run, select_only, strips, use_scene


def make(case):
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    scene.render.fps = 30
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(area=area, region=region):
        bpy.ops.sequencer.movie_strip_add(
            filepath=case["movie"],
            frame_start=1,
            channel=3,
            sound=False,
            use_framerate=False,
            adjust_playback_rate=True,
        )
    strips(editor).new_movie("plain", case["movie"], 6, 1, fit_method="ORIGINAL")
    bpy.ops.wm.save_as_mainfile(filepath=case["folder"] + "/stretched.blend")
    return [s.frame_final_duration for s in all_strips(scene)]


def ask(case):
    bpy.ops.wm.open_mainfile(filepath=case["folder"] + "/stretched.blend")
    install(case["zip"])
    scene = bpy.context.scene
    use_scene(scene)
    plain = next(s for s in all_strips(scene) if s.name == "plain")
    stretched = next(s for s in all_strips(scene) if s.name != "plain")
    said = {"plain": sent(scene, plain), "30": sent(scene, stretched)}
    scene.render.fps = 25
    said["25"] = sent(scene, stretched)
    return said


def sent(scene, strip):
    select_only(scene, strip)
    scene.svfr.model, scene.svfr.faces = "identity", "frame"
    before = len(module("session").controller().records)
    try:
        bpy.ops.svfr.restore()
    except RuntimeError as problem:
        return str(problem)
    assert len(module("session").controller().records) == before + 1
    return "sent"


run(lambda case: {"make": make, "ask": ask}[case["phase"]](case))
