"""Which files of this machine a job reads, and what they are called in a set on the server.

A set is a flat folder. Every file gets the name of its part in the job: ``mask.1001.png``, ``photo0.jpg``;
the plate's has as much of the artist's own as a set takes, for lists of jobs: ``plate_sh010_v2.1001.exr``.
The job is then rewritten to these names.
"""

import re
import tempfile
from bisect import bisect_left
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..files import is_file
from ..frames import BRIDGED_GAP_FRAMES, FrameRange
from ..job import JobSpec
from ..sequences import PathPattern, frame_number_in_name, is_sequence, number_ends_name
from .ocio_pack import ARCHIVE_NAME, luts_of, pack

_PLATE, _MASK, _TRACKS, _CONFIG = "plate", "mask", "tracks", "config"
_PART_CHARACTERS = 32


class LocalFile(NamedTuple):
    """A file of this machine, and its name in the set."""

    path: Path
    name: str


@dataclass(frozen=True)
class JobFiles:
    """What a job reads here. ``names``: for each path that the job names, the name or pattern in the set."""

    files: Tuple[LocalFile, ...]
    names: Dict[str, str]

    @property
    def plate(self) -> Tuple[LocalFile, ...]:
        """The files of the plate."""
        return tuple(file for file in self.files if file.name.startswith(_PLATE))

    def rewritten(self, spec: JobSpec, folder: str, other: Callable[[str], str]) -> JobSpec:
        """Return the job with these files in the server's ``folder``, which ends in a separator.

        ``other`` gives the server's name of a path that this machine does not have.
        """

        def there(path: str) -> str:
            return folder + self.names[path] if path in self.names else other(path)

        references = tuple(
            replace(item, photo=there(item.photo)) if item.photo else item for item in spec.references
        )
        faces = replace(spec.faces, photos=tuple(map(there, spec.faces.photos)))
        config = spec.colour.config
        return replace(
            spec,
            plate=there(spec.plate),
            mask_path=there(spec.mask_path) if spec.mask_path else None,
            crop_tracks=there(spec.crop_tracks) if spec.crop_tracks else None,
            references=references,
            faces=faces,
            model=other(spec.model) if is_model_folder(spec.model) else spec.model,
            colour=replace(
                spec.colour, config=there(config) if config and is_config_file(config) else config
            ),
        )


def files_of(spec: JobSpec) -> JobFiles:
    """Return the files that the job reads and this machine has; those it lacks stay paths.

    Of a sequence only what the job looks at: its frames, context, handles, references, and the neighbours of
    frames that are missing.
    """
    found = JobFiles((), {})
    for path, part in _named(spec):
        own = _sequence(path, part, spec) if is_sequence(path) else _single(path, part)
        if own:
            pattern = _pattern(path, part) if is_sequence(path) else own[0].name
            found = JobFiles((*found.files, *own), {**found.names, path: pattern})
    return found


def named_paths(spec: JobSpec) -> List[str]:
    """Return every path that the job reads."""
    return [path for path, _ in _named(spec)]


def frames_needed(spec: JobSpec, available: Sequence[int]) -> Tuple[int, ...]:
    """Return those of a plate's ``available`` frames (ascending) that the job may look at."""
    asked = FrameRange.parse(spec.frames).frames
    context = () if spec.context is None else FrameRange.parse(spec.context).frames
    wanted = FrameRange.of((*asked, *context))
    needed = {reference.frame for reference in spec.references if reference.frame is not None}
    needed.update(range(wanted.first - spec.handles, wanted.first))
    needed.update(wanted.frames)
    needed.update(range(wanted.last + 1, wanted.last + 1 + spec.handles))
    last = wanted.first
    for first, run_last in wanted.runs():
        if first - last - 1 <= BRIDGED_GAP_FRAMES:
            needed.update(range(last + 1, first))
        last = run_last
    present = set(available)
    for frame in sorted(needed - present):
        place = bisect_left(available, frame)
        needed.update(available[max(0, place - 1) : place + 1])
    return tuple(sorted(needed & present))


def is_config_file(config: Optional[str]) -> bool:
    """Return whether a job's OCIO config is a file, and not one of those that OCIO carries."""
    return bool(config) and not str(config).startswith("ocio://")


def is_model_folder(model: str) -> bool:
    """Return whether a job's model is a folder, and not a name."""
    return "/" in model or "\\" in model


@contextmanager
def with_luts(files: JobFiles, spec: JobSpec) -> Iterator[JobFiles]:
    """Give the files with the OCIO config and its LUTs as one archive, which is gone afterwards.

    Raises as :func:`~svfr_client.transfer.ocio_pack.luts_of` and ``pack``.
    """
    config = spec.colour.config
    luts = luts_of(Path(config), spec.colour.context) if config and config in files.names else {}
    if not config or not luts:
        yield files
        return
    with tempfile.TemporaryDirectory(prefix="svfr_config_") as folder:
        archive = Path(folder) / ARCHIVE_NAME
        pack(Path(config), luts, archive)
        others = tuple(file for file in files.files if file.name != files.names[config])
        packed = LocalFile(archive, ARCHIVE_NAME)
        yield JobFiles((*others, packed), {**files.names, config: packed.name})


def _named(spec: JobSpec) -> Iterator[Tuple[str, str]]:
    """Yield every path that the job reads, with its part in the job; a photo that serves twice comes once."""
    yield spec.plate, _plate_part(spec.plate)
    if spec.mask_path:
        yield spec.mask_path, _MASK
    if spec.crop_tracks:
        yield spec.crop_tracks, _TRACKS
    config = spec.colour.config
    if config and is_config_file(config):
        yield config, _CONFIG
    of_references = [reference.photo for reference in spec.references if reference.photo]
    for number, photo in enumerate(dict.fromkeys([*of_references, *spec.faces.photos])):
        yield photo, f"photo{number}"


def _plate_part(path: str) -> str:
    """Return the plate's part with the artist's own name, in the letters that a file of a set may have."""
    stem = re.split(r"[%#]", PurePath(path).name.rpartition(".")[0])[0]
    if not is_sequence(path) and number_ends_name(Path(path)):
        stem = re.sub(r"-?\d+\Z", "", stem)  # its frame, which follows the part
    own = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    part = f"{_PLATE}_{own}"[:_PART_CHARACTERS].rstrip("_")
    # A number that became the end would be taken for the frame.
    return re.sub(r"_\d+\Z", "", part) if number_ends_name(PurePath(f"{part}.x")) else part


def _sequence(path: str, part: str, spec: JobSpec) -> List[LocalFile]:
    pattern = PathPattern.parse(path)
    frames = frames_needed(spec, pattern.frames())
    names = PathPattern.parse(_pattern(path, part))
    return [LocalFile(pattern.path(frame), names.path(frame).name) for frame in frames]


def _single(path: str, part: str) -> List[LocalFile]:
    file = Path(path)
    if not is_file(file):
        return []
    # The number that ends a picture's name is its frame, so it must end the new name too.
    number = f".{frame_number_in_name(file)}" if number_ends_name(file) else ""
    return [LocalFile(file, f"{part}{number}{file.suffix.lower()}")]


def _pattern(path: str, part: str) -> str:
    return f"{part}.%04d{PurePath(path).suffix.lower()}"
