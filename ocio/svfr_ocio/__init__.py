"""The colour engine of SVFR Studio: what a plate's numbers mean, and how a restored crop gets back into them.

``config`` and ``spaces`` open an OpenColorIO config and name a space in it; ``contract`` and ``probe`` make
two machines agree on both; ``domain`` turns plate pixels into the code values the model sees; ``transfer``
carries the model's change back as a gated delta that leaves every untouched bit alone; ``exposure`` meters
a shot. PyOpenColorIO is the only colour library used: no colour function of OpenImageIO is called, because
its wheel carries a different OpenColorIO inside.
"""
