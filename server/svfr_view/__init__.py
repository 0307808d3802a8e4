"""The page of a job: one HTML file beside the result, to look at in a browser and to hand to somebody else.

``pictures`` reads the plate and the result of each frame, ``shaper`` and ``proxy`` turn them into a small
movie that keeps highlights, ``figures`` measures what changed, ``page`` puts everything into one file that
needs no network.
"""
