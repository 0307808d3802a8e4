"""Draw masks with Blender itself, and read the same masks as the extension does."""

from types import SimpleNamespace

import bpy
from common import install, module, run, strips, use_scene


def build(spec):
    mask = bpy.data.masks.new(spec["name"])
    mask.frame_end = 10
    for number, layer_spec in enumerate(spec["layers"]):
        layer = mask.layers.new(name=f"L{number}")
        layer.blend = layer_spec.get("blend", "MERGE_ADD")
        layer.invert = layer_spec.get("invert", False)
        layer.alpha = layer_spec.get("alpha", 1.0)
        layer.use_fill_holes = layer_spec.get("holes", True)
        layer.use_fill_overlap = layer_spec.get("overlap", False)
        layer.hide_render = layer_spec.get("hidden", False)
        for spline_spec in layer_spec["splines"]:
            spline = layer.splines.new()
            spline.points.add(len(spline_spec["points"]) - 1)
            spline.use_cyclic = spline_spec.get("cyclic", True)
            for point, (x, y) in zip(spline.points, spline_spec["points"], strict=True):
                kind = spline_spec.get("handles", "FREE")
                point.co = point.handle_left = point.handle_right = (x, y)
                point.handle_left_type = point.handle_right_type = kind
                point.weight = spline_spec.get("weight", 0.0)
    return mask


def staged(case):
    """Install the extension and make a scene that draws masks as they are.

    Returns the scene, its editor, the extension's reader of masks, and the placement over the plate.
    """
    install(case["zip"])
    scene = bpy.context.scene
    width, height = case["size"]
    finer = case["finer"]
    scene.render.resolution_x, scene.render.resolution_y = width * finer, height * finer
    scene.view_settings.view_transform = "Raw"
    scene.sequencer_colorspace_settings.name = "Non-Color"
    scene.render.image_settings.file_format = "OPEN_EXR"
    scene.render.image_settings.color_depth = "32"
    editor = scene.sequence_editor_create()
    use_scene(scene)
    return scene, editor, module("mask_reader"), module("placement").over_plate(width, height)


def main(case):
    scene, editor, reader, placement = staged(case)
    drawn = []
    for spec in case["masks"]:
        mask = build(spec)
        strip = strips(editor).new_mask(spec["name"], mask, 1, 1)
        scene.render.filepath = f"{case['folder']}/{spec['name']}.exr"
        scene.frame_set(1)
        bpy.ops.render.render(write_still=True, scene=scene.name)
        strips(editor).remove(strip)
        use = reader.MaskUse(mask, placement, lambda at: at)
        drawn.append(
            SimpleNamespace(file=scene.render.filepath, read=reader.read_mask(use, {1: 1}).to_json())
        )
    return {spec["name"]: vars(one) for spec, one in zip(case["masks"], drawn, strict=True)}


if __name__ == "__main__":
    run(main)
