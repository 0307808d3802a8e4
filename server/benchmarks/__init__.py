"""Every figure that the documents claim is printed by a script in here.

Run one from ``server/`` in the project's environment: ``python -m benchmarks.sampling.sampler``.
"""
