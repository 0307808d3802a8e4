"""What the recipes of the tests of training have in common, in TOML: a tiny network and its optimiser."""

TINY = """
reference_share = 0.5
own_reference_share = 0.5
[network]
crop_px = 32
window = 4
overlap = 1
widths = [32, 64]
token_channels = 8
coefficients = [0, 1, 4]
sigma_data = 0.5
sigma_min = 0.05
sigma_max = 20.0
[optimiser]
learning_rate = 1e-3
betas = [0.9, 0.99]
weight_decay = 1e-3
warmup_steps = 1
cooldown_steps = 1
gradient_clip = 1.0
ema_decay = 0.9
"""
