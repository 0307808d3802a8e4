"""Run the script of the documentation, as it stands there, on a selected strip."""

from common import add_images, files_shown, opened, result_of, run, select_only


def main(case):
    scene, editor = opened(case)
    select_only(scene, add_images(editor, case["files"], 2, 101))
    exec(compile(case["script"], "docs/blender.md", "exec"), {})
    return files_shown(result_of(scene))


run(main)
