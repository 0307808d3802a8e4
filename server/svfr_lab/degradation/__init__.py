"""Damage of many kinds, drawn once for a clip and then applied to it: what old films, tapes and the net do.

:mod:`registry` names the recipes; :mod:`ranges` holds the ranges and draws; :mod:`chain` is what was
drawn, and the order it is applied in. Each other module is one kind of damage: its parameters, their ranges,
and a pure function of a clip (F, H, W, 3), float32 code values in 0..1, and the parameters.
"""
