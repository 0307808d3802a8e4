"""model.json: what a model folder says about itself.

One frozen value of two kinds: a built-in model without a network, or a diffusion model. It is read strictly:
an error names every unknown, missing or impossible entry at once. The same code runs the official weights
and the embedded preview model; all that differs between them is here.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, core_schema

from svfr.diffusion.objectives import Objective
from svfr.diffusion.reuse import Reuse
from svfr.errors import ModelSpecInvalid, PresetNotOfficial, UnknownPreset
from svfr.models.attenuation_spec import Attenuation
from svfr.models.detail_spec import DetailSpec, amount_of_detail
from svfr.models.framing_spec import PUBLISHED, Framing
from svfr.models.reference_net_spec import ReferenceNetSpec
from svfr.nets.device_memory import MOST_ELEMENTS
from svfr.nets.identity import IdCrop
from svfr.nets.linear_patch import LinearPatchSpec
from svfr.nets.size_limits import MOST_DIFFUSERS_LAYERS, MOST_LEVELS, Blocks, Width, Widths
from svfr.number_types import NumberTypes
from svfr.validation import (
    SCHEMA_DIALECT,
    NotNegative,
    NotNegativeInt,
    Positive,
    PositiveInt,
    Strict,
    read_strictly,
    sentences_of,
)
from svfr_client.vocabulary import Sampler

FORMAT = 1
RESNET_STAGES = 4
# A feed-forward layer's hidden width, four times its own, and as many gates.
_WIDENING = 8
# A face of more pixels than the model's crop is cropped this much larger.
_CROP_STEPS = (1.5, 2.0)
# Far above every schedule in use: what plans a job walks through the steps one by one.
Steps = Annotated[int, Field(ge=1, le=10_000)]
Level = Annotated[float, Field(gt=0, le=1e6)]
_UNCOUNTABLE = "a tensor of the UNet would have more elements than kernels can count"
PRESET_NAMES = ("draft", "standard", "final")

HoleFill = Literal["white", "telea", "blend"]


@dataclass(frozen=True)
class Preset(Strict):
    """How much work a job asks for.

    ``reference_steps`` and ``steps`` are the denoise steps of pass 1 and pass 2. ``initial_noise`` scales
    the starting noise: 1.0 as published, 0.0 starts from the low-quality latent. ``guidance`` 1.0 runs one
    branch. ``sigmas``, descending and without the final zero, replace the model's schedule in both passes.
    Faces that have more pixels than the model's crop are cropped larger, up to ``largest_crop_px`` a side;
    None: never.

    Three savings are experimental, for drafts, and change the picture. ``sigma_start``: the schedule's levels
    begin there and not at its ``sigma_max``. ``guidance_every`` and ``deep_every``: the unconditional branch,
    and the UNet's levels below the topmost, are evaluated every so many steps, and for each frame taken over
    in between; 1: in every step.
    """

    reference_steps: Steps
    steps: Steps
    _: KW_ONLY
    initial_noise: NotNegative
    guidance: NotNegative
    sigmas: tuple[Positive, ...] | None = None
    largest_crop_px: PositiveInt | None = None
    sigma_start: Positive | None = None
    guidance_every: PositiveInt = 1
    deep_every: PositiveInt = 1

    @property
    def reuse(self) -> Reuse:
        """What its steps take over from earlier ones."""
        return Reuse(guidance_every=self.guidance_every, deep_every=self.deep_every)

    @property
    def is_experimental(self) -> bool:
        """Whether it saves in ways that no true weights have judged yet."""
        return self.reuse.is_used or self.sigma_start is not None

    def require_exact(self, name: str) -> None:
        """Raise PresetNotOfficial for one that takes over parts of steps, which official mode never does."""
        if self.reuse.is_used:
            raise PresetNotOfficial(
                f"The preset {name} takes over parts of earlier steps (guidance_every {self.guidance_every}, "
                f"deep_every {self.deep_every}), and the official sampler computes every step in full.",
                remedy="Choose the studio sampler, or another preset.",
            )


class _ExactlyThePresets:
    """Makes pydantic ask for each preset by name, so that a missing one is named beside other mistakes."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        preset = handler.generate_schema(Preset)
        fields = {name: core_schema.typed_dict_field(preset) for name in PRESET_NAMES}
        return core_schema.typed_dict_schema(fields, extra_behavior="forbid")


