"""What is compared, and how: a TOML file in which every choice names its source.

Protocols that come with the package are called by name (``plates``, the default, and ``vfhq-test``); a file
of the same form by its path.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from svfr_lab.metrics.errors import ProtocolIsInvalid

DEFAULT = "plates"
METRICS = ("psnr_db", "ssim", "lpips", "ids", "vidd", "fvd", "landmark_drift")
FILTERS = ("area", "lanczos4")
REGIONS = ("largest", "frame")

_FOLDER = Path(__file__).parent / "data"
_MOST_PX = 16384

_KEYS: Mapping[str, tuple[str, ...]] = {
    "clips": ("count",),
    "frames": ("first",),
    "picture": ("size", "filter"),
    "face": ("region",),
    "fvd": ("clip_frames", "stride_frames"),
    "metrics": ("names",),
}
_OPTIONAL = ("clips",)

ResizeFilter = Literal["area", "lanczos4"]
FaceRegion = Literal["largest", "frame"]


@dataclass(frozen=True)
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
        return {
            **vars(self),
            "size_px": None if self.size_px is None else list(self.size_px),
            "metrics": list(self.metrics),
            "sources": dict(self.sources),
        }


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
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProtocolIsInvalid(f"The protocol cannot be read: {error}.", path=path) from error
    faults = _faults(body)
    if faults:
        raise ProtocolIsInvalid(
            f"The protocol is not valid: {'; '.join(faults)}.",
            path=path,
            remedy="Copy one of the package's protocols and change its values.",
        )
    return _protocol(path.stem, body)


def _protocol(name: str, body: Mapping[str, Any]) -> Protocol:
    size, first = body["picture"]["size"], body["frames"]["first"]
    return Protocol(
        name=name,
        title=body["title"],
        about=body["about"],
        clip_count=body["clips"]["count"] if "clips" in body else None,
        first_frames=None if first == "all" else first,
        size_px=None if isinstance(size, str) else (size[0], size[1]),
        resize_filter=cast(ResizeFilter, body["picture"].get("filter", "area")),
        face_region=cast(FaceRegion, body["face"]["region"]),
        fvd_clip_frames=body["fvd"]["clip_frames"],
        fvd_stride_frames=body["fvd"]["stride_frames"],
        metrics=tuple(body["metrics"]["names"]),
        sources={section: body[section]["source"] for section in _KEYS if section in body},
    )


def _faults(body: Mapping[str, Any]) -> list[str]:
    faults = [f"{key} is no text" for key in ("title", "about") if not isinstance(body.get(key), str)]
    faults += [f"{key} is not known" for key in body if key not in ("title", "about", *_KEYS)]
    for section, keys in _KEYS.items():
        values = body.get(section)
        if values is None and section in _OPTIONAL:
            continue
        if not isinstance(values, Mapping):
            faults.append(f"[{section}] is missing")
            continue
        if not (isinstance(values.get("source"), str) and values["source"].strip()):
            faults.append(f"[{section}] names no source")
        faults += [f"{section}.{key} is not known" for key in values if key not in (*keys, "source")]
        faults += [
            f"{section}.{key}: {what}" for key in keys if (what := _fault(section, key, values.get(key)))
        ]
    return faults


def _fault(section: str, key: str, value: Any) -> str | None:
    """Say what is wrong with one value, None when nothing is."""
    match section, key:
        case "picture", "size":
            sides = value if isinstance(value, list) and len(value) == 2 else []
            right = value == "as it is" or (bool(sides) and all(_is_count(side, _MOST_PX) for side in sides))
            return None if right else '"as it is" or [width, height] in pixels'
        case "picture", "filter":
            return None if value is None or value in FILTERS else f"one of {', '.join(FILTERS)}"
        case "frames", "first":
            return None if value == "all" or _is_count(value) else '"all" or a number of frames'
        case "face", "region":
            return None if value in REGIONS else f"one of {', '.join(REGIONS)}"
        case "metrics", "names":
            known = isinstance(value, list) and bool(value) and all(name in METRICS for name in value)
            return None if known else f"some of {', '.join(METRICS)}"
        case _:
            return None if _is_count(value) else "a whole number above 0"


def _is_count(value: Any, most: int = 1_000_000) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
