"""How good the preview model is on clips whose truth is known."""
