"""The host-neutral client of SVFR Studio: messages, connection, frame ranges and mask shapes.

Standard library and pyzmq only, Python 3.9 or newer, so that Blender, Nuke and farm nodes can carry it.
"""
