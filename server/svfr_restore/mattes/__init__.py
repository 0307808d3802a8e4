"""What is pasted through: roto shapes, matte sequences, crop feather, and the hole made of a mask."""
