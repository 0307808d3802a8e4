"""The real program finds the face of a strip; a click on it chooses it by the id that a job takes."""

import bpy
from common import add_images, module, opened, pump, restored, run, select_only


def main(case):
    scene, editor = opened(case, (480, 360))
    strip = add_images(editor, case["files"], 1, 1)
    preferences = bpy.context.preferences.addons["bl_ext.user_default.svfr"].preferences
    preferences.server_command = case["svfr"]
    select_only(scene, strip)
    scene.frame_set(2)
    bpy.ops.svfr.find_faces()
    controller = pump(lambda c: c.faces or "Looking" not in c.faces_text, 200.0)  # it loads much first
    said = {"text": controller.faces_text}
    preview = module("preview")
    known = preview.found_faces(strip)
    said["found"] = [(face.id, sorted(face.squares)) for face in known.faces]
    corners = preview.boxes_to_draw(bpy.context)[0][0]
    said["side"] = abs(corners[0][0] - corners[1][0])
    middle = [sum(corner[axis] for corner in corners) / 4 for axis in (0, 1)]
    bpy.ops.svfr.pick_face(x=middle[0], y=middle[1])
    said["picked"] = scene.svfr.picked_faces
    scene.svfr.model = "probe"
    said["records"] = [dict(vars(record)) for record in restored(scene, strip)]
    return said


run(main)
