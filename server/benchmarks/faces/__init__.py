"""Finding faces: how many are seen, how many are invented, and what it costs."""
