"""Networks compiled ahead, beside whoever computes meanwhile: what torch.export and Inductor make of them."""
