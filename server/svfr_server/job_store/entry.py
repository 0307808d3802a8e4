"""A job as the store keeps it: its canonical text and the few fields that the queue shows and sorts by."""

import hashlib
from dataclasses import dataclass

from svfr_client.errors import MessageTooLarge
from svfr_client.job import JobSpec
from svfr_client.records import canonical_json

SHOWN_FRAMES_CHARACTERS = 1000
MOST_SPEC_BYTES = 48 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class JobEntry:
    """``spec`` is canonical JSON (ASCII); ``frames`` is cut where a long list would fill every answer."""

    content_key: str
    spec: str
    plate: str
    frames: str
    output: str
    priority: int

    @classmethod
    def of(cls, spec: JobSpec) -> "JobEntry":
        """Return the entry of a checked job; raises MessageTooLarge for one that no worker could be sent."""
        text = canonical_json(spec.in_order().to_json())
        if len(text) > MOST_SPEC_BYTES:
            raise MessageTooLarge(
                f"The job has {len(text)} bytes as canonical JSON, more than {MOST_SPEC_BYTES}.",
                remedy="Send simpler masks, or a matte sequence.",
            )
        shown = spec.frames
        if len(shown) > SHOWN_FRAMES_CHARACTERS:
            shown = shown[:SHOWN_FRAMES_CHARACTERS].rsplit(",", 1)[0] + ",..."
        return cls(
            content_key=hashlib.sha256(text.encode("ascii")).hexdigest(),  # JobSpec.content_key, of that text
            spec=text,
            plate=spec.plate,
            frames=shown,
            output=spec.output,
            priority=spec.priority,
        )
