"""Reading, writing and degrading pictures: memory and time."""
