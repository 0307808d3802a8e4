"""Lists of clips from the folders that VFHQ, VoxCeleb2 and CelebV-Text come in.

What is said of each layout is taken from the programs named with it; none of the data sets was at hand, and
where nothing but such a program vouches for something, it says so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import av.error

from svfr.validation import read_json_file
from svfr_client.reasons import reason_of
from svfr_lab.clips.entries import ClipEntry, Region
from svfr_lab.clips.errors import ClipLayoutNotRecognised

_VFHQ_CLIP = re.compile(r"Clip\+(?P<video>[^+]+)\+P(?P<person>\d+)\+C\d+\+F\d+-\d+")
_VFHQ_COLUMNS = 6
_VOX_ROW = re.compile(r"^\s*\d+((\s+-?\d+(\.\d+)?){4})\s*$")
_VOX_IDENTITY = re.compile(r"id\d+")
_CELEBV_TEXT_FILE = "celebvtext_info.json"


def list_vfhq(folder: Path, with_boxes: bool) -> list[ClipEntry]:
    """Return the clips of VFHQ: folders ``Clip+VIDEO+P0+C0+F100-250`` of PNGs, anywhere below ``folder``.

    Source: the extraction script that is passed on with the data set (``extract_cropped_face`` in
    github.com/yunyu/vfhq-downloader and others): a clip's name is ``Clip+`` video, person in it, clip of the
    person and frames of the video; the frames between are written as ``%08d.png``, counted from 1, cut to
    the rectangle ``CROP x0 y0 x1 y1`` that ends the clip's file ``meta_info/NAME.txt``. That file has the
    lines ``H``, ``W``, ``FPS`` and one row a frame: frame, index, X0, Y0, W, H and five landmarks, x and y.

    Not verified: that the rows' boxes are in pixels of the whole video, so that the crop's corner is taken
    off; and that rows and PNGs are numbered alike. Boxes are used only if the rows begin with the number of
    the first PNG; else the faces are detected.

    The identity is a person of a video: VFHQ does not say who appears in several videos.
    """
    clips = sorted(path for path in folder.rglob("Clip+*") if path.is_dir())
    named = [(path, found) for path in clips if (found := _VFHQ_CLIP.fullmatch(path.name))]
    notes = {path.stem: path for path in folder.rglob("Clip+*.txt")} if with_boxes else {}
    entries = []
    for path, found in named:
        region = _vfhq_boxes(notes[path.name], path) if path.name in notes else None
        identity = f"{found['video']}+P{found['person']}"
        entries.append(ClipEntry(path=str(path.relative_to(folder)), identity=identity, region=region))
    return _some(entries, folder, "folders Clip+VIDEO+P0+C0+F1-9 of PNG pictures")


def list_voxceleb2(folder: Path, with_boxes: bool) -> list[ClipEntry]:
    """Return the clips of VoxCeleb2: movies ``idNNNNN/VIDEO/NNNNN.mp4``, anywhere below ``folder``.

    Source: the data set's page (robots.ox.ac.uk/~vgg/data/voxceleb/vox2.html) and programs that read it
    (github.com/oawiles/FAb-Net, issue 2: the movies are cut to the face). Beside each movie, or in a tree of
    the same names, may lie ``NNNNN.txt``: ``Identity``, ``Reference`` (the video), ``Offset``, confidences,
    then the rows ``FRAME X Y W H`` at 25 frames a second, with X, Y, W, H in shares of the whole video.

    The movies that are handed out are cut to the face already, so the boxes of the whole video do not apply
    to them. They are used only for movies that are not square, cut anew from the whole video, one row for
    each frame in order. That the shares are of the whole video is not verified: it is what readers of the
    files say.
    """
    movies = [path for path in sorted(folder.rglob("id*/*/*.mp4")) if _VOX_IDENTITY.fullmatch(path.parts[-3])]
    notes = {path.with_suffix("").parts[-3:]: path for path in folder.rglob("id*/*/*.txt")}
    entries = []
    for path in movies:
        note = notes.get(path.with_suffix("").parts[-3:]) if with_boxes else None
        region = _voxceleb_boxes(note, path) if note is not None else None
        entries.append(ClipEntry(path=str(path.relative_to(folder)), identity=path.parts[-3], region=region))
    return _some(entries, folder, "movies idNNNNN/VIDEO/NNNNN.mp4")


def list_celebv_text(folder: Path, with_boxes: bool) -> list[ClipEntry]:
    """Return the clips of CelebV-Text: movies ``NAME.mp4`` and ``celebvtext_info.json`` below ``folder``.

    Source: README and ``download_and_process.py`` of github.com/celebv-text/CelebV-Text: the JSON's ``clips``
    (in some copies the JSON itself) map a name to ``ytb_id``, ``duration``, ``bbox``; the processed clip is
    ``NAME.mp4``, the video cut to bbox and duration. So no box applies to the movie, and faces are detected
    whatever ``with_boxes`` says. Clips whose movie is not there are left out: most users have some of them.

    The identity is the video: CelebV-Text does not say who is in it. People in several videos, and videos of
    several people, are not told apart.
    """
    infos = sorted(folder.rglob(_CELEBV_TEXT_FILE))
    if len(infos) != 1:
        raise ClipLayoutNotRecognised(
            f"There are {len(infos)} files {_CELEBV_TEXT_FILE}; CelebV-Text has one.",
            path=folder,
            remedy="Give the folder that holds the movies and that file.",
        )
    videos = _celebv_videos(infos[0])
    movies = {path.stem: path for path in sorted(folder.rglob("*.mp4"))}
    entries = [
        ClipEntry(path=str(movies[name].relative_to(folder)), identity=videos[name])
        for name in sorted(videos.keys() & movies.keys())
    ]
    return _some(entries, folder, f"movies that {_CELEBV_TEXT_FILE} names")


LAYOUTS: Mapping[str, Callable[[Path, bool], list[ClipEntry]]] = MappingProxyType(
    {"vfhq": list_vfhq, "voxceleb2": list_voxceleb2, "celebv-text": list_celebv_text}
)


def read_layout(name: str, folder: Path, with_boxes: bool = False) -> list[ClipEntry]:
    """Return the clips of a folder in the layout ``name``, paths relative to it.

    ``with_boxes`` takes the data set's own boxes where they apply to the files; without them faces are
    detected, as in a plate that is restored. Raises ClipLayoutNotRecognised.
    """
    if name not in LAYOUTS:
        raise ClipLayoutNotRecognised(
            f'The layout "{name}" is not known.', remedy=f"Known are {', '.join(LAYOUTS)}."
        )
    if not folder.is_dir():
        raise ClipLayoutNotRecognised("There is no such folder.", path=folder, remedy="Check the path.")
    return LAYOUTS[name](folder, with_boxes)


@dataclass(frozen=True)
class _VfhqNote:
    """What is used of a clip's text file: the corner of the crop and the boxes in the whole video."""

    corner: tuple[float, float]
    boxes: Mapping[int, tuple[float, float, float, float]]


