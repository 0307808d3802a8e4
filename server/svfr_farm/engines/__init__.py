"""Farm engines: each hands the same commands to a scheduler. None knows what a shot is."""
