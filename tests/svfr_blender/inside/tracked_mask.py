"""Draw masks that follow tracking markers with Blender itself, and read them as the extension does."""

import bpy
from common import run, strips
from mask_oracle import build, staged


def clip_of(case):
    """Load a clip and give it one track with gaps, one with an offset, and a plane that leans over."""
    clip = bpy.data.movieclips.load(case["files"][0])
    clip.frame_start = case["clip_start"]
    clip.tracking.camera.pixel_aspect = case["pixel_aspect"]
    for name, offset in (("gaps", (0.0, 0.0)), ("offset", (0.05, -0.02))):
        track = clip.tracking.tracks.new(name=name, frame=1)
        for frame in (1, 2, 3, 6, 7, 10):
            track.markers.insert_frame(frame, co=(0.3 + 0.03 * frame, 0.4 + 0.002 * frame**2))
        track.offset = offset
    plane_of(clip)
    return clip


def plane_of(clip):
    corners = [(0.3, 0.3), (0.7, 0.3), (0.7, 0.7), (0.3, 0.7)]
    for number, corner in enumerate(corners):
        track = clip.tracking.tracks.new(name=f"c{number}", frame=1)
        track.markers.insert_frame(1, co=corner)
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    was, area.type = area.type, "CLIP_EDITOR"
    space = area.spaces.active
    space.clip, space.mode = clip, "TRACKING"
    for track in clip.tracking.tracks:
        track.select = track.name.startswith("c")
    region = next(r for r in area.regions if r.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.clip.create_plane_track()
    area.type = was
    plane = clip.tracking.plane_tracks[0]
    plane.name = "plane"
    for frame in range(1, 13):
        by = 0.01 * frame
        place = [(0.3 + by, 0.3), (0.7, 0.3 + by), (0.7 - 2 * by, 0.7), (0.3, 0.7 - by)]
        plane.markers.insert_frame(frame)
        plane.markers.find_frame(frame).corners = place


def follow(mask, clip, parents):
    """Give the points their parents as the buttons do: from the frame that the scene stands at."""
    points = [p for layer in mask.layers for spline in layer.splines for p in spline.points]
    for number, point in enumerate(points):
        name = parents[number % len(parents)]
        if name is None:
            continue
        point.parent.id_type, point.parent.id, point.parent.parent = "MOVIECLIP", clip, "Camera"
        point.parent.type = "PLANE_TRACK" if name == "plane" else "POINT_TRACK"
        point.parent.sub_parent = name


def main(case):
    scene, editor, reader, placement = staged(case)
    clip = clip_of(case)
    said = {}
    for spec in case["masks"]:
        scene.frame_set(case["parented_at"])
        mask = build(spec)
        follow(mask, clip, spec["parents"])
        strip = strips(editor).new_mask(spec["name"], mask, 1, 1)
        files = {}
        for frame in case["frames"]:
            scene.render.filepath = f"{case['folder']}/{spec['name']}.{frame}.exr"
            scene.frame_set(frame)
            bpy.ops.render.render(write_still=True, scene=scene.name)
            files[frame] = scene.render.filepath
        strips(editor).remove(strip)
        use = reader.MaskUse(mask, placement, lambda at: at)
        read = reader.read_mask(use, {frame: frame for frame in case["frames"]})
        said[spec["name"]] = {"files": files, "read": read.to_json()}
    return said


if __name__ == "__main__":
    run(main)
