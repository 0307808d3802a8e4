"""Training and measuring the net that finds five points of a face."""
