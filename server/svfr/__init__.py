"""The method as a library: model folders, the two-pass sampler and its parity check. Knows no jobs and no EXR."""
