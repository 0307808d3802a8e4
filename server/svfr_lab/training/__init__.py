"""A training run from a recipe and clips to a model folder."""
