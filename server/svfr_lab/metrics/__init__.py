"""Measures: each one a pure function of pictures, points or embeddings, and the statistics over them."""
