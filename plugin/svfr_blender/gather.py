# SPDX-License-Identifier: GPL-3.0-or-later
"""From a strip and the panel to a job: everything that is read of Blender before the server is asked."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from .colour import colour_claim
from .errors import SettingIsWrong
from .mask_reader import MaskReading, chosen_mask
from .sources import Source, check_strip, read_source
from .svfr_client.errors import raise_problems
from .svfr_client.face_words import read_face_choice
from .svfr_client.hosting.faces import FacesWish
from .svfr_client.job import Box, FaceChoice, JobSpec, Reference
from .svfr_client.job_checks import job_problems
from .svfr_client.sequences import plate_name
from .svfr_client.vocabulary import LAYERS, MissingPolicy
from .tags import tag_source

_VERSION = re.compile(r"_v001\Z")
_UNFIT_FOR_NAMES = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class HostEnvironment:
    """What all strips share: how paths and movies are looked up, where Blender's colours come from.

    ``has_detail``: what is known of a model by its name; what it cannot do is not asked of it.
    """

    abspath: Callable[[str], str]
    movie_frames: Callable[[Any], int]
    config: Path | None
    is_remote: bool
    has_detail: Callable[[str], bool] = lambda model: True


@dataclass(frozen=True)
class Gathered:
    """A job and the tag of the strip that it is for.

    ``mask``: what is still being read of its mask; ``spec`` then holds the shapes of the first frames.
    """

    spec: JobSpec
    source: str
    title: str
    mask: MaskReading | None = None
    stage: ClassVar[str] = "reading the mask"

    @property
    def is_whole(self) -> bool:
        """Return whether nothing must be read of Blender any more."""
        return self.mask is None or self.mask.is_whole

    @property
    def fraction(self) -> float:
        """Return how much of the mask is read, 0 to 1."""
        return 1.0 if self.mask is None else self.mask.fraction

    def read_on(self) -> bool:
        """Read a slice of the mask; return whether all is read. Raises as :class:`MaskReading`."""
        return self.mask is None or self.mask.read_on()

    def with_layers(self, layers: Collection[str], spread_seeds: int) -> Gathered:
        """Return the same job with extra layers, and a folder of its own for its frames.

        Strips do not show such files: up to Blender 5.0 they would be black or in the wrong colour space.
        """
        words = tuple(layer for layer in LAYERS if layer in layers)
        seeds = spread_seeds if "spread" in words else None
        output = layers_pattern(self.spec.output)
        spec = replace(self.spec, layers=words, spread_seeds=seeds, output=output)
        raise_problems(job_problems(spec))
        return replace(self, spec=spec, title=f"{self.title}, layers")

    def request(self) -> JobSpec:
        """Return the job with all shapes of its mask, once they are read; for any thread."""
        return self.spec if self.mask is None else replace(self.spec, mask_splines=self.mask.mask())


def gather(strip: Any, scene: Any, others: Any, settings: Any, environment: HostEnvironment) -> Gathered:
    """Return the job for one strip; tags the strip. Raises everything that is wrong as SvfrErrors.

    A long mask is only begun.
    """
    check_strip(strip, others, environment.movie_frames)
    source = read_source(strip, environment.abspath, settings.handles)
    mask = _mask(strip, scene, settings, source)
    if mask is not None:
        mask.read_on()
    spec = JobSpec(
        plate=source.plate,
        frames=str(source.frames),
        tasks=tuple(sorted(settings.tasks)),
        output=output_pattern(source, environment.abspath(settings.output) if settings.output else ""),
        mask_splines=None if mask is None else mask.begun(),
        faces=_faces(settings),
        references=_references(settings, source, environment.abspath),
        colour=colour_claim(
            strip, environment.config, environment.is_remote, _exposure(settings), settings.ocio_context
        ),
        model=settings.model.strip(),
        preset=settings.preset,
        seed=settings.seed,
        detail=_detail(settings, environment),
        missing=_missing(source),
        existing="version_up",
        layers=(),  # see with_layers
    )
    raise_problems(job_problems(spec))
    title = f"{strip.name} {source.first}-{source.end - 1}"
    return Gathered(spec, tag_source(strip, others), title, mask)


def faces_wish(strip: Any, others: Any, environment: HostEnvironment) -> tuple[FacesWish, Source]:
    """Return what the faces of a strip are found by, and its files. Raises as :func:`gather`."""
    check_strip(strip, others, environment.movie_frames)
    source = read_source(strip, environment.abspath)
    wish = FacesWish(
        plate=source.plate,
        frames=str(source.frames),
        space=strip.colorspace_settings.name,
        config="" if environment.config is None else str(environment.config),
        missing=_missing(source),
    )
    return wish, source


def output_pattern(source: Source, folder: str) -> str:
    """Return where the result goes: a versioned folder of this range, beside the plate unless one is given.

    The service raises the version when frames are there already.
    """
    name = result_name(source.plate)
    parent = Path(folder) if folder else Path(source.plate).parent / f"{name}_svfr"
    frames = source.frames
    return str(parent / f"{name}_{frames.first}-{frames.last}_v001" / f"{name}.%04d.exr")


def layers_pattern(output: str) -> str:
    """Return where the frames with layers go: a folder beside the result's, versioned as that is."""
    path = Path(output)
    name = _VERSION.sub("_layers_v001", path.parent.name)
    return str(path.parent.with_name(name) / path.name)


