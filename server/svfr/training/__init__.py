"""Training the method: initialisation, losses and the training loop. Data comes from outside."""
