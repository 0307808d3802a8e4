"""Networks under training, small and full size, behind one interface."""
