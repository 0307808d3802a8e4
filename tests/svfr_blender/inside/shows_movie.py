"""Restore with a movie beside the frames; show it, trim it, show the frames again, do them again."""

import bpy
from common import (
    add_images,
    all_strips,
    files_shown,
    module,
    opened,
    pump,
    restored,
    run,
    select_only,
    whole_render,
)
from stack import effect


def movies(scene):
    return [strip for strip in all_strips(scene) if module("tags").is_movie(strip)]


def results(scene):
    return [s for s in all_strips(scene) if module("tags").is_result(s) and s not in movies(scene)]


def shows(scene, strip):
    select_only(scene, strip)
    assert bpy.ops.svfr.show_movie() == {"FINISHED"}
    shown = [s for s in (*results(scene), *movies(scene)) if not s.mute]
    return [(s.type, s.channel, s.frame_final_start, s.frame_final_end) for s in shown]


def main(case):
    scene, editor = opened(case, (160, 120))
    scene.render.fps = 25
    preferences = bpy.context.preferences.addons["bl_ext.user_default.svfr"].preferences
    preferences.server_command = case["folder"] + "/none"
    strip = add_images(editor, case["files"], 1, 101)
    strip.use_reverse_frames = case["reverse"]
    strip.frame_offset_start = 2
    blur = effect(editor, "blur", "GAUSSIAN_BLUR", 3, 103, 107, strip)
    blur.size_x = blur.size_y = 3.0
    settings = scene.svfr
    settings.model, settings.faces, settings.handles = "probe", "frame", 1
    said, folder = {}, case["folder"]
    settings.movie = "mp4"
    said["no_program"] = restored(scene, strip)[-1].movie_text
    result = results(scene)[0]
    select_only(scene, result)
    try:
        bpy.ops.svfr.show_movie()
    except RuntimeError as problem:
        said["no_movie"] = str(problem)
    preferences.server_command = case["svfr"]
    settings.movie = "mov"
    select_only(scene, result)
    assert bpy.ops.svfr.redo() == {"FINISHED"}
    pump(lambda c: c.records[-1].movie_text == "Making the movie")
    said["busy"] = not module("session").controller().is_idle
    pump(lambda c: c.is_idle)
    said["texts"] = [r.movie_text for r in module("session").controller().records]
    said["place"] = [result.channel, result.frame_final_start, result.frame_final_end]
    frames = range(result.frame_final_start, result.frame_final_end)
    said["frames"] = [whole_render(scene, at, f"{folder}/frames{at}.exr") for at in frames]
    said["shown"] = shows(scene, result)
    movie = movies(scene)[0]
    said["input"] = [blur.input_1.name, movie.name, movie.colorspace_settings.name]
    said["path"] = movie.filepath
    said["movie"] = [whole_render(scene, at, f"{folder}/movie{at}.exr") for at in frames]
    said["compared"] = []
    for chosen in (movie, strip):
        select_only(scene, chosen)
        bpy.ops.svfr.compare()
        said["compared"].append([s.mute for s in (strip, result, movie)])
    movie.frame_offset_start += 1
    movie.frame_start += 1
    said["trimmed"] = shows(scene, movie)
    said["names"] = [file for file in files_shown(result)]
    said["again"] = shows(scene, result)
    movie.frame_start -= 1
    select_only(scene, movie)
    assert bpy.ops.svfr.redo() == {"FINISHED"}
    pump(lambda c: c.is_idle)
    said["after_redo"] = [len(movies(scene)), results(scene)[0].mute, blur.input_1 == results(scene)[0]]
    said["last"] = shows(scene, results(scene)[0])
    return said


run(main)
