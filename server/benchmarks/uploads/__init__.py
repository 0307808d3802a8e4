"""Plates to a server that does not see them."""
