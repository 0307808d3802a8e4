# SPDX-License-Identifier: GPL-3.0-or-later
"""The movie of a result: a strip of its own that takes the place of the result's frames, or gives it back.

One of both is shown, the other is muted on a free channel. Whichever is shown keeps the place in the stack
and in effects, and the trims that it was given meanwhile.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

from .compat import end_frame, first_frame, strips_of
from .errors import NoStripIsChosen, StripCannotBeRestored
from .insertion import MOST_CHANNELS, channel_for_result, copy_animation, copy_appearance, users_of
from .jobs import JobRecord
from .modifiers import copy_modifiers
from .sources import content_index, sequence_of
from .svfr_client.frames import FrameRange
from .svfr_client.hosting.program import MovieWish
from .svfr_client.sequences import frame_number_in_name
from .tags import (
    MovieNote,
    lie_together,
    movie_shift,
    movies,
    note_shown,
    noted_movie,
    shows_movie,
    source_of,
    tag_movie,
)

SRGB = "sRGB"


def movie_wish(record: JobRecord, space: str, config: Path | None, rate: Fraction) -> MovieWish:
    """Return what the movie of a job's frames is made of; ``space``: the colour space they are in."""
    files = [Path(path) for _, path in record.paths]
    pattern, _ = sequence_of(str(files[0].parent), [file.name for file in files])
    return MovieWish(
        result=pattern,
        ending=record.movie,
        frames=str(FrameRange.of([frame for frame, _ in record.paths])),
        fps=str(rate),
        space=space,
        config="" if config is None else str(config),
    )


def movie_of(result: Any, every: Iterable[Any]) -> Any:
    """Return the strip with a result's movie, or None."""
    found = movies(every, str(source_of(result)))
    return next((movie for movie in found if lie_together(movie, result)), None)


def shown_of(result: Any, every: Iterable[Any]) -> Any:
    """Return the strip that has the result's place: itself or its movie."""
    movie = movie_of(result, every)
    return movie if movie is not None and shows_movie(movie) else result


def show_movie(scene: Any, result: Any, every: Iterable[Any], abspath: Callable[[str], str]) -> None:
    """Put a result's movie in its place; raises NoStripIsChosen and StripCannotBeRestored."""
    movie = movie_of(result, every)
    if movie is None:
        movie = _insert(scene, result, abspath)
    if not shows_movie(movie):
        _take_place(scene, movie, result, -movie_shift(movie))
        note_shown(movie, True)


def show_frames(scene: Any, result: Any, every: Iterable[Any]) -> None:
    """Put a result in the place of its movie."""
    movie = movie_of(result, every)
    if movie is not None and shows_movie(movie):
        _take_place(scene, result, movie, movie_shift(movie))
        note_shown(movie, False)


def remove_movie(scene: Any, result: Any, every: Iterable[Any]) -> None:
    """Show a result's frames and remove its movie strip: before it gets other frames."""
    movie = movie_of(result, every)
    if movie is not None:
        show_frames(scene, result, every)
        strips_of(_owner(scene, movie)).remove(movie)


def _insert(scene: Any, result: Any, abspath: Callable[[str], str]) -> Any:
    """Add a result's movie on a free channel, muted, frame by frame as the result."""
    noted = noted_movie(result)
    if noted is None:
        raise NoStripIsChosen(
            f'The frames that "{result.name}" shows have no movie.',
            remedy="Choose one in the panel's field Movie and use Redo.",
        )
    first = _first_pictures_element(result, noted)
    path = Path(abspath(result.directory)) / noted.name
    owner = _owner(scene, result)
    start = round(result.frame_start)
    try:
        movie = strips_of(owner).new_movie(
            f"{result.name} Movie", str(path), _empty_channel(owner), start, fit_method="ORIGINAL"
        )
    except RuntimeError:
        movie = None
    count = FrameRange.parse(noted.frames)
    length = count.last - count.first + 1
    if movie is None or movie.frame_duration != length:
        if movie is not None:
            strips_of(owner).remove(movie)
        raise StripCannotBeRestored(
            f'The movie of "{result.name}" cannot be opened, or is not of its {length} frames.',
            path=path,
            remedy="Use Redo, which writes it anew.",
        )
    movie.filepath = result.directory + noted.name
    movie.select, movie.mute = False, True
    copy_appearance(result, movie)
    with contextlib.suppress(TypeError):  # a config without that name: Blender's own choice for movies stays
        movie.colorspace_settings.name = noted.space
    copy_animation(scene, result, movie)
    copy_modifiers(result, movie)
    shift = result.frame_duration - first - length if result.use_reverse_frames else first
    tag_movie(movie, str(source_of(result)), float(shift))
    movie.use_reverse_frames = result.use_reverse_frames
    return movie


def _first_pictures_element(result: Any, noted: MovieNote) -> int:
    """Return the element of the result that is, or would be, the movie's first picture.

    Raises StripCannotBeRestored where the result does not show the movie's pictures one after the other.
    """
    frames = sorted(FrameRange.parse(noted.frames))
    shown = [content_index(result, at) for at in range(first_frame(result), end_frame(result))]
    numbers = {index: frame_number_in_name(Path(result.elements[index].filename)) for index in shown}
    # A frame that a movie lacks is held in both, so that only one that is there says where the first lies.
    first = next(
        (i - (numbers[i] - frames[0]) for i in sorted(numbers) if numbers.get(i - 1) != numbers[i]), 0
    )
    for index, number in numbers.items():
        wanted = index - first + frames[0]
        held = frames[max(0, bisect_right(frames, wanted) - 1)]
        if not frames[0] <= wanted <= frames[-1] or held != number:
            raise StripCannotBeRestored(
                f'"{result.name}" shows frame {number} where its movie has none, or another.',
                remedy="Use Redo for all that it shows, or place the movie by hand.",
            )
    return first


def _take_place(scene: Any, shown: Any, hidden: Any, back: float) -> None:
    """Give one strip the place of the other in time, stack and effects; it begins ``back`` frames earlier."""
    owner = _owner(scene, hidden)
    first, end = first_frame(hidden), end_frame(hidden)
    channel, users, is_muted = hidden.channel, users_of(owner, hidden), hidden.mute
    shown.channel = _empty_channel(owner)  # Blender moves a strip away from what it comes to lie on
    shown.frame_start = hidden.frame_start - back
    start = round(shown.frame_start)
    shown.frame_offset_start = max(0, first - start)
    shown.frame_offset_end = max(0, start + shown.frame_duration - end)
    hidden.channel, _ = channel_for_result(scene.sequence_editor, owner, hidden, False)
    shown.channel = channel
    for effect, name in users:
        setattr(effect, name, shown)
    shown.mute, hidden.mute = is_muted, True


def _empty_channel(owner: Any) -> int:
    return min(MOST_CHANNELS, 1 + max(strip.channel for strip in strips_of(owner)))


def _owner(scene: Any, strip: Any) -> Any:
    return strip.parent_meta() or scene.sequence_editor
