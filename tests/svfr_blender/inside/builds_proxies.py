"""Proxies of results: none, asked for, and because the source has them."""

from pathlib import Path

from common import add_images, all_strips, opened, render, restored, result_of, run, strips


def made(result):
    folder = Path(result.directory) / "BL_proxy"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))


def main(case):
    scene, editor = opened(case, (160, 120))
    settings = scene.svfr
    settings.model, settings.faces = "identity", "frame"
    said = {}
    for name in ("plain", "asked", "source"):
        strip = add_images(editor, case["files"], 1, 1)
        other = add_images(editor, case["files"][:2], 8, 1)
        settings.build_proxies = name == "asked"
        if name == "source":
            strip.use_proxy = True
            strip.proxy.build_25, strip.proxy.build_50 = True, False
        records = restored(scene, strip)
        result = result_of(scene)
        said[name] = [result.use_proxy, made(result), records[-1].message]
        said[name + "_selected"] = [s.select for s in (strip, result, other)]
        pair = [(which, f"{case['folder']}/{name}{at}.exr") for at, which in enumerate((strip, result))]
        said[name + "_renders"] = [render(scene, 2, path, which) for which, path in pair]
        for one in all_strips(scene):
            strips(editor).remove(one)
    return said


run(main)
