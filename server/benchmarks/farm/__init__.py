"""What a farm costs and what its seams do."""
