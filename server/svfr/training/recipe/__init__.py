"""A training recipe: one TOML file, read strictly."""
