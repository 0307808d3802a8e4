"""Hostile and broken clients, killed processes, against a running service."""
