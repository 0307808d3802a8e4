"""From a training state to a model folder with its card."""
