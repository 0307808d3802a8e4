"""Numbers of the diffusion process: noise levels, starting noise, objectives, windows. No networks."""
