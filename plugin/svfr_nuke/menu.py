"""Run by Nuke when it starts with a window. Whatever goes wrong, Nuke goes on."""

try:
    import svfr_nuke.startup

    svfr_nuke.startup.on_menu()
except Exception:  # a plugin must never stand in the way of the host's start
    import sys
    import traceback

    sys.stderr.write("The menu of SVFR Studio could not be made; Nuke goes on without it.\n")
    traceback.print_exc()
