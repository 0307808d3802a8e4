"""Faces as people type them: a word, track numbers, ids, places in the picture, or a photo of the person.

``largest``, ``all``, ``mask``, ``frame`` · ``0,2`` · ``kfmd,wqtn`` · ``640,360@1001`` (x right and y down in
pixels, then the frame; several with commas between) · ``like:actor.png``. Plus signs do for the commas, for
lists in which commas part the columns.
"""

import re
from typing import Tuple

from .errors import BadJob
from .job import FaceChoice, FacePoint
from .vocabulary import FACE_MODES, FaceMode

WORDS: Tuple[FaceMode, ...] = tuple(
    mode for mode in FACE_MODES if mode not in ("index", "box", "id", "point", "photo")
)
LIKE = "like:"
# No vowels: an id is never a word. No l, which looks like 1, and no y.
ID_LETTERS = "bcdfghjkmnpqrstvwxz"
ID_LENGTH = 4

_NUMBER = r"-?\d+(?:\.\d+)?"
_POINT = f"({_NUMBER}),({_NUMBER})@(-?[0-9]+)"
_POINTS = re.compile(f"{_POINT}(?:[,+]{_POINT})*")
_ID = re.compile(f"[{ID_LETTERS}]{{{ID_LENGTH},}}")


def read_face_choice(text: str) -> FaceChoice:
    """Return what ``text`` chooses; a photo's path stays as it was typed.

    Raises:
        BadJob: the text is none of these.
    """
    for mode in WORDS:
        if text == mode:
            return FaceChoice(mode=mode)
    if text.startswith(LIKE) and text != LIKE:
        return FaceChoice(mode="photo", photos=(text[len(LIKE) :],))
    if _POINTS.fullmatch(text):
        points = (FacePoint(float(x), float(y), int(frame)) for x, y, frame in re.findall(_POINT, text))
        return FaceChoice(mode="point", points=tuple(points))
    parts = re.split("[,+]", text)
    if all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        return FaceChoice(mode="index", indices=tuple(int(part) for part in parts))
    if all(_ID.fullmatch(part) for part in parts):
        return FaceChoice(mode="id", ids=tuple(parts))
    raise BadJob(
        f'"{text[:60]}" chooses no faces.',
        remedy="Give {}, track numbers like 0,2, ids that svfr faces prints, a place like 640,360@1001, "
        "or like:PHOTO.".format(", ".join(WORDS)),
    )
