"""A folder of reference vectors: inputs, weights and outputs computed by the published SVFR code.

``golden.json`` holds configurations, cases and tolerances; the safetensors files beside it hold the tensors,
weights in float16 whose values are exact. The networks are tiny, with the published structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.unets.unet_spatio_temporal_condition import UNetSpatioTemporalConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file

from svfr.diffusion.objectives import Objective
from svfr.errors import VectorsInvalid
from svfr.models.model import Model
from svfr.models.spec import DiffusionSpec, KlTemporalSpec, NoIdentitySpec, Preset, ScheduleSpec
from svfr.nets.identity import IdProjection, NoIdentity
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import build_unet
from svfr.validation import read_record
from svfr_client.reasons import in_one_line, reason_of

_INDEX = "golden.json"
_RHO = 7.0  # of the published scheduler, which has it as a constant rather than in its configuration


@dataclass(frozen=True)
class Vectors:
    """The opened folder."""

    folder: Path
    index: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> Vectors:
        """Read the index; VectorsInvalid when it is missing or unreadable."""
        remedy = f"Give a folder with {_INDEX} and the safetensors files it names."
        return cls(folder, read_record(folder / _INDEX, VectorsInvalid, "The list of vectors", remedy))

    def lookup(self, *keys: str) -> Any:
        """Return an entry of the index by its path of keys."""
        value: Any = self.index
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                raise VectorsInvalid(f"{_INDEX} has no entry {'.'.join(keys)}.", path=self.folder / _INDEX)
            value = value[key]
        return value

    def case(self, name: str) -> dict[str, Any]:
        """Return the description of a case."""
        entry: dict[str, Any] = self.lookup("cases", name)
        return entry

    def pipeline_cases(self) -> list[str]:
        """Return the names of the cases that run both passes."""
        return sorted(name for name in self.lookup("cases") if name.startswith("pipe_"))

    def tolerance(self, name: str) -> float:
        """Return a recommended tolerance."""
        return float(self.lookup("recommended_tolerance", name))

    def tensors(self, file: str, *needed: str) -> dict[str, torch.Tensor]:
        """Return a file's tensors, floating ones as float32; VectorsInvalid names what is not there."""
        path = self.folder / file
        try:
            tensors = load_file(path)
        except (OSError, SafetensorError) as error:
            raise VectorsInvalid(
                f"A file of the reference vectors cannot be read: {reason_of(error)}.", path=path
            ) from error
        missing = [name for name in needed if name not in tensors]
        if missing:
            raise VectorsInvalid(f"The file has no tensor {', '.join(missing)}.", path=path)
        return {k: v.float() if v.is_floating_point() else v for k, v in tensors.items()}

    def unet(self) -> UNetSpatioTemporalConditionModel:
        """Return the UNet of the vectors with its weights."""
        unet = build_unet(self.lookup("unet_config"))
        self._load_weights(unet, "unet.safetensors")
        return unet

    def codec(self) -> KlTemporalCodec:
        """Return the picture codec of the vectors with its weights."""
        vae = build_kl(self.lookup("vae_config"))
        self._load_weights(vae, "vae.safetensors")
        return KlTemporalCodec(vae)

    def id_projection(self) -> IdProjection:
        """Return the identity projection of the vectors with its weights."""
        sizes = self.lookup("id_linear")
        projection = IdProjection(sizes["in_channels"], sizes["out_channels"])
        self._load_weights(projection, "id_linear.safetensors")
        return projection.eval()

    def model(self, case: str) -> Model:
        """Return the model of a pipeline case."""
        about, scheduler = self.case(case), self.lookup("scheduler_config")
        channels = int(self.lookup("unet_config", "cross_attention_dim"))
        codec = self.codec()
        spec = DiffusionSpec(
            name=f"vectors {case}",
            preview=False,
            crop_px=about["height"],
            hole_fill="white",
            licence="reference vectors",
            window=about["frames_per_batch"],
            overlap=about["overlap"],
            latent_channels=codec.channels,
            codec=KlTemporalSpec(self.lookup("vae_config")),
            unet=self.lookup("unet_config"),
            objective=Objective("v"),
            schedule=ScheduleSpec(scheduler["sigma_min"], scheduler["sigma_max"], _RHO),
            identity=NoIdentitySpec(channels),
            presets={"final": self.preset(case)},
        )
        return Model(
            spec=spec, unet=self.unet(), codec=codec, objective=Objective("v"), identity=NoIdentity(channels)
        )

    def preset(self, case: str) -> Preset:
        """Return the steps and guidance of a pipeline case."""
        about = self.case(case)
        guidance = float(about["guidance"])
        return Preset(about["steps_pass1"], about["steps_pass2"], initial_noise=1.0, guidance=guidance)

    def _load_weights(self, network: torch.nn.Module, file: str) -> None:
        try:
            network.load_state_dict(self.tensors(file))
        except RuntimeError as error:
            raise VectorsInvalid(
                f"The weights do not fit: {in_one_line(error)}.", path=self.folder / file
            ) from error
