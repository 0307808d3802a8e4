"""The two-pass sampler over the crops of one face, and how a crop becomes the network's input."""
