"""What experiments share: clips, clocks, arms, results."""
