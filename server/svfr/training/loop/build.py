"""Building the network that a recipe asks for, anew or to go on with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from svfr.models.model import Model
from svfr.nets.linear_patch import LinearPatchCodec, LinearPatchSpec, measure_spec, with_scaling_of
from svfr.training.batches import ClipSource
from svfr.training.errors import TrainingPartMissing
from svfr.training.loop.start_model import load_start, starting_codec
from svfr.training.nets.preview_net import PreviewNet
from svfr.training.nets.svd_net import SvdNet
from svfr.training.nets.svd_parts import SvdSource, load_frozen_parts
from svfr.training.nets.trainable import TrainableNet
from svfr.training.recipe.config import PreviewRecipe, Recipe, SvdRecipe

_STATISTICS_BATCHES = 24
_STATISTICS_SEED = 11


def measure_codec(
    config: PreviewRecipe, source: ClipSource, given: LinearPatchSpec | None = None
) -> tuple[LinearPatchSpec, torch.Tensor]:
    """Return the codec's scaling and the residual gain (C,), measured on seeded training batches.

    The scaling of coefficients that ``given`` has is kept, and only what it lacks is measured.
    """
    network = config.network
    rng = np.random.default_rng([config.seed, _STATISTICS_SEED])
    phase = dataclasses.replace(config.phases[0], batch=16, frames=1, tasks_per_clip=1)
    batches = [source.batch(rng, phase) for _ in range(_STATISTICS_BATCHES)]
    clean = torch.cat([b.clean for b in batches]).flatten(0, 1)
    degraded = torch.cat([b.low_quality[:, :, :3] for b in batches]).flatten(0, 1)
    spec = measure_spec(network.coefficients, clean)
    if given is not None:
        spec = with_scaling_of(spec, given)
    codec = LinearPatchCodec(spec)
    residual = codec.encode(clean) - codec.encode(degraded)
    return spec, residual.square().mean((0, 2, 3)).sqrt() / network.sigma_data


def build_net(
    config: Recipe,
    source: ClipSource,
    svd: SvdSource | None,
    constants: Mapping[str, Any] | None,
    start: Model | None = None,
) -> TrainableNet:
    """Return a network with its starting weights, those of ``start`` or of torch's global generator.

    ``constants`` are those of an earlier state of the run (:meth:`TrainableNet.constants`); None measures
    them on clips of ``source``. Raises TrainingPartMissing for a recipe that needs Stable Video Diffusion
    when ``svd`` is None, and what loading it raises.
    """
    if isinstance(config, SvdRecipe):
        if svd is None:
            raise TrainingPartMissing(
                "The recipe trains from Stable Video Diffusion, and no folder of it was given.",
                remedy="Give SVD-xt's folder in diffusers' layout with --svd.",
            )
        return SvdNet(config.network, load_frozen_parts(svd))
    if constants is not None:
        codec, gain = LinearPatchSpec.from_json(constants["codec"]), constants["output_gain"]
        net = PreviewNet(config.network, codec, gain)
        net.started_from = constants.get("started_from")
        return net
    given = None if start is None else starting_codec(start, config.network)
    net = PreviewNet(config.network, *measure_codec(config, source, given))
    if start is not None:
        load_start(net, start)
    return net
