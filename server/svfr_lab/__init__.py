"""The laboratory: rendered faces, seeded degradations, baselines and metrics.

Everything the preview model is trained on and judged by is made here, from committed CC0 head shapes and
seeds. Upper floor: nothing of the service or of a host imports this package.
"""
