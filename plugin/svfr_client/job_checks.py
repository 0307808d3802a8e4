"""The checks of a job that need no file: known words, limits, and fields that contradict each other.

Client and server both run them, so that a host complains before anything is sent and nothing unchecked is
accepted. Everything wrong is found together.
"""

import functools
import math
from dataclasses import fields
from typing import Any, Dict, Iterator, List, Mapping, Tuple, get_type_hints

from .arguments import type_problems
from .errors import BadJob, SvfrError
from .frames import frame_count
from .job import JobSpec
from .reasons import is_unicode
from .records import to_plain
from .vocabulary import (
    EXISTING_POLICIES,
    FACE_MODES,
    LAYERS,
    MISSING_POLICIES,
    SAMPLERS,
    TASKS,
    unknown_word,
)

MAX_HANDLES = 1000
MAX_TEXT = 4096
MAX_CONTEXT_VARIABLES = 64
MAX_CHOSEN = 100
SPREAD_SEEDS = (2, 16)
PRIORITIES = (-100, 100)
_CONTEXT_REMEDY = f"Give both as text of 1 to {MAX_TEXT} characters."
_BOX_REMEDY = "Give left, top, width and height in pixels of the plate, the last two above 0."
_INT64 = 2**63
_BOUNDED = ("mask_splines", "frames", "context")
# The least and the greatest value of a job's numbers, by field.
NUMBER_LIMITS: Mapping[str, Tuple[float, float]] = {
    "seed": (0, 2**63 - 1),
    "handles": (0, MAX_HANDLES),
    "feather": (0.0, 0.5),
    "detail": (0.0, 1.0),
    "priority": PRIORITIES,
    "exposure_stops": (-20.0, 20.0),
}


def job_problems(spec: JobSpec) -> List[SvfrError]:
    """Return everything wrong with the job's values that can be seen without opening a file."""
    wrong = job_type_problems(spec)
    if wrong:
        return wrong
    found = _wire_problems(spec) + _text_problems(spec) + _set_problems(spec) + _number_problems(spec)
    found += _frame_problems(spec) + _face_problems(spec) + _reference_problems(spec) + _spread_problems(spec)
    if "inpaint" in spec.tasks and spec.mask_path is None and spec.mask_splines is None:
        found.append(BadJob("The task inpaint needs a mask.", remedy="Give one or drop inpaint."))
    if spec.mask_path is not None and spec.mask_splines is not None:
        found.append(BadJob("The job has a matte sequence and splines.", remedy="Give only one mask."))
    return found


def job_type_problems(spec: JobSpec) -> List[SvfrError]:
    """Return what of the job is no value of its field's type; nothing else can be judged before."""
    return [*type_problems({field.name: getattr(spec, field.name) for field in fields(spec)}, _hints())]


@functools.cache
def _hints() -> Dict[str, Any]:
    return get_type_hints(JobSpec)


def _wire_problems(spec: JobSpec) -> List[SvfrError]:
    """Return a problem for every name and number that no message carries (PROTOCOL.md, section 2).

    Ranges and shapes have bounds of their own.
    """
    values = {field.name: getattr(spec, field.name) for field in fields(spec) if field.name not in _BOUNDED}
    found: List[SvfrError] = []
    for place, value in _leaves("", to_plain(values)):
        if isinstance(value, int) and not -_INT64 <= value < _INT64:
            text = f"{place} is a number of more than 64 bits."
            found.append(BadJob(text, remedy="Give the number of a frame or face that is there."))
        elif isinstance(value, str) and not is_unicode(value):
            shown = value.encode("utf-8", "backslashreplace").decode()[:MAX_TEXT]
            remedy = "Rename the file or folder: its name is in an older encoding than UTF-8."
            found.append(BadJob(f"{place} cannot be sent, for it is not Unicode: {shown}.", remedy=remedy))
    return found


