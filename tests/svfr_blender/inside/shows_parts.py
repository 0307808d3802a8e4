"""Render a strip of each file in a colour space of its own: a file of one part, and one of several."""

from common import add_images, opened, render, run, strips


def main(case):
    scene, editor = opened(case, (160, 120))
    said = []
    for number, file in enumerate(case["files"]):
        strip = add_images(editor, [file], 1, 1)
        strip.colorspace_settings.name = "ACEScg"
        said.append(render(scene, 1, f"{case['folder']}/seen{number}.exr", strip))
        strips(editor).remove(strip)
    return said


run(main)
