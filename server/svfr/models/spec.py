"""model.json: what a model folder says about itself.

One frozen value, read strictly: an error names every unknown, missing or impossible entry at once. The
same code runs the official weights and the embedded preview model; all that differs between them is here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from svfr.diffusion.objectives import Objective
from svfr.errors import ModelSpecInvalid
from svfr.models.strict_json import ObjectReader
from svfr.nets.identity import IdCrop
from svfr.nets.linear_patch import PATCH_PX

FORMAT = 1
COEFFICIENT_COUNT = 3 * PATCH_PX**2
RESNET_STAGES = 4
PRESET_NAMES = ("draft", "standard", "final")

ModelKind = Literal["diffusion", "identity", "probe"]
IdentityKind = Literal["conv", "iresnet100", "none"]
HoleFill = Literal["white", "telea", "blend"]


@dataclass(frozen=True)
class Preset:
    """How much work a job asks for.

    ``reference_steps`` and ``steps`` are the denoise steps of pass 1 and pass 2. ``initial_noise`` scales
    the starting noise: 1.0 as published, 0.0 starts from the low-quality latent. ``guidance`` 1.0 runs one
    branch. ``sigmas``, descending and without the final zero, replace the model's schedule in both passes.
    """

    reference_steps: int
    steps: int
    initial_noise: float
    guidance: float
    sigmas: tuple[float, ...] | None = None


@dataclass(frozen=True)
class CodecSpec:
    """The picture codec: ``config`` is LinearPatchSpec's JSON, or the diffusers autoencoder's config."""

    kind: Literal["linear_patch", "kl_temporal"]
    config: Mapping[str, Any]

    @property
    def factor(self) -> int:
        """Picture pixels per latent pixel, along each side."""
        return PATCH_PX if self.kind == "linear_patch" else 2 ** (len(self.config["block_out_channels"]) - 1)


@dataclass(frozen=True)
class ScheduleSpec:
    """The Karras sigmas (arXiv 2206.00364, eq. 5) that a preset without its own sigmas uses."""

    sigma_min: float
    sigma_max: float
    rho: float


@dataclass(frozen=True)
class IdentitySpec:
    """The identity encoder: tokens of ``channels``, which must be the UNet's cross_attention_dim.

    ``widths`` are the convolution widths of "conv", or the stage widths of "iresnet100", whose ``layers``
    are its blocks per stage. ``id_crop`` says how "iresnet100" cuts its 112 px face: "official" as the
    published code does, which sees the quarter around the left eye, or "corrected", which sees the face.
    """

    kind: IdentityKind
    channels: int
    widths: tuple[int, ...] = ()
    layers: tuple[int, ...] = ()
    id_crop: IdCrop = "official"


@dataclass(frozen=True)
class FileRecord:
    """One file of the folder as it was written."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class ModelSpec:
    """The contents of model.json.

    ``crop_px`` is the side of the square crop the model sees, ``window`` the frames the UNet sees at once,
    ``overlap`` the frames neighbouring windows share. ``hole_plane``: crops have a fourth plane that says
    where the hole is, and the UNet one input channel more; SVFR's own weights see three planes. ``kind``
    "identity" (gives its input back) and "probe" (adds a known patch) have no network: their ``codec``,
    ``objective``, ``schedule`` and ``identity`` are None, ``unet``, ``presets`` and ``files`` empty.
    """

    name: str
    kind: ModelKind
    preview: bool
    crop_px: int
    hole_fill: HoleFill
    licence: str
    window: int = 1
    overlap: int = 0
    hole_plane: bool = False
    latent_channels: int = 0
    codec: CodecSpec | None = None
    unet: Mapping[str, Any] = field(default_factory=dict)
    objective: Objective | None = None
    schedule: ScheduleSpec | None = None
    identity: IdentitySpec | None = None
    presets: Mapping[str, Preset] = field(default_factory=dict)
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)

    @property
    def planes(self) -> int:
        """The planes of a crop as the network sees it: red, green, blue, and the hole where asked for."""
        return 3 + self.hole_plane

    @classmethod
    def from_json(cls, body: object, path: object = None) -> ModelSpec:
        """Read a parsed model.json; raises ModelSpecInvalid with every problem, naming ``path``."""
        reader = ObjectReader(body)
        spec = _read(reader)
        problems = reader.problems or _contradictions(spec)
        if problems:
            raise ModelSpecInvalid(problems, path=path)
        return spec

    def to_json(self) -> dict[str, Any]:
        """Return the document that :meth:`from_json` reads back to an equal value."""
        body: dict[str, Any] = {
            "format": FORMAT,
            "name": self.name,
            "kind": self.kind,
            "preview": self.preview,
            "crop_px": self.crop_px,
            "hole_fill": self.hole_fill,
            "licence": self.licence,
        }
        if self.kind != "diffusion":
            return body
        assert self.codec and self.objective and self.schedule and self.identity
        return body | {
            "window": self.window,
            "overlap": self.overlap,
            "hole_plane": self.hole_plane,
            "latent_channels": self.latent_channels,
            "codec": _codec_json(self.codec),
            "unet": _plain(self.unet),
            "objective": self.objective.to_json(),
            "schedule": {"kind": "karras", **dataclasses.asdict(self.schedule)},
            "identity": _identity_json(self.identity),
            "presets": {name: _plain(dataclasses.asdict(p)) for name, p in self.presets.items()},
            "files": {name: dataclasses.asdict(record) for name, record in self.files.items()},
            "training": _plain(self.training),
        }


