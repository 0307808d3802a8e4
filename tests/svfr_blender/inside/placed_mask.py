"""A white strip cut by its own mask modifier, moved, scaled and turned; and what the extension reads of it.

Run twice: first with the mask ("drawn"), then with the matte that the service drew as the picture.
"""

from common import add_images, keyed_mask, module, opened, render, run


def main(case):
    scene, editor = opened(case, case["frame_size"])
    strip = add_images(editor, case["files"], 2, 11)
    transform = strip.transform
    transform.offset_x, transform.offset_y, transform.rotation = case["move"]
    transform.scale_x, transform.scale_y = case["scale"]
    transform.origin = case["origin"]
    strip.use_flip_x, strip.use_flip_y = case["flip"]
    said = {}
    if case["mask"]:
        mask = keyed_mask("roto", case["mask"])
        mask.frame_start = 3
        modifier = strip.modifiers.new("M", "MASK")
        modifier.input_mask_type = "ID"
        modifier.input_mask_id = mask
        modifier.mask_time = case["mask_time"]
        scene.svfr.mask_source = "MODIFIER"
        size = module("gather").picture_size(strip)
        use = module("mask_reader").chosen_mask(scene.svfr, strip, scene, size)
        said["read"] = module("mask_reader").read_mask(use, {at: at for at in case["at"]}).to_json()
        said["size"] = size
    said["renders"] = [
        render(scene, at, f"{case['folder']}/{case['name']}{at}.exr", strip) for at in case["at"]
    ]
    return said


run(main)
