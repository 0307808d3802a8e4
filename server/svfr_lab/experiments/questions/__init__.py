"""One question about the method each, with its figure, table and paragraph."""
