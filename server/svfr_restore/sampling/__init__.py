"""The model on one track's crops: restorers, references, checkpoints."""
