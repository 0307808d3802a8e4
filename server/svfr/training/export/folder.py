"""From a training state to a model folder that the sampler loads like any other model.

What is written are the averaged weights. The output gain is folded into the UNet's last layer, so that the
folder needs no constant of the run beside the codec's scaling. Numbers are stored as float16, which halves
the folder; after loading they are computed with in float32 again. Networks beside the base have 8 bits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from svfr.errors import ModelFileMissing, NotFinite
from svfr.models.detail_spec import DetailSpec
from svfr.models.eight_bit_weights import packed
from svfr.models.folder import read_spec, write_folder
from svfr.models.networks import (
    ARCFACE_FILE,
    BESIDE_FILES,
    CONV_IDENTITY_FILE,
    DETAIL_FILE,
    ID_PROJECTION_FILE,
    UNET_FILE,
    VAE_FILE,
)
from svfr.models.reference_net_spec import ReferenceNetSpec
from svfr.models.spec import DiffusionSpec
from svfr.models.svd_folder import CONFIG_COPIES, vae_weights
from svfr.models.tensor_files import compare_shapes, expected_shapes
from svfr.nets.detail_net import DetailNet
from svfr.nets.linear_patch import LinearPatchSpec
from svfr.nets.patch_unet import PatchUNet
from svfr.training.detail.recipe import DetailConfig
from svfr.training.export.model_card import model_card
from svfr.training.loop.state_file import read_state
from svfr.training.nets.preview_net import PreviewNet
from svfr.training.nets.svd_net import SvdNet
from svfr.training.nets.trainable import TrainableNet
from svfr.training.recipe.config import NetworkConfig, Recipe
from svfr.training.reference.recipe import ReferenceConfig
from svfr_client.errors import raise_problems
from svfr_client.files import write_whole

_AVERAGE_PREFIX = "module."
Net = TypeVar("Net", bound=TrainableNet)


@dataclass(frozen=True)
class TrainedNet(Generic[Net]):
    """The averaged network of a run, and the number of steps it was trained for."""

    net: Net
    steps: int


def read_trained(state_path: Path, network: NetworkConfig) -> TrainedNet[PreviewNet]:
    """Read the averaged weights of a ``state.pt`` written by :class:`svfr.training.loop.trainer.Trainer`.

    Raises ModelFileMissing, CheckpointUnreadable, and TensorsMissing, TensorsUnexpected and
    TensorShapesWrong when the state is that of another network.
    """
    if not state_path.is_file():
        raise ModelFileMissing(
            "The training run has no state yet.",
            path=state_path,
            remedy="Give the folder of a training run.",
        )
    state = read_state(state_path, ("step", "average", "codec", "output_gain"))
    average = {
        name.removeprefix(_AVERAGE_PREFIX): tensor
        for name, tensor in state["average"].items()
        if name.startswith(_AVERAGE_PREFIX)
    }
    net = PreviewNet(network, LinearPatchSpec.from_json(state["codec"]), state["output_gain"])
    net.started_from = state.get("started_from")
    shapes = {name: tuple(tensor.shape) for name, tensor in average.items()}
    raise_problems(compare_shapes(state_path, shapes, expected_shapes(net)))
    net.load_state_dict(average)
    return TrainedNet(net.requires_grad_(False).eval(), int(state["step"]))


def export_preview(
    trained: TrainedNet[PreviewNet], config: Recipe, folder: Path, training: Mapping[str, Any]
) -> DiffusionSpec:
    """Write the model folder and return its description.

    ``training`` is what model.json says of where the weights come from, beside recipe, seed and steps, which
    are added here. Raises FolderExists, and NotFinite for weights that float16 cannot hold.
    """
    net = trained.net
    tensors = {
        UNET_FILE: _stored(net.folded_unet(), UNET_FILE),
        CONV_IDENTITY_FILE: _stored(net.identity.state_dict(), CONV_IDENTITY_FILE),
    }
    start = {"started_from_sha256": dict(net.started_from)} if net.started_from else {}
    record = _record(config, trained.steps, tensors, {**start, **training})
    return write_folder(folder, net.spec(config, record), tensors, copies={})


def export_svd(
    trained: TrainedNet[SvdNet], config: Recipe, folder: Path, training: Mapping[str, Any]
) -> DiffusionSpec:
    """Write the model folder of a run from Stable Video Diffusion; see :func:`export_preview`.

    Autoencoder and recogniser are taken over as they came, and SVD's configurations with them, so that the
    folder can be exported under the official names.
    """
    net, frozen = trained.net, trained.net.frozen
    tensors = {UNET_FILE: _stored(net.unet.state_dict(), UNET_FILE)}
    if net.id_projection is not None and frozen.recogniser is not None:
        tensors[ID_PROJECTION_FILE] = _stored(net.id_projection.state_dict(), ID_PROJECTION_FILE)
        tensors[ARCFACE_FILE] = {
            name: tensor.detach().cpu() for name, tensor in frozen.recogniser.state_dict().items()
        }
    svd = frozen.source.svd_folder
    configs = {copy: svd / official for official, copy in CONFIG_COPIES.items()}
    copies = {VAE_FILE: vae_weights(svd)} | {copy: path for copy, path in configs.items() if path.is_file()}
    record = _record(config, trained.steps, tensors, training)
    return write_folder(folder, net.spec(config, record), tensors, copies)


def export_detail(
    net: DetailNet, steps: int, config: DetailConfig, *, base: Path, folder: Path, training: Mapping[str, Any]
) -> DiffusionSpec:
    """Write the folder of the model ``base`` with a detail network beside its files; return its description.

    ``training`` says where the detail comes from. Raises FolderExists, and NotFinite for weights that float16
    cannot hold.
    """
    sizes = config.network
    detail = DetailSpec(widths=sizes.widths, blocks=sizes.blocks, presets=config.presets)
    weights = _stored(net.strengthened(config.strength).state_dict(), DETAIL_FILE)
    record = _stage_record(config.seed, steps, config.optimiser.steps, weights=weights, more=training)
    spec = _spec_beside(base)
    history = {**spec.training, "detail": record}
    spec = dataclasses.replace(spec, name=config.name, detail=detail, training=history)
    return _write_beside(base, folder, spec, {DETAIL_FILE: packed(weights)})


def export_reference_net(
    net: PatchUNet,
    steps: int,
    config: ReferenceConfig,
    *,
    base: Path,
    folder: Path,
    training: Mapping[str, Any],
) -> DiffusionSpec:
    """Write the folder of ``base`` with a network beside its files that changes the reference.

    ``config.stage`` says which; see :func:`export_detail`.
    """
    sizes = config.network
    beside = ReferenceNetSpec(widths=sizes.widths, blocks=sizes.blocks, side_px=config.side_px)
    file = BESIDE_FILES[config.stage]
    weights = _stored(net.state_dict(), file)
    record = _stage_record(config.seed, steps, config.steps, weights=weights, more=training)
    spec = _spec_beside(base)
    history = {**spec.training, config.stage: record}
    given: dict[str, Any] = {config.stage: beside}
    spec = dataclasses.replace(spec, name=config.name, training=history, **given)
    return _write_beside(base, folder, spec, {file: packed(weights)})


def _spec_beside(base: Path) -> DiffusionSpec:
    spec = read_spec(base)
    assert isinstance(spec, DiffusionSpec), "only a model with networks can be trained beside"
    return spec


def _stage_record(
    seed: int,
    steps: int,
    planned_steps: int,
    *,
    weights: Mapping[str, torch.Tensor],
    more: Mapping[str, Any],
) -> dict[str, Any]:
    parameters = sum(tensor.numel() for tensor in weights.values())
    return {"seed": seed, "steps": steps, "planned_steps": planned_steps, "parameters": parameters, **more}


def _write_beside(
    base: Path, folder: Path, spec: DiffusionSpec, tensors: Mapping[str, Mapping[str, torch.Tensor]]
) -> DiffusionSpec:
    """Write a folder of the base's files, bit for bit, but for those of ``tensors``."""
    copies = {name: base / name for name in spec.files if name not in tensors}
    return write_folder(folder, spec, tensors, copies)


def export_model(
    net: TrainableNet, steps: int, config: Recipe, folder: Path, training: Mapping[str, Any]
) -> DiffusionSpec:
    """Write the model folder of a network of either kind, with its card ``README.md``.

    The card is for people: no file of the model depends on it, and it may be edited.
    """
    if isinstance(net, PreviewNet):
        spec = export_preview(TrainedNet(net, steps), config, folder, training)
    else:
        assert isinstance(net, SvdNet)
        spec = export_svd(TrainedNet(net, steps), config, folder, training)
    write_whole(folder / "README.md", model_card(spec, config))
    return spec


def _record(
    config: Recipe,
    steps: int,
    tensors: Mapping[str, Mapping[str, torch.Tensor]],
    training: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "recipe": config.name,
        "seed": config.seed,
        "steps": steps,
        "planned_steps": config.steps,
        "parameters": sum(tensor.numel() for weights in tensors.values() for tensor in weights.values()),
        **training,
    }


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
