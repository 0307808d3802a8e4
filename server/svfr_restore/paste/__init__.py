"""Restored crops put back into the plate: target, delta, matte, layers."""