def _plain(value: Any) -> Any:
    """Return the value as json.loads would give it: tuples as lists, mappings as dicts."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def _codec_json(codec: CodecSpec) -> dict[str, Any]:
    config = _plain(codec.config)
    return (
        {"kind": codec.kind, **config}
        if codec.kind == "linear_patch"
        else {"kind": codec.kind, "config": config}
    )


def _identity_json(identity: IdentitySpec) -> dict[str, Any]:
    body: dict[str, Any] = {"kind": identity.kind, "channels": identity.channels}
    if identity.kind != "none":
        body["widths"] = list(identity.widths)
    if identity.kind == "iresnet100":
        body |= {"layers": list(identity.layers), "id_crop": identity.id_crop}
    return body


def _read(top: ObjectReader) -> ModelSpec:
    version = top.integer("format", 1)
    if version != FORMAT:
        top.problems.append(
            f"format {version} is not known; this version of SVFR Studio reads format {FORMAT}"
        )
    kind: Any = top.choice("kind", ("diffusion", "identity", "probe"))
    spec = ModelSpec(
        name=top.text("name"),
        kind=kind,
        preview=top.flag("preview"),
        crop_px=top.integer("crop_px", 8),
        hole_fill=top.choice("hole_fill", ("white", "telea", "blend")),  # type: ignore[arg-type]
        licence=top.text("licence"),
    )
    if kind == "diffusion":
        spec = dataclasses.replace(
            spec,
            window=top.integer("window", 1),
            overlap=top.integer("overlap", 0),
            hole_plane=top.flag("hole_plane"),
            latent_channels=top.integer("latent_channels", 1),
            codec=_read_codec(top.child("codec")),
            unet=top.free_object("unet"),
            objective=_read_objective(top.child("objective")),
            schedule=_read_schedule(top.child("schedule")),
            identity=_read_identity(top.child("identity")),
            presets=_read_presets(top.child("presets")),
            files=_read_files(top.child("files")),
            training=top.free_object("training"),
        )
    top.finish()
    return spec


def _read_codec(body: ObjectReader) -> CodecSpec:
    config: dict[str, Any]
    if body.choice("kind", ("linear_patch", "kl_temporal")) == "kl_temporal":
        config = body.free_object("config")
        if not isinstance(config.get("block_out_channels"), list) or not config["block_out_channels"]:
            body.problems.append(f"{body.name('config')}.block_out_channels must be a list of integers")
            config["block_out_channels"] = [1]
        body.finish()
        return CodecSpec("kl_temporal", config)
    config = {
        "coefficients": list(body.integers("coefficients", 0)),
        "mean": list(body.numbers("mean")),
        "std": list(body.numbers("std")),
    }
    if len({len(v) for v in config.values()}) != 1:
        body.problems.append(f"{body.name('coefficients')}, mean and std must be of one length")
    if any(index >= COEFFICIENT_COUNT for index in config["coefficients"]):
        body.problems.append(f"{body.name('coefficients')} must be below {COEFFICIENT_COUNT}")
    if any(spread <= 0 for spread in config["std"]):
        body.problems.append(f"{body.name('std')} must be positive")
    body.finish()
    return CodecSpec("linear_patch", config)


def _read_objective(body: ObjectReader) -> Objective:
    kind: Any = body.choice("kind", ("v", "residual"))
    objective = Objective(kind, body.number("sigma_data", 0.0, above=True))
    body.finish()
    return objective


def _read_schedule(body: ObjectReader) -> ScheduleSpec:
    body.choice("kind", ("karras",))
    low, high, rho = (body.number(key, 0.0, above=True) for key in ("sigma_min", "sigma_max", "rho"))
    body.finish()
    return ScheduleSpec(low, high, rho)


def _read_identity(body: ObjectReader) -> IdentitySpec:
    kind: Any = body.choice("kind", ("none", "conv", "iresnet100"))
    spec = IdentitySpec(kind, body.integer("channels", 1))
    if kind != "none":
        spec = dataclasses.replace(spec, widths=body.integers("widths", 1))
    if kind == "iresnet100":
        id_crop: Any = body.choice("id_crop", ("official", "corrected"))
        spec = dataclasses.replace(spec, layers=body.integers("layers", 1), id_crop=id_crop)
        if not len(spec.layers) == len(spec.widths) == RESNET_STAGES:
            body.problems.append(f"{body.name('layers')} and widths must have {RESNET_STAGES} entries")
    body.finish()
    return spec


def _read_presets(body: ObjectReader) -> dict[str, Preset]:
    presets = {}
    for name in PRESET_NAMES:
        entry = body.child(name)
        preset = Preset(
            reference_steps=entry.integer("reference_steps", 1),
            steps=entry.integer("steps", 1),
            initial_noise=entry.number("initial_noise", 0.0),
            guidance=entry.number("guidance", 0.0),
        )
        if entry.has("sigmas") and entry.any_value("sigmas") is not None:
            preset = dataclasses.replace(preset, sigmas=entry.numbers("sigmas"))
        elif not entry.has("sigmas"):
            entry.any_value("sigmas")
        entry.finish()
        presets[name] = preset
    body.finish()
    return presets


def _read_files(body: ObjectReader) -> dict[str, FileRecord]:
    files = {}
    for name in body.keys():  # noqa: SIM118 (it is no dict)
        entry = body.child(name)
        files[name] = FileRecord(entry.text("sha256"), entry.integer("bytes", 0))
        entry.finish()
        if "/" in name or "\\" in name or name in (".", ".."):
            body.problems.append(f"{body.name(name)} must be the name of a file inside the folder")
    return files


def _contradictions(spec: ModelSpec) -> list[str]:
    """Return what cannot be true together in a document that is well formed."""
    if spec.kind != "diffusion":
        return []
    assert spec.codec and spec.schedule and spec.identity
    unet, channels = spec.unet, spec.latent_channels
    channels_in = 3 * channels + spec.hole_plane
    claims = [
        (
            unet.get("in_channels") == channels_in,
            f"unet.in_channels must be {channels_in}: 3 x latent_channels, and one for hole_plane",
        ),
        (not spec.hole_plane or spec.codec.kind == "linear_patch", "hole_plane needs the codec linear_patch"),
        (unet.get("out_channels") == channels, f"unet.out_channels must be {channels}, as latent_channels"),
        (
            unet.get("cross_attention_dim") == spec.identity.channels,
            "identity.channels must be unet.cross_attention_dim",
        ),
        (
            _is_three_times(unet, "projection_class_embeddings_input_dim", "addition_time_embed_dim"),
            "unet.projection_class_embeddings_input_dim must be 3 x addition_time_embed_dim",
        ),
        (spec.overlap < spec.window, "overlap must be smaller than window"),
        (spec.schedule.sigma_min < spec.schedule.sigma_max, "schedule.sigma_min must be below sigma_max"),
        (spec.crop_px % spec.codec.factor == 0, f"crop_px must be a multiple of {spec.codec.factor}"),
        (_codec_channels(spec.codec) == channels, "codec must have latent_channels channels"),
    ]
    for name, preset in spec.presets.items():
        claims.append(
            (_sigmas_fit(preset), f"presets.{name}.sigmas must be one falling, positive value a step")
        )
    return [message for holds, message in claims if not holds]


def _is_three_times(unet: Mapping[str, Any], large: str, small: str) -> bool:
    value = unet.get(small)
    return isinstance(value, int) and unet.get(large) == 3 * value


def _codec_channels(codec: CodecSpec) -> object:
    linear = codec.kind == "linear_patch"
    return len(codec.config["coefficients"]) if linear else codec.config.get("latent_channels", 4)


def _sigmas_fit(preset: Preset) -> bool:
    sigmas = preset.sigmas
    if sigmas is None:
        return True
    falling = all(a > b for a, b in pairwise(sigmas))
    return falling and min(sigmas, default=0.0) > 0 and len(sigmas) == preset.steps == preset.reference_steps
