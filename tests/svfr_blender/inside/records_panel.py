"""Take down the panel beside a strip that was restored and one whose job runs: for its picture."""

import bpy
from common import add_images, install, module, run, use_scene
from recorded_layout import Recorder


def main(case):
    install(case["zip"])
    scene = bpy.context.scene
    use_scene(scene)
    add_images(scene.sequence_editor_create(), case["files"], 1, 1)
    settings, controller = scene.svfr, module("session").controller()
    settings.layers = {"invention", "identity"}
    offer = module("svfr_client.protocol.messages").ModelOffer
    controller.models = (module("svfr_client.records").from_plain(offer, case["offer"], "offer"),)
    controller.server_is_up, controller.server_text = True, "Connected (this machine)"
    make = module("jobs").JobRecord
    running = make("b", "s", scene.name, "sh020", "sh020 1001-1048", state="running", fraction=0.69)
    running.stage = module("svfr_client.vocabulary").stage_text("denoise")
    controller.records += [make("a", "s", scene.name, "sh010", "sh010 1001-1050", state="done"), running]
    layout = Recorder()
    module("panel").SvfrPanel.draw(type("Self", (), {"layout": layout})(), bpy.context)
    return layout.tree()


run(main)
