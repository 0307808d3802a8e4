"""A project with ``//`` paths: "first" restores and saves it, "second" opens it where it was moved to."""

import bpy
from common import (
    add_images,
    all_strips,
    files_shown,
    install,
    keyed_mask,
    module,
    opened,
    restored,
    result_of,
    results,
    run,
    select_only,
    strips,
    use_scene,
    wait_for_jobs,
)

CORNERS = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)]


def first(case):
    opened(case, (160, 120))
    bpy.ops.wm.save_as_mainfile(filepath=case["blend"])
    scene = bpy.context.scene
    strip = add_images(scene.sequence_editor, case["files"], 2, 101)
    strip.directory = bpy.path.relpath(strip.directory) + "/"
    settings = scene.svfr
    settings.model, settings.tasks, settings.mask_source = "probe", {"bfr", "inpaint"}, "MASK"
    settings.mask = keyed_mask("roto", {101: CORNERS})
    settings.faces, settings.output = "frame", "//results"
    restored(scene, strip)
    settings.output = case["folder"] + "/elsewhere"
    other = add_images(scene.sequence_editor, case["files"], 6, 201)
    other.name, other.directory = "other", strip.directory
    restored(scene, other)
    film = strips(scene.sequence_editor).new_movie("film", case["movie"], 10, 301, fit_method="ORIGINAL")
    film.filepath = bpy.path.relpath(film.filepath)
    settings.tasks, settings.mask_source, settings.output = {"bfr"}, "NONE", "//results"
    settings.layers = {"delta", "matte", "invention"}
    restored(scene, film)
    bpy.ops.wm.save_mainfile()
    assert film.filepath.startswith("//")
    return [result.directory for result in results(scene)]


def page_of(strip, result):
    return dict(vars(module("result_page").page_wish(strip, result, bpy.path.abspath, None)))


def second(case):
    install(case["zip"])
    bpy.ops.wm.open_mainfile(filepath=case["blend"])
    scene = bpy.context.scene
    use_scene(scene)
    controller = module("session").controller()
    mine, other, of_film = results(scene)
    said = {"shown": files_shown(mine), "elsewhere": files_shown(other)}
    strip = next(s for s in all_strips(scene) if s.name == "plate")
    said["plate"] = files_shown(strip)
    said["mask"] = scene.svfr.mask.name

    film = next(s for s in all_strips(scene) if s.name == "film")
    said["film"] = files_shown(of_film)
    said["film_page"] = page_of(film, of_film)
    films_job = module("tags").job_of(of_film)

    scene.svfr.output = "//results"
    select_only(scene, mine)
    said["page"] = page_of(strip, mine)["plate"]

    try:
        bpy.ops.svfr.redo_frames(span="GIVEN", first=102, last=102)
    except RuntimeError as problem:
        said["some_frames"] = str(problem)
    assert bpy.ops.svfr.redo() == {"FINISHED"}
    wait_for_jobs()
    said["redone"] = files_shown(mine)

    first_job = controller.records[0].job
    for one in results(scene):
        owner = scene.sequence_editor
        (owner.strips if hasattr(owner, "strips") else owner.sequences).remove(one)
    bpy.ops.svfr.insert_again(job=first_job)
    controller.pump()
    said["again"] = files_shown(result_of(scene))
    bpy.ops.svfr.insert_again(job=films_job)
    controller.pump()
    said["film_again"] = files_shown(results(scene)[-1])
    return said


def main(case):
    return {"first": first, "second": second}[case["phase"]](case)


run(main)
