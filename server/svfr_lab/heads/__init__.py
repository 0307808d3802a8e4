"""Rendered people: head geometry, appearance, renderer, rendered data sets."""
