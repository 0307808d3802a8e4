"""The method as a library: model folders, the two-pass sampler and its parity check. No jobs, no EXR."""
