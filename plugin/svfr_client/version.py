"""The version of SVFR Studio, from which packages, the Blender extension and ``--version`` take theirs."""

VERSION = "0.2.0"
