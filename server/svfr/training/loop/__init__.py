"""The training loop: steps, optimiser, exact resume, logs."""
