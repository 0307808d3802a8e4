"""A job as a host builds it: which plate and frames, which tasks and faces, which colour, where results go.

Every class is a frozen dataclass of the standard library, so that a host with nothing but Python 3.9 can
build one; the server validates the same classes with pydantic. Fields and defaults are part of the protocol:
adding an optional field is a minor version of it, renaming or removing one is a major version.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Dict, Mapping, Optional, Tuple

from .masks import SplineMask
from .records import Record, from_plain, sha256_of, to_plain
from .vocabulary import ExistingPolicy, FaceMode, Layer, MissingPolicy, Sampler, Task


@dataclass(frozen=True)
class Box(Record):
    """A rectangle in EXR pixel space: x right, y down, pixel (i, j) covers [i, i+1) x [j, j+1)."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class FacePoint(Record):
    """A place in one frame of the plate: x right, y down in EXR pixel space."""

    x: float
    y: float
    frame: int


_FACES_ADDED_LATER = ("ids", "points", "photos")


@dataclass(frozen=True)
class FaceChoice(Record):
    """Which faces a job restores.

    ``mode``: "largest" face of each shot, "all" faces, the tracks with the given "index" numbers or "id"
    names (as ``svfr faces`` shows them), those at the given "point" places, the people of the given "photo"
    files in every shot, the given "box" rectangles, the bounds of the "mask", or the whole "frame".
    """

    mode: FaceMode = "largest"
    indices: Tuple[int, ...] = ()
    boxes: Tuple[Box, ...] = ()
    ids: Tuple[str, ...] = ()
    points: Tuple[FacePoint, ...] = ()
    photos: Tuple[str, ...] = ()

    def to_json(self) -> Dict[str, Any]:
        """Return the choice as plain JSON values, without what was added later and says nothing."""
        plain: Dict[str, Any] = to_plain(self)
        return {name: value for name, value in plain.items() if value or name not in _FACES_ADDED_LATER}


@dataclass(frozen=True)
class Reference(Record):
    """The user's own reference in place of pass 1: a plate ``frame`` or a ``photo``, exactly one of them.

    ``track`` is the face track it is for; None means every track.
    """

    track: Optional[int] = None
    frame: Optional[int] = None
    photo: Optional[str] = None


@dataclass(frozen=True)
class ColourClaim(Record):
    """What the sender says the plate's colour is; the service checks it and refuses a mismatch.

    ``space``: name, alias or interop id in the config; None: what the file itself says. ``config``: path or
    ``ocio://`` URI; None: the built-in studio config. ``config_sha256``: hash of the config's raw bytes.
    ``probe``: numbers in and out computed by the host's own OCIO, which decide. ``exposure_stops``: gain
    into the model domain; None chooses it from the plate. ``context``: values of the config's context
    variables, such as a shot's camera; the service's own environment never counts. ``reference_space``: what
    the reference of a config is that does not say so itself (no ``aces_interchange`` role), a name or
    interop id of the built-in studio config.
    """

    space: Optional[str] = None
    config: Optional[str] = None
    interop_id: Optional[str] = None
    config_sha256: Optional[str] = None
    probe: Optional[Mapping[str, Any]] = None
    exposure_stops: Optional[float] = None
    context: Mapping[str, str] = field(default_factory=dict)
    reference_space: Optional[str] = None


_ADDED_LATER = ("detail", "plate_layer", "plate_part", "plate_view", "mask_channel", "spread_seeds")

DEFAULT_SPREAD_SEEDS = 4
"""Of so many seeds the layer "spread" is taken unless the job says another number."""
_COLOUR_ADDED_LATER = ("context", "reference_space")


@dataclass(frozen=True)
class JobSpec(Record):
    """One job: everything that decides its pixels, and where they go.

    ``plate``: sequence pattern (``%04d`` or ``####``), still or movie. ``frames``: see ``frames.py``.
    ``tasks``: a set, see ``vocabulary.py``. ``preset``: one of the model's. ``output``: pattern of the
    written frames.
    ``feather``: fraction of the crop's side, 0 to 0.5. ``crop_tracks``: path of an edited crop-track JSON.
    ``plate_layer``, ``plate_part``, ``plate_view``: which picture of a multi-layer EXR is restored; None: the
    plain RGB, or the only one there is. ``mask_channel``: the channel of ``mask_path`` that is the mask.
    ``context``: frames that are looked at and restored with ``frames`` but not written; None: only handles.
    ``detail``: how much fine texture the model adds, from 0, the safest, to 1; None: what the preset says.
    ``spread_seeds``: how many seeds the layer "spread" is taken of, ``seed`` and those after it; None:
    DEFAULT_SPREAD_SEEDS.
    """

    plate: str
    frames: str
    tasks: Tuple[Task, ...]
    output: str
    mask_path: Optional[str] = None
    mask_splines: Optional[SplineMask] = None
    faces: FaceChoice = field(default_factory=FaceChoice)
    references: Tuple[Reference, ...] = ()
    colour: ColourClaim = field(default_factory=ColourClaim)
    model: str = "mini"
    preset: str = "standard"
    seed: int = 77
    sampler: Sampler = "studio"
    missing: MissingPolicy = "error"
    existing: ExistingPolicy = "error"
    handles: int = 0
    write_handles: bool = False
    layers: Tuple[Layer, ...] = ("delta", "matte")
    feather: float = 0.08
    crop_tracks: Optional[str] = None
    priority: int = 0
    context: Optional[str] = None
    detail: Optional[float] = None
    plate_layer: Optional[str] = None
    plate_part: Optional[str] = None
    plate_view: Optional[str] = None
    mask_channel: Optional[str] = None
    spread_seeds: Optional[int] = None

    @property
    def further_seeds(self) -> Tuple[int, ...]:
        """The seeds beside :attr:`seed` that every face is restored with, for the layer "spread"."""
        if "spread" not in self.layers:
            return ()
        count = DEFAULT_SPREAD_SEEDS if self.spread_seeds is None else self.spread_seeds
        return tuple(self.seed + more for more in range(1, count))

    def to_json(self) -> Dict[str, Any]:
        """Return the job as plain JSON values.

        What was added to the protocol later is left out while it says nothing: a server that does not know
        it takes the job too.
        """
        plain: Dict[str, Any] = to_plain(self)
        for name in _ADDED_LATER:
            if plain[name] is None:
                del plain[name]
        for name in _COLOUR_ADDED_LATER:
            if not plain["colour"][name]:
                del plain["colour"][name]
        return plain

    @classmethod
    def from_json(cls, data: Any) -> "JobSpec":
        """Read a job; raises :class:`~svfr_client.records.BadRecord` naming every bad key together."""
        return from_plain(cls, data, "job")

    def content_key(self) -> str:
        """Return the SHA-256 of the job's canonical JSON, the same whatever order its sets are given in."""
        return sha256_of(self.in_order().to_json())

    def pixels_key(self) -> str:
        """Return the SHA-256 of what decides a frame's pixels, whatever is written where, and when.

        A job that goes on after a crash, and one that does some frames again, give the same files.
        """
        seen = self.frames if self.context is None else self.context
        same = replace(self, frames=seen, context=None, output="", write_handles=False, priority=0)
        return sha256_of(dict(same.in_order().to_json(), existing=""))

    def in_order(self) -> "JobSpec":
        """Return the job with its sets in the order of the alphabet."""
        return replace(self, tasks=tuple(sorted(self.tasks)), layers=tuple(sorted(self.layers)))
