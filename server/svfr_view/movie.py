"""The movie of a result, beside its EXRs: for playing, and as the picture of a strip in an editor.

It shows the result and nothing else: no view, no grade. What is SDR video keeps its very code values and says
what they are; everything else, scene-linear, log or HDR, becomes sRGB, clipped at white, which is told. The
EXRs are only read.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

from svfr.arrays import Float32
from svfr_client.errors import OutputEqualsPlate, OutputExists
from svfr_client.files import is_one_of
from svfr_client.frames import FrameRange
from svfr_client.sizes import size_text
from svfr_ocio.domain import ModelDomain
from svfr_restore.errors import DiskSpaceIsShort, FrameSizeDiffers
from svfr_restore.media.colour_claims import SDR_MOVIE_CODES
from svfr_restore.media.movie_writer import FORMS, MovieForm, MovieLabels, MovieWriter, is_own_movie
from svfr_restore.media.plate import Plate
from svfr_restore.media.timecode import Timecode
from svfr_view.errors import MovieFormUnknown, NothingToView
from svfr_view.pictures import over_window

_USUAL_RATE = Fraction(24)
_MOST_RATE = 1000
# Bytes per pixel of a frame, generously; what a movie really needs depends on its noise.
_BYTES_PER_PIXEL = {".mp4": 0.5, ".mov": 2.0, ".mkv": 6.0}
# A hole in the numbers holds the picture before it; a stray frame far away must not fill the disk.
_MOST_HELD = 10_000


@dataclass(frozen=True, kw_only=True)
class ResultMovie:
    """What is written: the frames ``first`` to ``last``, each file of ``frames`` held until the next."""

    path: Path
    form: MovieForm
    frames: tuple[int, ...]
    rate: Fraction
    labels: MovieLabels
    keeps_codes: bool
    notes: tuple[str, ...]

    @property
    def count(self) -> int:
        """Return how many pictures the movie has."""
        return self.frames[-1] - self.frames[0] + 1


def plan_movie(
    path: Path,
    result: Plate,
    domain: ModelDomain,
    frames: Sequence[int] | None = None,
    *,
    rate: Fraction | None = None,
    overwrites: bool = False,
    inputs: Sequence[Path] = (),
) -> ResultMovie:
    """Decide all about a movie before anything is written.

    ``frames`` are those wanted, None for all; ``rate`` is taken where the frames state none; ``inputs`` are
    files that the result was made of, as far as they are known. Raises MovieFormUnknown, NothingToView,
    OutputExists, OutputEqualsPlate and DiskSpaceIsShort.
    """
    ending = path.suffix.lower()
    if ending not in FORMS:
        raise MovieFormUnknown(
            f'"{path.suffix}" is no ending of a movie that can be written.',
            path=path,
            remedy="End the name in .mov (ProRes), .mp4 (H.264) or .mkv (FFV1, lossless).",
        )
    chosen = tuple(sorted(result.frames if frames is None else set(result.frames) & set(frames)))
    if not chosen:
        raise NothingToView(
            "The result has none of these frames.", path=result.pattern, remedy="Check path and range."
        )
    require_no_input(path, [*(result.path(frame) for frame in result.frames), *inputs])
    require_free_name(path, overwrites=overwrites)
    _require_space(path, ending, result, chosen)
    stated_rate, start = _stated(result.path(chosen[0]))
    codes = SDR_MOVIE_CODES.get(domain.space.interop_id or "")
    labels = MovieLabels(
        timecode="" if start is None else str(start),
        pixel_aspect=Fraction(result.pixel_aspect).limit_denominator(1000),
    )
    if codes is not None:
        labels = replace(labels, primaries=codes[0], transfer=codes[1])
    keeps_codes = codes is not None or domain.is_passthrough
    used = result.fps or stated_rate or rate
    return ResultMovie(
        path=path,
        form=FORMS[ending],
        frames=chosen,
        rate=used or _USUAL_RATE,
        labels=labels,
        keeps_codes=keeps_codes,
        notes=tuple(_notes(result, chosen, FORMS[ending], used, keeps_codes)),
    )


def write_result_movie(
    movie: ResultMovie,
    result: Plate,
    domain: ModelDomain,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write a movie whole or not at all, one picture in memory at a time.

    Raises what reading a plate raises, and FileCannotBeWritten.
    """
    with MovieWriter(movie.path, movie.rate, form=movie.form, labels=movie.labels) as writer:
        shown: int | None = None
        for done, frame in enumerate(range(movie.frames[0], movie.frames[-1] + 1), 1):
            there = movie.frames[bisect_right(movie.frames, frame) - 1]
            if there != shown:
                picture, shown = _codes(result, domain, there, movie.keeps_codes), there
            writer.write(picture)
            progress(done, movie.count)


