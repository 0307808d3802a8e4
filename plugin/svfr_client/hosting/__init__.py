"""What every host does the same way: find the server's program, start it, and hold a job's conversation."""
