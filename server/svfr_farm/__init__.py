"""Shot lists on a render farm: one frozen plan for each shot; reference, segments and assembly; engines.

Engines hold no logic: whatever schedules the work runs ``svfr farm reference | segment | assemble --plan
plan.json`` and passes one whole number, the segment's index.
"""