def _codes(result: Plate, domain: ModelDomain, frame: int, keeps_codes: bool) -> Float32:
    picture = result.read(frame)
    here, first = picture.display_window, result.display
    if (here.width, here.height) != (first.width, first.height):
        raise FrameSizeDiffers(
            f"It has {here.width} x {here.height} pixels, the first frame {first.width} x {first.height}.",
            frame=frame,
            path=result.path(frame),
            remedy="Make a movie of frames of one size, with --frames.",
        )
    laid = over_window(picture.display_window, picture.data_window, picture.rgb)
    return laid if keeps_codes else domain.to_codes(laid)


def require_no_input(path: Path, inputs: Sequence[Path]) -> None:
    """Raise OutputEqualsPlate for a movie that would replace a file it is made of, or its job reads."""
    if is_one_of(path, inputs):
        text = "The movie would replace a file that it is made from."
        raise OutputEqualsPlate(text, path=path, remedy="Choose another name for the movie.")


def require_free_name(path: Path, *, overwrites: bool) -> None:
    """Raise OutputExists for a name that is taken: by a movie of ours unless it may be replaced."""
    if not path.exists():
        return
    if not is_own_movie(path):
        raise OutputExists(
            "A file of that name is already there, and no movie that SVFR Studio wrote.",
            path=path,
            remedy="Choose another name for the movie, or move that file away.",
        )
    if not overwrites:
        raise OutputExists(
            "The movie is already there.",
            path=path,
            remedy="Give --overwrite (`svfr restore`: --existing overwrite), or another name.",
        )


def _require_space(path: Path, ending: str, result: Plate, frames: Sequence[int]) -> None:
    count = frames[-1] - frames[0] + 1
    if count - len(frames) > _MOST_HELD:
        raise NothingToView(
            f"{count - len(frames)} frames between {frames[0]} and {frames[-1]} are not there.",
            path=result.pattern,
            remedy="Choose frames that lie together with --frames.",
        )
    needed = count * result.display.width * result.display.height * _BYTES_PER_PIXEL[ending]
    folder = path.absolute().parent
    free = shutil.disk_usage(folder).free if folder.is_dir() else needed
    if needed > free:
        raise DiskSpaceIsShort(
            f"The movie needs up to {size_text(needed)}; {size_text(free)} are free.",
            path=path,
            remedy="Free space, or choose another disk.",
        )


def _stated(path: Path) -> tuple[Fraction | None, Timecode | None]:
    """Return the rate and the time code that a file states."""
    picture = oiio.ImageInput.open(str(path))
    if picture is None:
        oiio.geterror()  # taken, or the library prints it at the program's end
        return None, None
    spec = picture.spec()
    picture.close()
    rate = spec.getattribute("FramesPerSecond")
    if isinstance(rate, tuple):
        rate = Fraction(int(rate[0]), int(rate[1])) if rate[1] else None
    if rate is not None and not 0 < rate <= _MOST_RATE:
        rate = None
    exact = None if rate is None else Fraction(rate).limit_denominator(1001)
    packed = spec.getattribute("smpte:TimeCode")  # as text it would lose its drop-frame flag
    return exact, Timecode.of_bits(int(packed[0]), exact) if isinstance(packed, tuple) else None


def _notes(
    result: Plate, frames: Sequence[int], form: MovieForm, rate: Fraction | None, keeps_codes: bool
) -> list[str]:
    notes = []
    if rate is None:
        notes.append("The frames state no rate: 24 a second is taken; --fps names another.")
    holes = sorted(set(range(frames[0], frames[-1] + 1)) - set(frames))
    if holes:
        notes.append(f"Frames {FrameRange.of(holes)} are not there: the movie holds the one before.")
    if not keeps_codes:
        notes.append("The movie is sRGB, clipped at white; the frames keep what is brighter.")
    height, width = result.display.shape
    if width % form.multiples[0] or height % form.multiples[1]:
        notes.append(f"The movie needs even sides: an edge of the {width} x {height} pixels is repeated.")
    if result.read(frames[0]).alpha is not None:
        notes.append("The movie leaves out the frames' alpha.")
    return notes