def _leaves(place: str, value: Any) -> Iterator[Tuple[str, Any]]:
    """Yield the texts and numbers in plain values, with where they are, such as ``references[0].frame``."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield f"a name in {place}", name
            yield from _leaves(f"{place}.{name}" if place else str(name), item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(f"{place}[{index}]", item)
    else:
        yield place, value


def _text_problems(spec: JobSpec) -> List[SvfrError]:
    texts = {"plate": spec.plate, "output": spec.output, "model": spec.model, "preset": spec.preset}
    optional = {
        "mask_path": spec.mask_path,
        "crop_tracks": spec.crop_tracks,
        "colour.config": spec.colour.config,
        "colour.space": spec.colour.space,
        "colour.reference_space": spec.colour.reference_space,
        "plate_layer": spec.plate_layer,
        "plate_part": spec.plate_part,
        "plate_view": spec.plate_view,
        "mask_channel": spec.mask_channel,
    }
    texts.update({name: text for name, text in optional.items() if text is not None})
    for index, reference in enumerate(spec.references):
        if reference.photo is not None:
            texts[f"references[{index}].photo"] = reference.photo
    texts.update({f"faces.photos[{index}]": photo for index, photo in enumerate(spec.faces.photos)})
    found: List[SvfrError] = []
    for name, text in texts.items():
        if not text.strip():
            found.append(BadJob(f"{name} is empty.", remedy=f"Give {name}."))
        elif len(text) > MAX_TEXT or "\0" in text:
            found.append(
                BadJob(f"{name} is longer than {MAX_TEXT} characters or holds a null.", remedy="Shorten it.")
            )
    return found + _context_problems(spec)


def _context_problems(spec: JobSpec) -> List[SvfrError]:
    context = spec.colour.context
    if len(context) > MAX_CONTEXT_VARIABLES:
        text = f"colour.context has {len(context)} variables, more than {MAX_CONTEXT_VARIABLES}."
        return [BadJob(text, remedy="Give only those that the OCIO config declares.")]
    return [
        BadJob(
            f"The context variable {str(name)[:60]!r} has no usable name or value.", remedy=_CONTEXT_REMEDY
        )
        for name, value in context.items()
        if not isinstance(name, str)
        or not isinstance(value, str)
        or not name.strip()
        or max(len(name), len(value)) > MAX_TEXT
        or "\0" in name + value
    ]


def _set_problems(spec: JobSpec) -> List[SvfrError]:
    found: List[SvfrError] = []
    for name, given, known in (("tasks", spec.tasks, TASKS), ("layers", spec.layers, LAYERS)):
        for value in given:
            if value not in known:
                found.append(unknown_word(name, value, known))
        if len(set(given)) != len(given):
            found.append(
                BadJob("{} names a value twice: {}.".format(name, ", ".join(given)), remedy="Name it once.")
            )
    if not spec.tasks:
        found.append(BadJob("The job has no task.", remedy="Choose from {}.".format(", ".join(TASKS))))
    choices = (
        ("faces.mode", spec.faces.mode, FACE_MODES),
        ("sampler", spec.sampler, SAMPLERS),
        ("missing", spec.missing, MISSING_POLICIES),
        ("existing", spec.existing, EXISTING_POLICIES),
    )
    found += [unknown_word(name, value, known) for name, value, known in choices if value not in known]
    return found


def _number_problems(spec: JobSpec) -> List[SvfrError]:
    values = {
        "seed": spec.seed,
        "handles": spec.handles,
        "feather": spec.feather,
        "detail": spec.detail or 0.0,
        "priority": spec.priority,
        "exposure_stops": spec.colour.exposure_stops or 0.0,
    }
    return [
        BadJob(f"{name} is {value}, outside {low} to {high}.", remedy="Choose a value within.")
        for name, value in values.items()
        for low, high in (NUMBER_LIMITS[name],)
        if not low <= value <= high
    ]


def _spread_problems(spec: JobSpec) -> List[SvfrError]:
    count = spec.spread_seeds
    if count is None:
        return []
    if "spread" not in spec.layers:
        text = "spread_seeds is given, but the layer spread is not asked for."
        return [BadJob(text, remedy="Ask for the layer spread, or leave spread_seeds out.")]
    low, high = SPREAD_SEEDS
    if low <= count <= high:
        return []
    return [BadJob(f"spread_seeds is {count}, outside {low} to {high}.", remedy="4 tell what is uncertain.")]


def _frame_problems(spec: JobSpec) -> List[SvfrError]:
    found: List[SvfrError] = []
    for frames in (spec.frames, spec.context):
        try:
            if frames is not None:
                frame_count(frames)
        except SvfrError as problem:
            found.append(problem)
    return found


def _face_problems(spec: JobSpec) -> List[SvfrError]:
    faces = spec.faces
    found: List[SvfrError] = []
    given = {
        "index": (faces.indices, "Give the track numbers."),
        "id": (faces.ids, "Give the ids that svfr faces prints."),
        "point": (faces.points, "Give x, y and frame of a place in the face."),
        "photo": (faces.photos, "Give a photo of the person."),
        "box": (faces.boxes, "Give a rectangle."),
    }
    values, remedy = given.get(faces.mode, ((None,), ""))
    if not values:
        found.append(BadJob(f"Faces are chosen by {faces.mode}, but none is given.", remedy=remedy))
    if faces.mode == "mask" and spec.mask_path is None and spec.mask_splines is None:
        found.append(BadJob("Faces are chosen by mask, but the job has none.", remedy="Give a mask."))
    found += [
        BadJob(f"Face index {i} is negative.", remedy="Faces are numbered from 0.")
        for i in faces.indices
        if i < 0
    ]
    if max(map(len, (faces.indices, faces.ids, faces.points, faces.photos, faces.boxes))) > MAX_CHOSEN:
        found.append(BadJob(f"The job chooses more than {MAX_CHOSEN} faces.", remedy="Choose all faces."))
    for point in faces.points:
        if not all(math.isfinite(n) and abs(n) <= 1e6 for n in (point.x, point.y)):
            found.append(
                BadJob(
                    f"The point {point.x},{point.y} is no place of the plate.",
                    remedy="Give x and y in pixels of the plate.",
                )
            )
    for box in faces.boxes:
        numbers = (box.x, box.y, box.width, box.height)
        if not all(math.isfinite(n) and abs(n) <= 1e6 for n in numbers) or box.width <= 0 or box.height <= 0:
            found.append(BadJob(f"The box {numbers} is not a rectangle of the plate.", remedy=_BOX_REMEDY))
    return found


def _reference_problems(spec: JobSpec) -> List[SvfrError]:
    found: List[SvfrError] = []
    if len(spec.references) > MAX_CHOSEN:
        found.append(BadJob(f"The job has more than {MAX_CHOSEN} references.", remedy="Leave some out."))
    seen = set()
    for reference in spec.references:
        if (reference.frame is None) == (reference.photo is None):
            text = "A reference is either a plate frame or a photo."
            found.append(BadJob(text, remedy="Give exactly one of them for each track."))
        if reference.track in seen:
            found.append(
                BadJob(f"Track {reference.track} has two references.", remedy="Leave one of them out.")
            )
        seen.add(reference.track)
    return found
