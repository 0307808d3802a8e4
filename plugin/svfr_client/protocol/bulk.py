"""Which fields of a job travel beside the header, in named buffers, and how they come back.

A roto of a long shot is megabytes and a frame list of a patchy plate can be long, while headers are small.
``mask.splines`` (JSON as :meth:`SplineMask.to_json`) always travels as a buffer; ``plate.frames`` (a JSON
string) does once it is long. In the header such a field is then null or empty.
"""

from typing import Any, Dict, Mapping, Tuple

from ..errors import BadMessage
from ..frames import refuse_long_text
from ..job import JobSpec
from ..masks import refuse_long_mask
from .wire import Buffer

SPLINES = "mask.splines"
FRAMES = "plate.frames"
LONG_FRAMES_CHARACTERS = 1024


def split_bulk(spec: JobSpec) -> Tuple[Dict[str, Any], Dict[str, Buffer]]:
    """Return the job's plain form for the header and its bulk fields as buffers."""
    plain = spec.to_json()
    buffers: Dict[str, Buffer] = {}
    if plain["mask_splines"] is not None:
        buffers[SPLINES] = Buffer.of_json(plain["mask_splines"])
        plain["mask_splines"] = None
    if len(spec.frames) > LONG_FRAMES_CHARACTERS:
        buffers[FRAMES] = Buffer.of_json(spec.frames)
        plain["frames"] = ""
    return plain, buffers


def join_bulk(plain: Mapping[str, Any], buffers: Mapping[str, Buffer]) -> Dict[str, Any]:
    """Return the job's whole plain form.

    Raises :class:`BadMessage` for a buffer no job has, one that is not strict JSON, and a field that comes
    both in the header and in a buffer; BadFrameRange for a frame list
    and BadMask for a mask that are longer than any job's.
    """
    joined = dict(plain)
    fields = {SPLINES: "mask_splines", FRAMES: "frames"}
    for name, buffer in buffers.items():
        if name not in fields:
            raise BadMessage(f"A job has no buffer {name}; it has {' and '.join(fields)}.")
        if joined.get(fields[name]):
            raise BadMessage(f"The job's {fields[name]} comes in the header and in the buffer {name}.")
        if name == FRAMES:
            refuse_long_text(buffer.data)
        else:
            refuse_long_mask(buffer.data)
        joined[fields[name]] = buffer.json()
    return joined
