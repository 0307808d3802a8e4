"""What survives a crash: the jobs with their events, and the checkpoints of their computation."""
