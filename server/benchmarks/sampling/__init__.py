"""The sampler's speed and exactness beside the published algorithm."""
