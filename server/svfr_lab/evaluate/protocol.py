"""What is compared, and how: a TOML file in which every choice names its source.

Protocols that come with the package are called by name (``plates``, the default, and ``vfhq-test``); a file
of the same form by its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, TypeAdapter, ValidationError

from svfr.validation import PositiveInt, Strict, read_strictly, read_toml, sentences_of
from svfr_client.reasons import reason_of
from svfr_lab.metrics.errors import ProtocolIsInvalid

DEFAULT = "plates"

Metric = Literal["psnr_db", "ssim", "lpips", "ids", "vidd", "fvd", "landmark_drift"]
ResizeFilter = Literal["area", "lanczos4"]
FaceRegion = Literal["largest", "frame"]
METRICS: tuple[str, ...] = get_args(Metric)

_REMEDY = "Copy one of the package's protocols and change its values."
_FOLDER = Path(__file__).parent / "data"

_Side = Annotated[int, Field(ge=1, le=16384)]
_Text = Annotated[str, Field(pattern=r"\S")]


@dataclass(frozen=True, kw_only=True)
class _Sourced(Strict):
    """A section; ``source`` says where its values come from."""

    source: _Text


@dataclass(frozen=True)
class _Clips(_Sourced):
    count: PositiveInt


@dataclass(frozen=True)
class _Frames(_Sourced):
    first: Literal["all"] | PositiveInt


@dataclass(frozen=True)
class _Picture(_Sourced):
    size: Literal["as it is"] | tuple[_Side, _Side]
    filter: ResizeFilter = "area"


@dataclass(frozen=True)
class _Face(_Sourced):
    region: FaceRegion


@dataclass(frozen=True)
class _Fvd(_Sourced):
    clip_frames: PositiveInt
    stride_frames: PositiveInt


@dataclass(frozen=True)
class _Metrics(_Sourced):
    names: Annotated[tuple[Metric, ...], Field(min_length=1)]


@dataclass(frozen=True)
class _File(Strict):
    title: str
    about: str
    frames: _Frames
    picture: _Picture
    face: _Face
    fvd: _Fvd
    metrics: _Metrics
    clips: _Clips | None = None


_READER = TypeAdapter(_File)
_SECTIONS = ("clips", "frames", "picture", "face", "fvd", "metrics")


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to compare.

    ``clip_count`` is how many clips the set has (None: any), ``first_frames`` how many frames of each are
    compared (None: all), ``size_px`` (width, height) to which both sides are brought first (None: as they
    are) with ``resize_filter``. ``sources`` says for every section where its values come from.
    """

    name: str
    title: str
    about: str
    clip_count: int | None
    first_frames: int | None
    size_px: tuple[int, int] | None
    resize_filter: ResizeFilter
    face_region: FaceRegion
    fvd_clip_frames: int
    fvd_stride_frames: int
    metrics: tuple[str, ...]
    sources: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, sources and all."""
        size = None if self.size_px is None else list(self.size_px)
        return {**asdict(self), "size_px": size, "metrics": list(self.metrics)}


def protocol_names() -> list[str]:
    """Return the names of the protocols that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def read_protocol(name_or_path: str) -> Protocol:
    """Return a protocol by name or path; raises ProtocolIsInvalid, which lists everything wrong with it."""
    is_path = name_or_path.endswith(".toml")
    path = Path(name_or_path) if is_path else _FOLDER / f"{name_or_path}.toml"
    if not path.is_file() or (not is_path and name_or_path not in protocol_names()):
        raise ProtocolIsInvalid(
            f'There is no protocol "{name_or_path}".',
            path=path if is_path else None,
            remedy=f"Use {', '.join(protocol_names())}, or the path of a .toml file.",
        )
    try:
        body = read_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProtocolIsInvalid(
            f"The protocol cannot be read: {reason_of(error)}.", path=path, remedy=_REMEDY
        ) from error
    try:
        return _protocol(path.stem, read_strictly(_READER, body))
    except ValidationError as error:
        raise ProtocolIsInvalid(
            f"The protocol is not valid: {'; '.join(sentences_of(error, body))}.",
            path=path,
            remedy=_REMEDY,
        ) from error


def _protocol(name: str, file: _File) -> Protocol:
    sections = {section: getattr(file, section) for section in _SECTIONS}
    return Protocol(
        name=name,
        title=file.title,
        about=file.about,
        clip_count=None if file.clips is None else file.clips.count,
        first_frames=None if file.frames.first == "all" else file.frames.first,
        size_px=None if file.picture.size == "as it is" else file.picture.size,
        resize_filter=file.picture.filter,
        face_region=file.face.region,
        fvd_clip_frames=file.fvd.clip_frames,
        fvd_stride_frames=file.fvd.stride_frames,
        metrics=file.metrics.names,
        sources={name: section.source for name, section in sections.items() if section is not None},
    )
