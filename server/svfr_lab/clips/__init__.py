"""Where training clips come from: rendered heads, lists of real clips; faces found, augmented, degraded."""
