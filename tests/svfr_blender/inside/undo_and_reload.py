"""Undo, reload, and a restart in the middle of a job. Run twice: "first" saves, "second" opens the file."""

import bpy
from common import (
    add_images,
    all_strips,
    files_shown,
    install,
    module,
    opened,
    pump,
    result_of,
    run,
    select_only,
    use_scene,
    wait_for_jobs,
)


def first(case):
    scene, editor = opened(case)
    strip = add_images(editor, case["files"], 2, 101)
    scene.svfr.model, scene.svfr.faces = "identity", "frame"
    select_only(scene, strip)
    bpy.ops.ed.undo_push(message="before")
    said = {}
    assert bpy.ops.svfr.restore("EXEC_DEFAULT", True) == {"FINISHED"}
    said["tagged"] = module("tags").SOURCE_KEY in strip
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    said["tagged_after_undo"] = any(module("tags").SOURCE_KEY in s for s in all_strips(scene))
    wait_for_jobs()
    said["after_job"] = sorted(s.name for s in all_strips(scene))
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    said["after_undo"] = sorted(s.name for s in all_strips(scene))
    controller = module("session").controller()
    bpy.ops.svfr.insert_again(job=controller.records[0].job)
    controller.pump()
    said["inserted_again"] = sorted(s.name for s in all_strips(scene))
    path = f"{case['folder']}/shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_factory_startup=False)
    said["records_of_another_file"] = len(controller.records)
    bpy.ops.wm.open_mainfile(filepath=path)
    scene = bpy.context.scene
    said["records_after_reload"] = [(r.state, r.is_inserted) for r in controller.records]
    controller.pump()
    said["after_reload"] = sorted(s.name for s in all_strips(scene))
    said["result_files"] = files_shown(result_of(scene))
    result = result_of(scene)
    source = next(strip for strip in all_strips(scene) if strip != result)
    source.directory = bpy.path.relpath(source.directory) + "/"
    select_only(scene, result)
    scene.svfr.model = "probe"
    assert bpy.ops.svfr.redo() == {"FINISHED"}
    pump(lambda c: c.records[1].state != "sending")
    bpy.ops.wm.save_mainfile()
    return said


def second(case):
    install(case["zip"])
    bpy.ops.wm.open_mainfile(filepath=f"{case['folder']}/shot.blend")
    use_scene(bpy.context.scene)
    controller = module("session").controller()
    states = [record.state for record in controller.records]
    pump(lambda c: all(r.is_inserted for r in c.records))
    result = result_of(bpy.context.scene)
    return {"states": states, "result_files": files_shown(result), "folder": result.directory}


def main(case):
    return {"first": first, "second": second}[case["phase"]](case)


run(main)
