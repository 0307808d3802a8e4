"""Everything that is known before the model runs: checks, survey, tracks, cost."""
