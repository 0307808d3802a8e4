"""Everything that cannot be restored is refused in words, and nothing is sent."""

import bpy
from common import add_images, all_strips, module, opened, run, select_only, strips


def said_of(operator, **arguments):
    """Return what a refused operator told the user."""
    try:
        operator(**arguments)
    except RuntimeError as problem:
        return str(problem).strip()
    return "not refused"


def main(case):
    scene, editor = opened(case)
    collection = strips(editor)
    settings = scene.svfr
    settings.model, settings.faces = "identity", "frame"
    plain = add_images(editor, case["files"], 1, 1)
    said = {}

    def try_with(name, strip):
        select_only(scene, strip)
        said[name] = said_of(bpy.ops.svfr.restore)

    colour = collection.new_effect("colour", "COLOR", 5, 1, **length(collection, 10))
    try_with("colour strip", colour)

    plain.strobe = 2.0
    try_with("strobed", plain)
    plain.strobe = 1.0
    plain.use_multiview = True
    try_with("multi-view", plain)
    plain.use_multiview = False
    plain.colorspace_settings.name = "Non-Color"
    try_with("data", plain)
    plain.colorspace_settings.name = "Linear Rec.709"

    speed = add_effect(collection, "SPEED", 3, 1, 12, plain)
    try_with("speed effect", plain)
    collection.remove(speed)

    movie = collection.new_movie("movie", case["movie"], 7, 100, fit_method="ORIGINAL")
    movie.use_deinterlace = True
    try_with("deinterlaced", movie)
    collection.remove(movie)

    lost = collection.new_movie("lost", case["movie"], 7, 100, fit_method="ORIGINAL")
    lost.filepath = case["folder"] + "/gone.mp4"
    try_with("lost movie", lost)
    collection.remove(lost)

    odd = add_images(editor, [case["files"][0], *case["odd_files"]], 9, 1)
    try_with("no sequence", odd)

    settings.tasks = set()
    try_with("no task", plain)
    settings.tasks = {"inpaint"}
    try_with("inpaint without mask", plain)
    settings.mask_source = "MASK"
    try_with("no mask chosen", plain)
    settings.mask = bpy.data.masks.new("empty")
    try_with("empty mask", plain)
    settings.mask_source = "STRIP"
    settings.mask_strip = "nowhere"
    try_with("no such mask strip", plain)
    settings.mask_source = "MODIFIER"
    try_with("no mask modifier", plain)
    settings.mask_source, settings.tasks = "NONE", {"bfr"}
    settings.reference = "FRAME"
    settings.reference_frame = 999
    try_with("reference outside", plain)
    settings.reference = "PHOTO"
    try_with("no photo", plain)
    settings.reference, settings.faces, settings.face_numbers = "NONE", "index", "one"
    try_with("face numbers", plain)
    settings.faces, settings.ocio_context = "frame", "sh010"
    try_with("context", plain)
    settings.ocio_context = ""
    said["redo"] = said_of(bpy.ops.svfr.redo)
    said["sent"] = len(module("session").controller().records)
    said["tags"] = [s.name for s in all_strips(scene) if module("tags").source_of(s)]
    return said


def length(collection, frames):
    names = collection.bl_rna.functions["new_effect"].parameters.keys()
    return {"length": frames} if "length" in names else {"frame_end": 1 + frames}


def add_effect(collection, kind, channel, start, frames, strip):
    names = collection.bl_rna.functions["new_effect"].parameters.keys()
    given = {"input1" if "input1" in names else "seq1": strip}
    return collection.new_effect(kind.lower(), kind, channel, start, **length(collection, frames), **given)


run(main)
