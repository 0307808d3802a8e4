"""The models that jobs can name, as their descriptions on the disk say; read without torch.

Only the part of model.json that a menu needs is read. Whether the rest and the weights are sound shows when
a job asks for the model, or with ``svfr model check``.
"""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from svfr.models.search import SPEC_FILE, found_folders
from svfr.validation import Finite, PositiveInt, read_json, read_strictly, sentences_of
from svfr_client.protocol.messages import ModelOffer, ModelOffers
from svfr_client.reasons import Flaw, reason_of
from svfr_client.vocabulary import PRESETS, TASKS
from svfr_server.checking.bounds import MOST_ANSWERED_CHARACTERS

MOST_MODELS = 200
MOST_BYTES = 4 * 1024**2
MOST_NAME_CHARACTERS = 200


@dataclass(frozen=True)
class _Preset:
    initial_noise: Finite


@dataclass(frozen=True)
class _Detail:
    presets: Mapping[str, Finite]


@dataclass(frozen=True)
class _Description:
    """What a menu needs of model.json; the names are the file's."""

    kind: Literal["identity", "probe", "diffusion"]
    preview: bool
    crop_px: PositiveInt
    presets: Mapping[str, _Preset] = field(default_factory=dict)
    detail: _Detail | None = None


_DESCRIPTION = TypeAdapter(_Description)


def offered_models() -> ModelOffers:
    """Return every model that can be found by name, sorted; of more than 200 some are left out."""
    found = list(islice(found_folders(), MOST_MODELS + 1))
    offers = [_offer(name, folder) for name, folder in sorted(found)[:MOST_MODELS]]
    return ModelOffers(tuple(offers), has_more=len(found) > MOST_MODELS)


def _offer(name: str, folder: Path) -> ModelOffer:
    try:
        description = read_strictly(_DESCRIPTION, read_json(_text_of(folder / SPEC_FILE)))
    except ValidationError as error:
        return _unusable(name, "; ".join(sentences_of(error)))
    except (ValueError, OSError) as error:
        return _unusable(name, reason_of(error))
    has_network = description.kind == "diffusion"
    detail = description.detail
    return ModelOffer(
        name=name[:MOST_NAME_CHARACTERS],
        kind=description.kind,
        is_preview=description.preview,
        crop_px=description.crop_px,
        tasks=TASKS,
        presets=tuple(word for word in PRESETS if word in description.presets) if has_network else PRESETS,
        detail=None if detail is None else {word: detail.presets.get(word, 0.0) for word in PRESETS},
        uses_seed=any(preset.initial_noise > 0.0 for preset in description.presets.values()),
        makes_references=has_network,
    )


def _text_of(path: Path) -> str:
    """Return a description's text; raises Flaw for what is no small regular file, OSError, ValueError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # a pipe must not be waited for
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            raise Flaw(f"{SPEC_FILE} is no file of at most {MOST_BYTES} bytes")
        return opened.read(MOST_BYTES).decode("utf-8")


def _unusable(name: str, why: str) -> ModelOffer:
    return ModelOffer(
        name=name[:MOST_NAME_CHARACTERS],
        kind="",
        is_preview=False,
        crop_px=0,
        tasks=(),
        presets=(),
        detail=None,
        uses_seed=False,
        makes_references=False,
        problem=f"{SPEC_FILE}: {why}"[:MOST_ANSWERED_CHARACTERS],
    )
