"""Degradation of clean clips: what cameras, old films, tapes and the net do to them.

:func:`degrade.degrade` degrades a clip by a recipe; :mod:`registry` names the recipes. A recipe is either of
the few fixed steps of :mod:`basic`, or of the ranges of :mod:`ranges`, which draw a :mod:`chain` for a clip.
Each other module is one kind of degradation: its parameters, their ranges, and a pure function of a clip
(F, H, W, 3), float32 code values in 0..1, and the parameters.
"""
