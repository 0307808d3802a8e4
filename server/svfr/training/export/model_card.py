"""The model card: what a trained folder is, for the people who find it (Mitchell et al. 2019, 1810.03993)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from svfr.models.spec import DiffusionSpec
from svfr.training.recipe.config import Recipe, SvdNetworkConfig

_KNOWN = ("recipe", "seed", "steps", "planned_steps", "parameters")


def model_card(spec: DiffusionSpec, config: Recipe) -> str:
    """Return the card in Markdown: use, training, licence and the whole recipe."""
    record = spec.training
    unfinished = record["steps"] < record["planned_steps"]
    parts = [
        f"# {spec.name}",
        _what_it_is(spec, config),
        "## Use",
        f"    svfr restore PLATE --model {spec.name} --output OUT\n\n"
        f"Give this folder's path in place of its name, or put its parent into the variable SVFR_MODELS. "
        f"Crops of {spec.crop_px} px, windows of {spec.window} frames.",
        "It invents what a damaged picture no longer holds. A restored face is a guess that looks right; it "
        "is no evidence of what a person looked like or did.",
        "## Training",
        f"{record['steps']} of {record['planned_steps']} steps of the recipe `{record['recipe']}`, seed "
        f"{record['seed']}; {record['parameters']:,} parameters, averaged over the run."
        + (" **The run was not finished.**" if unfinished else ""),
        _losses(config),
        *_more(record),
        "## Quality",
        "Not measured when this folder was written. `svfr evaluate` measures results against a truth.",
        "## Licence",
        spec.licence,
        "## Recipe",
        f"```json\n{json.dumps(dataclasses.asdict(config), indent=1)}\n```",
    ]
    return "\n\n".join(parts) + "\n"


def _what_it_is(spec: DiffusionSpec, config: Recipe) -> str:
    tasks = ", ".join(sorted({name for names in config.task_shares for name in names.split("+")}))
    kind = "A preview model: SVFR's layout at a fraction of its size."
    if isinstance(config.network, SvdNetworkConfig):
        kind = "SVFR's network (arXiv 2501.01235), trained from Stable Video Diffusion."
    return f"{kind} It restores videos of faces; it was trained for {tasks}."


def _losses(config: Recipe) -> str:
    weights = dataclasses.asdict(config.losses)
    return "Loss: " + " + ".join(f"{weight:g} {name}" for name, weight in weights.items() if weight) + "."


def _more(record: Any) -> list[str]:
    """Return what else the run said of itself: the code's revision, the data."""
    further = {name: value for name, value in record.items() if name not in _KNOWN}
    return [f"```json\n{json.dumps(further, indent=1, default=str)}\n```"] if further else []
