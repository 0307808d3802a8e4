"""What the scripts inside Blender share. Runs in bpy's environment: standard library and bpy only."""

import json
import os
import sys
import time
import traceback
from pathlib import Path

import bpy

PACKAGE = "bl_ext.user_default.svfr"


def case():
    return json.loads(Path(sys.argv[1]).read_text())


def finish(result):
    """Print the result and leave at once: Blender's own exit hangs in 4.5 when a timer is left."""
    print("\nRESULT " + json.dumps(result), flush=True)
    sys.stderr.flush()
    os._exit(0)


def run(main):
    try:
        result = main(case())
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    finish(result)


def install(zip_path):
    """Install the built zip as a user does, and return its modules."""
    bpy.ops.extensions.package_install_files(filepath=zip_path, repo="user_default", enable_on_install=True)
    assert PACKAGE in bpy.context.preferences.addons, "the extension was not enabled"
    return sys.modules[PACKAGE]


def module(name):
    __import__(f"{PACKAGE}.{name}")
    return sys.modules[f"{PACKAGE}.{name}"]


def strips(owner):
    return owner.strips if hasattr(owner, "strips") else owner.sequences


def all_strips(scene):
    editor = scene.sequence_editor
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


def use_scene(scene):
    """Show the scene in the sequencer; since 5.0 it has one of its own."""
    for window in bpy.context.window_manager.windows:
        window.scene = scene
        if hasattr(window.workspace, "sequencer_scene"):
            window.workspace.sequencer_scene = scene


def opened(case, size=None):
    """Install the extension and show the scene, ``size`` pixels; return it and its editor."""
    install(case["zip"])
    scene = bpy.context.scene
    if size:
        scene.render.resolution_x, scene.render.resolution_y = size
    editor = scene.sequence_editor_create()
    use_scene(scene)
    return scene, editor


def add_images(owner, files, channel, start):
    strip = strips(owner).new_image("plate", files[0], channel, start, fit_method="ORIGINAL")
    module("image_elements").append_elements(strip, [Path(file).name for file in files[1:]])
    return strip


def select_only(scene, *chosen):
    for strip in all_strips(scene):
        strip.select = strip in chosen
    scene.sequence_editor.active_strip = chosen[0]


def pump(until, seconds=120.0):
    """Do what the timer does in Blender's window."""
    controller = module("session").controller()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        controller.pump()
        if until(controller):
            return controller
        time.sleep(0.05)
    raise AssertionError([vars(r) for r in controller.records] + [controller.server_text])


def wait_for_jobs(state="done"):
    """Pump until every job has ended and its result is in; all must have ended in the given state."""
    ended = pump(lambda c: c.is_idle)
    assert all(r.state == state for r in ended.records), [vars(r) for r in ended.records]
    return ended.records


def restored(scene, *chosen):
    """Select the strips, press Restore, and return the records of all jobs when they have ended."""
    select_only(scene, *chosen)
    assert bpy.ops.svfr.restore() == {"FINISHED"}
    return wait_for_jobs()


def results(scene):
    found = [s for s in all_strips(scene) if module("tags").is_result(s)]
    return sorted(found, key=lambda s: (s.frame_final_start, s.channel))


def result_of(scene):
    found = results(scene)
    assert len(found) == 1, [s.name for s in all_strips(scene)]
    return found[0]


def describe(strip):
    return {
        "name": strip.name,
        "type": strip.type,
        "channel": strip.channel,
        "start": strip.frame_final_start,
        "end": strip.frame_final_end,
        "offsets": [strip.frame_offset_start, strip.frame_offset_end],
        "reverse": strip.use_reverse_frames,
        "space": strip.colorspace_settings.name,
        "mute": strip.mute,
        "alpha_mode": strip.alpha_mode,
        "blend": strip.blend_type,
        "transform": [
            strip.transform.offset_x,
            strip.transform.offset_y,
            strip.transform.scale_x,
            strip.transform.scale_y,
            strip.transform.rotation,
            list(strip.transform.origin),
        ],
        "crop": [strip.crop.min_x, strip.crop.max_x, strip.crop.min_y, strip.crop.max_y],
        "flip": [strip.use_flip_x, strip.use_flip_y],
    }


def files_shown(strip):
    """Return the file of every visible timeline frame."""
    folder = bpy.path.abspath(strip.directory) if strip.type == "IMAGE" else ""
    span = range(strip.frame_final_start, strip.frame_final_end)
    return [str(Path(folder) / strip.strip_elem_from_frame(f).filename) for f in span]


def whole_render(scene, frame, path):
    """Render one frame of the timeline to a float EXR; returns the path."""
    settings = scene.render
    settings.image_settings.file_format = "OPEN_EXR"
    settings.image_settings.color_depth = "32"
    settings.filepath = path
    scene.view_settings.view_transform = "Raw"
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    return path


def render(scene, frame, path, only):
    """Render one frame of the timeline to a float EXR with one strip heard; returns the path."""
    before = {s.name: s.mute for s in all_strips(scene)}
    for strip in all_strips(scene):
        strip.mute = strip.type != "META" and strip != only
    whole_render(scene, frame, path)
    for strip in all_strips(scene):
        strip.mute = before[strip.name]
    return path


def keyed_mask(name, keys):
    """Make a mask of one quadrilateral; ``keys``: corner positions by frame, as shape keys."""
    mask = bpy.data.masks.new(name)
    layer = mask.layers.new(name="L")
    spline = layer.splines.new()
    first = next(iter(keys.values()))
    spline.points.add(len(first) - 1)
    spline.use_cyclic = True
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    scene = window.scene
    was_type, was_frame = area.type, scene.frame_current
    for frame, corners in keys.items():
        scene.frame_set(int(frame))
        place(spline, corners)
        area.type = "IMAGE_EDITOR"
        space = area.spaces.active
        space.mode = "MASK"
        space.mask = mask
        layer.select = True
        for point in spline.points:
            for flag in ("select", "select_control_point", "select_left_handle", "select_right_handle"):
                if hasattr(point, flag):
                    setattr(point, flag, True)
        region = next(r for r in area.regions if r.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.mask.shape_key_insert()
    area.type = was_type
    scene.frame_set(was_frame)
    return mask


def place(spline, corners):
    for point, corner in zip(spline.points, corners, strict=True):
        point.handle_left_type = point.handle_right_type = "FREE"
        point.co = point.handle_left = point.handle_right = corner
