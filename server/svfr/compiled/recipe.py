"""What compiled networks are made from, beside the shapes of their calls."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

import svfr.nets
from svfr.precision import Precision, device_name

INDUCTOR, EXPORTED = "inductor", "exported"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The networks' configurations, their number types, the kind of device, and what builds.

    ``builder`` "inductor" makes kernels, for which it needs a C++ compiler; "exported" keeps the traced
    graph as it is, which is no faster and needs none.
    """

    unet: Mapping[str, Any]
    decoder: Mapping[str, Any] | None
    unet_type: str
    decode_type: str
    tf32: bool
    device: str
    builder: str = INDUCTOR

    @classmethod
    def of(
        cls,
        unet: Mapping[str, Any],
        decoder: Mapping[str, Any] | None,
        precision: Precision,
        device: torch.device,
        builder: str = INDUCTOR,
    ) -> Recipe:
        """Return the recipe of networks that compute with ``precision`` on a device."""
        return cls(
            unet=unet,
            decoder=decoder,
            unet_type=str(precision.unet).removeprefix("torch."),
            decode_type=str(precision.decode).removeprefix("torch."),
            tf32=precision.tf32,
            device=device.type,
            builder=builder,
        )

    @property
    def key(self) -> str:
        """Return a name that differs where packages cannot be shared: other sources, torch, or device."""
        versions = [metadata.version(name) for name in ("torch", "diffusers")]
        text = json.dumps([asdict(self), versions, device_name(self.device), _sources()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@cache
def _sources() -> str:
    """Return a hash of the code that a compiled network is traced from."""
    digest = hashlib.sha256()
    folders = [*map(Path, svfr.nets.__path__), Path(__file__).parent]
    for path in sorted(path for folder in folders for path in folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
