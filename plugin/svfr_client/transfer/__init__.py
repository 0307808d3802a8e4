"""A job's files to a server that does not see them, and its frames back."""
