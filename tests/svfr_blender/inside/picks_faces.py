"""Faces picked in the preview by operators, as a click calls them; what is drawn; what the job then says."""

import bpy
from common import add_images, all_strips, module, opened, pump, run, select_only
from recorded_layout import Recorder


def refusal(call):
    try:
        call()
    except RuntimeError as problem:
        return str(problem)
    return "accepted"


def main(case):
    scene, editor = opened(case, (320, 240))
    strip = add_images(editor, case["files"], 1, 1)
    strip.transform.offset_x = 10
    select_only(scene, strip)
    settings, preview = scene.svfr, module("preview")
    said = {}

    def job():
        environment = module("operators").host_environment()
        every = all_strips(scene)
        return module("gather").gather(strip, scene, every, settings, environment).spec.to_json()["faces"]

    def chosen():
        return {name: value for name, value in job().items() if value}

    settings.faces = "point"
    try:
        job()
    except Exception as problem:
        said["none"] = str(problem)
    settings.faces = "largest"
    scene.frame_set(3)
    bpy.ops.svfr.pick_face(x=20, y=10)
    said["picked"] = chosen()
    scene.frame_set(5)
    bpy.ops.svfr.pick_face(x=-40, y=0, extend=True)
    said["two"] = chosen()
    said["outside"] = refusal(lambda: bpy.ops.svfr.pick_face(x=-150, y=0))
    scene.frame_set(50)
    said["elsewhere"] = refusal(lambda: bpy.ops.svfr.pick_face(x=0, y=0))

    scene.frame_set(3)
    hosting, boxes = module("svfr_client.hosting.faces"), module("face_boxes")
    squares = {frame: hosting.Square(90, 50, 40) for frame in range(1001, 1013)}
    others = {frame: hosting.Square(30, 60, 30) for frame in range(1001, 1013)}
    faces = (hosting.FoundFace("kfmd", "90,50@1003", squares), hosting.FoundFace("wqtn", "30,60@1", others))
    tag = module("tags").tag_source(strip, all_strips(scene))
    controller = module("session").controller()
    controller.faces[tag] = boxes.FacesOfStrip(faces, tuple(range(1001, 1013)))
    bpy.ops.svfr.pick_face(x=20, y=10)
    said["by_id"] = chosen()
    bpy.ops.svfr.choose_face(face="wqtn")
    said["both_ids"] = chosen()
    bpy.ops.svfr.choose_face(face="kfmd")
    said["one_less"] = chosen()
    said["boxes"] = preview.boxes_to_draw(bpy.context)
    layout = Recorder()
    module("panel").draw_fields(layout, scene)
    said["panel"] = layout.texts()

    bpy.ops.svfr.find_faces()
    pump(lambda c: c.faces_text and "Looking" not in c.faces_text)
    said["no_program"] = controller.faces_text
    return said


if __name__ == "__main__":
    run(main)
