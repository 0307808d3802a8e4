"""Real footage for training: lists of clips, where their faces are, and a source that cuts them out."""
