"""Model folders: what they say, how they are found, checked, loaded, imported and exported."""
