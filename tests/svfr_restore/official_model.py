"""The description of the published model at its true size, for what can be counted without its weights."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.sampling import memory_cards
from svfr.models.spec import DiffusionSpec, Preset


def official(window: int) -> DiffusionSpec:
    """The published UNet and autoencoder, with the published steps."""
    preset = Preset(50, 30, initial_noise=1.0, guidance=2.0)
    return replace(memory_cards.official(window), presets={"final": preset})