def _can_be_built(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Refuse a configuration of diffusers' that would build modules without end."""
    for name, value in config.items():
        if isinstance(value, list | tuple) and len(value) > MOST_LEVELS:
            raise ValueError(f"{name} must have at most {MOST_LEVELS} entries")
        counts = _whole_numbers(value) if "layers" in name else ()
        if any(count > MOST_DIFFUSERS_LAYERS for count in counts):
            raise ValueError(f"{name} must be at most {MOST_DIFFUSERS_LAYERS}")
    return config


def _whole_numbers(value: object) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _whole_numbers(entry)


def _names_its_blocks(config: Mapping[str, Any]) -> Mapping[str, Any]:
    blocks = config.get("block_out_channels")
    if not isinstance(blocks, list | tuple) or not blocks or not all(type(width) is int for width in blocks):
        raise ValueError("block_out_channels must be a list of integers")
    return config


@dataclass(frozen=True)
class KlTemporalSpec(Strict):
    """Stable Video Diffusion's autoencoder: the config of diffusers' AutoencoderKLTemporalDecoder."""

    config: Annotated[Mapping[str, Any], AfterValidator(_names_its_blocks), AfterValidator(_can_be_built)]
    kind: Literal["kl_temporal"] = "kl_temporal"

    @property
    def factor(self) -> int:
        """Picture pixels per latent pixel, along each side."""
        return 2 ** (len(self.config["block_out_channels"]) - 1)

    @property
    def channels(self) -> object:
        """The latent's channels, as the config says."""
        return self.config.get("latent_channels", 4)


CodecSpec: TypeAlias = LinearPatchSpec | KlTemporalSpec


@dataclass(frozen=True)
class ScheduleSpec(Strict):
    """The Karras sigmas (arXiv 2206.00364, eq. 5) that a preset without its own sigmas uses."""

    sigma_min: Level
    sigma_max: Level
    rho: Annotated[float, Field(ge=1, le=100)]
    kind: Literal["karras"] = "karras"


@dataclass(frozen=True)
class _TokensSpec(Strict):
    """Identity tokens of ``channels``."""

    channels: PositiveInt


@dataclass(frozen=True)
class NoIdentitySpec(_TokensSpec):
    """No identity encoder: one zero token."""

    kind: Literal["none"] = "none"


@dataclass(frozen=True)
class ConvIdentitySpec(_TokensSpec):
    """The preview model's encoder: ``widths`` are its convolutions', before the last of ``channels``."""

    widths: Widths
    kind: Literal["conv"] = "conv"


_FOUR = Field(min_length=RESNET_STAGES, max_length=RESNET_STAGES)


@dataclass(frozen=True)
class ArcFaceSpec(_TokensSpec):
    """ArcFace and a projection to ``channels``: ``widths`` of the four stages, ``layers`` their blocks.

    ``id_crop`` says how the 112 px face is cut: "official" as the published code does, which sees the quarter
    around the left eye, or "corrected", which sees the face.
    """

    widths: Annotated[tuple[Width, ...], _FOUR]
    layers: Annotated[tuple[Blocks, ...], _FOUR]
    id_crop: IdCrop = "official"
    kind: Literal["iresnet100"] = "iresnet100"


IdentitySpec: TypeAlias = NoIdentitySpec | ConvIdentitySpec | ArcFaceSpec


@dataclass(frozen=True)
class FileRecord(Strict):
    """One file of the folder as it was written."""

    sha256: str
    bytes: NotNegativeInt


def _stays_inside(name: str) -> str:
    # A colon names a drive or a hidden stream on Windows.
    if name in ("", ".", "..") or any(character in name for character in "/\\:\0"):
        raise ValueError("must be the name of a file inside the folder")
    return name


@dataclass(frozen=True, kw_only=True)
class _Described(Strict):
    """What every model says: ``crop_px`` is the side of the square crop that it sees."""

    name: str
    preview: bool
    crop_px: Annotated[int, Field(ge=8)]
    hole_fill: HoleFill
    licence: str

    def to_json(self) -> dict[str, Any]:
        """Return the document that :func:`spec_from_json` reads back to an equal value."""
        body = _adapter().dump_python(self, mode="json", warnings=False)  # type: ignore[arg-type]
        # What a description leaves open is left out, as in folders that were written before it was known.
        return {"format": FORMAT, **{name: value for name, value in body.items() if value is not None}}


@dataclass(frozen=True, kw_only=True)
class BuiltinSpec(_Described):
    """A model without a network: "identity" gives its input back, "probe" adds a known patch."""

    kind: Literal["identity", "probe"]
    planes: ClassVar[int] = 3
    hole_plane: ClassVar[bool] = False

    def framing(self, tasks: Collection[str]) -> Framing:
        """Return what a face's crop shows."""
        return PUBLISHED

    def detail_amount(self, preset: str, asked: float | None) -> float:
        """Return 0: there is no network that would add detail. Raises as :func:`amount_of_detail`."""
        return amount_of_detail(self.name, None, preset, asked)


@dataclass(frozen=True, kw_only=True)
class DiffusionSpec(_Described):
    """A model with networks.

    ``window`` is the number of frames the UNet sees at once, ``overlap`` the frames neighbouring windows
    share. At the ends of a shot a window may have as few as ``shortest_window`` frames; None: it is whole,
    filled by reflection. ``hole_plane``: crops have a fourth plane that says where the hole is, and the UNet
    one input channel more; SVFR's own weights see three planes. ``identity``'s tokens have ``channels`` equal
    to the UNet's cross_attention_dim. ``detail``, ``colour`` and ``hole`` are None for a model without such
    a network.
    ``attenuation`` says which changes are too small to count where bfr alone is asked for; None: all count.
    ``precision`` are number types for GPUs; None: the policy of ``svfr.precision``.
    ``colour_framing`` says what a face's crop shows where colour is asked for; None: as without it.
    """

    kind: Literal["diffusion"] = "diffusion"
    window: PositiveInt
    overlap: NotNegativeInt
    shortest_window: PositiveInt | None = None
    hole_plane: bool = False
    latent_channels: PositiveInt
    codec: Annotated[CodecSpec, Field(discriminator="kind")]
    unet: Annotated[Mapping[str, Any], AfterValidator(_can_be_built)]
    objective: Objective
    schedule: ScheduleSpec
    identity: Annotated[IdentitySpec, Field(discriminator="kind")]
    presets: Annotated[Mapping[str, Preset], _ExactlyThePresets()]
    files: Mapping[Annotated[str, AfterValidator(_stays_inside)], FileRecord] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    detail: DetailSpec | None = None
    colour: ReferenceNetSpec | None = None
    hole: ReferenceNetSpec | None = None
    attenuation: Attenuation | None = None
    precision: NumberTypes | None = None
    colour_framing: Framing | None = None

    @property
    def planes(self) -> int:
        """The planes of a crop as the network sees it: red, green, blue, and the hole where asked for."""
        return 3 + self.hole_plane

    def detail_amount(self, preset: str, asked: float | None) -> float:
        """Return how much detail is added, 0 to 1; raises as :func:`amount_of_detail`."""
        return amount_of_detail(self.name, self.detail, preset, asked)

    def hole_of_reference(self, tasks: Collection[str], sampler: Sampler) -> ReferenceNetSpec | None:
        """Return the network that fills the hole in the reference of pass 1; see colour_of_reference."""
        return self.hole if "inpaint" in tasks and sampler == "studio" else None

    def colour_of_reference(self, tasks: Collection[str], sampler: Sampler) -> ReferenceNetSpec | None:
        """Return the network that colours the reference of pass 1 in a job with these tasks; None: none does.

        The published pipeline has none.
        """
        return self.colour if "colorize" in tasks and sampler == "studio" else None

    def framing(self, tasks: Collection[str]) -> Framing:
        """Return what a face's crop shows in a job with these tasks."""
        return self.colour_framing if self.colour_framing and "colorize" in tasks else PUBLISHED

    def crop_sizes(self, preset: Preset) -> tuple[int, ...]:
        """Return the sides that a preset crops faces to, rising, from ``crop_px`` on."""
        widths, largest = _widths(self.unet), preset.largest_crop_px or self.crop_px
        multiple = int(self.codec.factor * 2 ** max(0, len(widths) - 1))  # every level halves the side
        if self.detail is not None:
            multiple = math.lcm(multiple, self.detail.sizes.side_multiple)
        sizes = [round(self.crop_px * step) for step in _CROP_STEPS] if widths else []
        return (self.crop_px, *(size for size in sizes if size <= largest and size % multiple == 0))

    def preset(self, name: str) -> Preset:
        """Return one of :attr:`presets`; raises UnknownPreset."""
        if name not in self.presets:
            raise UnknownPreset(
                f"The model {self.name} has no preset {name!r}.",
                remedy=f"Choose one of {', '.join(self.presets)}.",
            )
        return self.presets[name]


ModelSpec: TypeAlias = BuiltinSpec | DiffusionSpec


@cache
def _adapter() -> TypeAdapter[ModelSpec]:
    return TypeAdapter(Annotated[ModelSpec, Field(discriminator="kind")])


def spec_from_json(body: object, path: object = None) -> ModelSpec:
    """Read a parsed model.json; raises ModelSpecInvalid with every problem, naming ``path``."""
    problems: list[str] = []
    if isinstance(body, Mapping):
        version = body.get("format", ...)
        if version is ...:
            problems.append("missing key format")
        elif version != FORMAT or type(version) is not int:
            problems.append(
                f"format {version!r} is not known; this version of SVFR Studio reads format {FORMAT}"
            )
        body = {name: value for name, value in body.items() if name != "format"}
    try:
        spec = read_strictly(_adapter(), body)
    except ValidationError as error:
        raise ModelSpecInvalid(problems + sentences_of(error, body), path=path) from error
    if isinstance(spec, DiffusionSpec):
        problems += _contradictions(spec)
    if problems:
        raise ModelSpecInvalid(problems, path=path)
    return spec


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema of model.json, for editors."""
    schema = _adapter().json_schema()
    for kind in (BuiltinSpec, DiffusionSpec):
        entry = schema["$defs"][kind.__name__]
        entry["properties"] = {"format": {"const": FORMAT}, **entry["properties"]}
        entry["required"] = ["format", *entry["required"]]
    return {"$schema": SCHEMA_DIALECT, "title": "model.json", **schema}


def _contradictions(spec: DiffusionSpec) -> list[str]:
    """Return what cannot be true together in a document that is well formed."""
    unet, channels = spec.unet, spec.latent_channels
    channels_in = 3 * channels + spec.hole_plane
    claims = [
        (
            unet.get("in_channels") == channels_in,
            f"unet.in_channels must be {channels_in}: 3 x latent_channels, and one for hole_plane",
        ),
        (not spec.hole_plane or spec.codec.kind == "linear_patch", "hole_plane needs the codec linear_patch"),
        (spec.hole is None or spec.hole_plane, "hole needs hole_plane, which says where the hole is"),
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
        ((spec.shortest_window or 1) <= spec.window, "shortest_window must not be larger than window"),
        (
            _largest_tensor(spec, spec.crop_px) <= MOST_ELEMENTS,
            f"window {spec.window} and crop_px {spec.crop_px} are too large: {_UNCOUNTABLE}",
        ),
        (spec.schedule.sigma_min < spec.schedule.sigma_max, "schedule.sigma_min must be below sigma_max"),
        (
            not spec.detail or spec.crop_px % spec.detail.sizes.side_multiple == 0,
            "crop_px must be a multiple of 4 px times 2 for each further level of detail",
        ),
        (spec.crop_px % spec.codec.factor == 0, f"crop_px must be a multiple of {spec.codec.factor}"),
        (spec.codec.channels == channels, "codec must have latent_channels channels"),
    ]
    for name, preset in spec.presets.items():
        claims += [
            (_sigmas_fit(preset), f"presets.{name}.sigmas must be one falling, positive value a step"),
            (
                preset.sigma_start is None or preset.sigmas is None,
                f"presets.{name}.sigma_start has no use beside sigmas, whose first value is where it starts",
            ),
            (
                spec.schedule.sigma_min < (preset.sigma_start or math.inf)
                and (preset.sigma_start or 0.0) <= spec.schedule.sigma_max,
                f"presets.{name}.sigma_start must be above schedule.sigma_min and not above sigma_max",
            ),
            (
                preset.guidance_every == 1 or preset.guidance != 1.0,
                f"presets.{name}.guidance_every needs a guidance other than 1, which has one branch",
            ),
            (
                preset.guidance_every <= preset.steps,
                f"presets.{name}.guidance_every must not be larger than steps",
            ),
            (
                preset.deep_every <= max(preset.steps, preset.reference_steps),
                f"presets.{name}.deep_every must not be larger than steps and reference_steps",
            ),
            (
                (preset.largest_crop_px or spec.crop_px) >= spec.crop_px,
                f"presets.{name}.largest_crop_px must not be below crop_px",
            ),
            (
                _largest_tensor(spec, preset.largest_crop_px or 0) <= MOST_ELEMENTS,
                f"presets.{name}.largest_crop_px is too large: {_UNCOUNTABLE}",
            ),
        ]
    return [message for holds, message in claims if not holds]


def _largest_tensor(spec: DiffusionSpec, crop_px: int) -> int:
    """Return the elements of the UNet's largest tensor: the widened half of its topmost feed-forward layers.

    The picture decoder needs no such claim: it cuts its windows (``svfr.nets.decode_in_chunks``).
    """
    widths = _widths(spec.unet)
    return spec.window * (crop_px // spec.codec.factor) ** 2 * _WIDENING * widths[0] if widths else 0


def _widths(unet: Mapping[str, Any]) -> Sequence[int]:
    """Return the UNet's widths; none where it is described wrongly, which building the network finds."""
    widths = unet.get("block_out_channels")
    if isinstance(widths, list | tuple) and widths and isinstance(widths[0], int):
        return widths
    return ()


def _is_three_times(unet: Mapping[str, Any], large: str, small: str) -> bool:
    value = unet.get(small)
    return isinstance(value, int) and unet.get(large) == 3 * value


def _sigmas_fit(preset: Preset) -> bool:
    sigmas = preset.sigmas
    if sigmas is None:
        return True
    falling = all(a > b for a, b in pairwise(sigmas))
    return falling and len(sigmas) == preset.steps == preset.reference_steps