def result_name(plate: str) -> str:
    """Return the name that the restored files of a plate have, before their frame number."""
    return _UNFIT_FOR_NAMES.sub("_", plate_name(plate)).strip("._-") or "plate"


def new_job_id() -> str:
    """Return a fresh job id."""
    return uuid.uuid4().hex


def _mask(strip: Any, scene: Any, settings: Any, source: Source) -> MaskReading | None:
    size = picture_size(strip)
    use = chosen_mask(settings, strip, scene, size)
    return None if use is None else MaskReading(use, source.timeline)


def picture_size(strip: Any) -> tuple[int, int]:
    """Return width and height of the strip's files, as Blender knows them."""
    element = strip.elements[0]
    return int(element.orig_width), int(element.orig_height)


def _missing(source: Source) -> MissingPolicy:
    """Return what becomes of missing frames: in a movie that dropped some, Blender shows the one before."""
    return "skip" if source.kind == "movie" else "error"


def _detail(settings: Any, environment: HostEnvironment) -> float | None:
    if settings.detail_auto or not environment.has_detail(settings.model):
        return None
    return round(float(settings.detail), 4)


def _exposure(settings: Any) -> float | None:
    return None if settings.exposure_auto else float(settings.exposure_stops)


def _faces(settings: Any) -> FaceChoice:
    if settings.faces == "index":
        try:
            numbers = tuple(int(part) for part in settings.face_numbers.split(","))
        except ValueError:
            raise SettingIsWrong(
                f'"{settings.face_numbers}" is no list of face numbers.', remedy="Write it like 0,2."
            ) from None
        return FaceChoice("index", indices=numbers)
    if settings.faces == "point":
        if not settings.picked_faces.strip():
            raise SettingIsWrong(
                "No face is picked.", remedy="Use Pick Face and click on one in the preview, or Find Faces."
            )
        return read_face_choice(settings.picked_faces.strip())
    if settings.faces == "box":
        x, y, width, height = (float(value) for value in settings.face_box)
        return FaceChoice("box", boxes=(Box(x, y, width, height),))
    return FaceChoice(settings.faces)


def _references(settings: Any, source: Source, abspath: Callable[[str], str]) -> tuple[Reference, ...]:
    if settings.reference == "FRAME":
        return (Reference(frame=source.plate_frame(settings.reference_frame)),)
    if settings.reference == "PHOTO":
        if not settings.reference_photo:
            raise SettingIsWrong(
                "No reference photo is chosen.", remedy="Choose one, or set Reference to Self."
            )
        return (Reference(photo=abspath(settings.reference_photo)),)
    return ()
