"""From a training state to a model folder that the sampler loads like any other model.

What is written are the averaged weights. The output gain is folded into the UNet's last layer, so that the
folder needs no constant of the run beside the codec's scaling. Numbers are stored as float16, which halves
the folder; after loading they are computed with in float32 again.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from svfr.errors import CheckpointUnreadable, ModelFileMissing, NotFinite
from svfr.linear_patch import LinearPatchSpec
from svfr.model_folder import write_folder
from svfr.model_spec import CodecSpec, IdentitySpec, ModelSpec, Preset, ScheduleSpec
from svfr.networks import CONV_IDENTITY_FILE, UNET_FILE
from svfr.tensor_files import compare_shapes, expected_shapes
from svfr.training.config import NetworkConfig, TrainConfig
from svfr.training.preview_net import PreviewNet
from svfr_client.errors import raise_problems

LICENCE = "Apache-2.0. The weights were trained by this project on rendered heads; no third-party weights."

# One step from the low-quality latent is what most of the training is spent on, and what measures best;
# "final" gives the diffusion walk with noise, as the full model does it.
PRESETS: Mapping[str, Preset] = {
    "draft": Preset(1, 1, initial_noise=0.0, guidance=1.0),
    "standard": Preset(1, 1, initial_noise=0.0, guidance=1.0),
    "final": Preset(4, 4, initial_noise=1.0, guidance=1.0),
}
_RHO = 7.0

# torch.load's ways of saying that a file is no checkpoint.
_LOAD_ERRORS = (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, OSError, TypeError)
_AVERAGE_PREFIX = "module."


@dataclass(frozen=True)
class TrainedNet:
    """The averaged network of a run in ``eval`` mode, and the number of steps it was trained for."""

    net: PreviewNet
    steps: int


def read_trained(state_path: Path, network: NetworkConfig) -> TrainedNet:
    """Read the averaged weights of a ``state.pt`` written by :class:`svfr.training.trainer.Trainer`.

    Raises ModelFileMissing, CheckpointUnreadable, and TensorsMissing, TensorsUnexpected and
    TensorShapesWrong when the state is that of another network.
    """
    state = _read_state(state_path)
    average = {
        name.removeprefix(_AVERAGE_PREFIX): tensor
        for name, tensor in state["average"].items()
        if name.startswith(_AVERAGE_PREFIX)
    }
    net = PreviewNet(network, LinearPatchSpec.from_json(state["codec"]), state["output_gain"])
    shapes = {name: tuple(tensor.shape) for name, tensor in average.items()}
    raise_problems(compare_shapes(state_path, shapes, expected_shapes(net)))
    net.load_state_dict(average)
    return TrainedNet(net.requires_grad_(False).eval(), int(state["step"]))


def _read_state(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelFileMissing(
            "The training run has no state yet.", path=path, remedy="Give the folder of a training run."
        )
    remedy = "Give a state that the trainer has written whole."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _LOAD_ERRORS as error:
        text = f"The training state cannot be read: {error}"
        raise CheckpointUnreadable(text, path=path, remedy=remedy) from error
    needed = ("step", "average", "codec", "output_gain")
    missing = [key for key in needed if not isinstance(state, dict) or key not in state]
    if missing:
        text = f"The training state has no {', '.join(missing)}."
        raise CheckpointUnreadable(text, path=path, remedy=remedy)
    return state


def export_preview(
    trained: TrainedNet, config: TrainConfig, folder: Path, training: Mapping[str, Any]
) -> ModelSpec:
    """Write the model folder and return its description.

    ``training`` is what model.json says of where the weights come from, beside recipe, seed and steps, which
    are added here. Raises FolderExists, and NotFinite for weights that float16 cannot hold.
    """
    net = trained.net
    tensors = {
        UNET_FILE: _stored(_folded_unet(net), UNET_FILE),
        CONV_IDENTITY_FILE: _stored(net.identity.state_dict(), CONV_IDENTITY_FILE),
    }
    record = {
        "recipe": config.name,
        "seed": config.seed,
        "steps": trained.steps,
        "planned_steps": config.steps,
        "parameters": sum(tensor.numel() for weights in tensors.values() for tensor in weights.values()),
        **training,
    }
    return write_folder(folder, _spec(net, config, record), tensors, copies={})


def _spec(net: PreviewNet, config: TrainConfig, training: Mapping[str, Any]) -> ModelSpec:
    network = config.network
    codec = {key: value for key, value in net.codec.spec.to_json().items() if key != "kind"}
    convolutions = [layer for layer in net.identity.body if isinstance(layer, nn.Conv2d)]
    return ModelSpec(
        name=config.name,
        kind="diffusion",
        preview=True,
        crop_px=network.crop_px,
        hole_fill="telea",
        licence=LICENCE,
        window=network.window,
        overlap=network.overlap,
        latent_channels=net.codec.channels,
        codec=CodecSpec("linear_patch", codec),
        unet=net.unet_config,
        objective=net.objective,
        schedule=ScheduleSpec(network.sigma_min, network.sigma_max, _RHO),
        identity=IdentitySpec(
            "conv", network.token_channels, tuple(layer.out_channels for layer in convolutions[:-1])
        ),
        presets=PRESETS,
        training=training,
    )


def _folded_unet(net: PreviewNet) -> dict[str, torch.Tensor]:
    """Return the UNet's weights such that its output is the residual without a further gain."""
    weights = dict(net.unet.state_dict())
    gain = net.output_gain.flatten()
    weights["conv_out.weight"] = weights["conv_out.weight"] * gain.view(-1, 1, 1, 1)
    weights["conv_out.bias"] = weights["conv_out.bias"] * gain
    return weights


def _stored(weights: Mapping[str, torch.Tensor], file_name: str) -> dict[str, torch.Tensor]:
    """Return the weights as float16 on the CPU."""
    halves = {name: tensor.detach().cpu().half() for name, tensor in weights.items()}
    bad = [name for name, tensor in halves.items() if not bool(torch.isfinite(tensor).all())]
    if bad:
        raise NotFinite(
            f"float16 cannot hold {len(bad)} tensors of {file_name}: {', '.join(bad[:8])}.",
            remedy="The run has diverged; export an earlier state.",
        )
    return halves
