"""Finding faces, following them through a shot, and choosing among them."""