def _vfhq_boxes(note_path: Path, clip: Path) -> Region | None:
    note = _vfhq_note(note_path)
    numbers = sorted(int(path.stem) for path in clip.glob("*.png") if path.stem.isdigit())
    if not note.boxes or not numbers or min(note.boxes) != numbers[0]:
        return None
    (left, top), present = note.corner, set(numbers)
    return Region(
        "box",
        {
            frame: (round(x - left, 2), round(y - top, 2), width, height)
            for frame, (x, y, width, height) in note.boxes.items()
            if frame in present
        },
    )


def _vfhq_note(path: Path) -> _VfhqNote:
    corner: tuple[float, float] | None = None
    boxes: dict[int, tuple[float, float, float, float]] = {}
    for number, words in _words(path):
        try:
            if words[0] == "CROP":
                corner = float(words[-4]), float(words[-3])
            elif words[0].isdigit() and len(words) >= _VFHQ_COLUMNS:
                x, y, width, height = (float(word) for word in words[2:_VFHQ_COLUMNS])
                boxes[int(words[0])] = x, y, width, height
        except (ValueError, IndexError) as problem:
            raise _note_is_bad(path, number, problem) from problem
    if corner is None:
        raise ClipLayoutNotRecognised(
            "The file has no line CROP x0 y0 x1 y1.", path=path, remedy="Fetch VFHQ's meta_info again."
        )
    return _VfhqNote(corner, boxes)


def _voxceleb_boxes(note: Path, movie: Path) -> Region | None:
    try:
        with av.open(str(movie)) as container:
            context = container.streams.video[0].codec_context
            width, height = context.width, context.height
    except (av.error.FFmpegError, IndexError) as problem:
        raise ClipLayoutNotRecognised(
            f"The movie cannot be read: {reason_of(problem)}.",
            path=movie,
            remedy="Remove it, or fetch it again.",
        ) from problem
    if width == height:
        return None
    rows = [found for line in note.read_text().splitlines() if (found := _VOX_ROW.match(line))]
    boxes: dict[int | None, tuple[float, ...]] = {}
    for frame, row in enumerate(rows, 1):
        x, y, across, down = (float(word) for word in row[1].split())
        if across > 0 and down > 0:
            sizes = x * width, y * height, across * width, down * height
            boxes[frame] = tuple(round(size, 2) for size in sizes)
    return Region("box", boxes) if boxes else None


def _celebv_videos(path: Path) -> dict[str, str]:
    """Return the video of every clip, by the clip's name without ending."""
    try:
        body: Any = read_json_file(path)
        clips = body.get("clips", body)
        return {name.removesuffix(".mp4"): str(clip["ytb_id"]) for name, clip in clips.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ClipLayoutNotRecognised(
            f"The file does not map clips to their videos: {reason_of(problem)}.",
            path=path,
            remedy="Fetch celebvtext_info.json again.",
        ) from problem


def _words(path: Path) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if words := line.replace(":", " ").split():
            yield number, words


def _note_is_bad(path: Path, line: int, problem: Exception) -> ClipLayoutNotRecognised:
    return ClipLayoutNotRecognised(
        f"Line {line} is not as VFHQ writes it: {problem}.", path=path, remedy="Fetch meta_info again."
    )


def _some(entries: list[ClipEntry], folder: Path, what: str) -> list[ClipEntry]:
    if not entries:
        raise ClipLayoutNotRecognised(
            f"There are no {what}.", path=folder, remedy="Check the folder and the layout's name."
        )
    return entries
