"""Which layers a model can make: what it cannot is refused before anything is computed."""

from __future__ import annotations

from svfr.models.spec import DiffusionSpec, ModelSpec, Preset
from svfr_client.errors import SvfrError
from svfr_client.job import JobSpec
from svfr_restore.errors import LayerCannotBeMade


def layer_problems(spec: JobSpec, model: ModelSpec, preset: Preset | None) -> list[SvfrError]:
    """Return a problem for every layer of a job that the model has nothing to say about."""
    found: list[SvfrError] = []
    asked = set(spec.layers)
    networks = model if isinstance(model, DiffusionSpec) else None
    apart = sorted(asked & {"base", "detail"})
    if apart and (networks is None or networks.detail is None):
        found.append(
            LayerCannotBeMade(
                f"The model {model.name} adds no detail, so there is no layer {' or '.join(apart)}.",
                remedy="Leave it out; the layer delta has all that the model changes.",
            )
        )
    if "spread" in asked and (networks is None or (preset is not None and preset.initial_noise == 0.0)):
        found.append(
            LayerCannotBeMade(
                f"The model {model.name} gives the same picture for every seed, so its spread is zero.",
                remedy="Leave the layer spread out, or choose a model that starts from noise.",
            )
        )
    if "identity" in asked and networks is None:
        found.append(
            LayerCannotBeMade(
                f"The model {model.name} has no reference that a face could be compared with.",
                remedy="Leave the layer identity out, or choose a model with networks.",
            )
        )
    return found
