"""A mask that takes longer to read than Blender's window may stand still: read in slices, sent when whole."""

import bpy
from common import add_images, all_strips, keyed_mask, module, opened, run, select_only

CORNERS = [(0.4, 0.4), (0.6, 0.4), (0.6, 0.6), (0.4, 0.6)]


def main(case):
    scene, editor = opened(case)
    strip = add_images(editor, case["files"], 2, 1)
    frames = len(case["files"])
    mask = keyed_mask("roto", {f: [(x + f / 100, y) for x, y in CORNERS] for f in (1, frames)})
    settings = scene.svfr
    settings.mask_source, settings.mask, settings.model = "MASK", mask, "identity"
    select_only(scene, strip)
    scene.frame_set(7)
    session, reader = module("session"), module("mask_reader")
    controller = session.controller()
    reader.MaskReading.read_on.__defaults__ = (0.0,)  # one frame in a slice
    said = {}

    def gathered():
        environment = module("operators").host_environment()
        return module("gather").gather(strip, scene, all_strips(scene), settings, environment)

    job = gathered()
    slices = 1
    while not job.read_on():
        slices += 1
    said["slices"] = slices + 1
    said["in_slices"] = job.request().to_json()["mask_splines"]
    size = module("gather").picture_size(strip)
    use = reader.chosen_mask(settings, strip, scene, size)
    said["at_once"] = reader.read_mask(use, {1000 + at: at for at in range(1, frames + 1)}).to_json()

    assert bpy.ops.svfr.restore() == {"FINISHED"}
    record = controller.records[-1]
    said["begun"] = [record.stage, controller.is_preparing]
    session._tick()
    said["on_the_way"] = [record.stage, round(record.fraction * frames)]
    said["panel"] = scene.frame_current
    said["busy_tick"] = session._tick()
    while controller.is_preparing:
        session._tick()
    said["sent"] = [record.stage, record.fraction]

    bpy.ops.svfr.restore()
    cancelled = controller.records[-1]
    bpy.ops.svfr.cancel(job=cancelled.job)
    said["cancelled"] = [cancelled.state, controller.is_preparing]

    bpy.ops.svfr.restore()
    mask.name = "renamed"
    session._tick()
    said["renamed"] = [controller.records[-1].state, controller.records[-1].message]
    said["scenes"] = [s.name for s in bpy.data.scenes]
    return said


run(main)
