"""The loss terms of SVFR section 3: noise, unified latent, facial prior."""
