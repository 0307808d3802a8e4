"""Run by Nuke at every start, also with ``nuke -t`` and on farms. Whatever goes wrong, Nuke goes on."""

try:
    import svfr_nuke.startup

    svfr_nuke.startup.on_init()
except Exception:  # a plugin must never stand in the way of the host's start
    import sys
    import traceback

    sys.stderr.write("SVFR Studio could not be loaded; Nuke goes on without it.\n")
    traceback.print_exc()
