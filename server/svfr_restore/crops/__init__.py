"""The square, smoothed region of a face, and the warp between it and the plate."""
