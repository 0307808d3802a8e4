"""The words of a job: tasks, faces, sampler, policies and layers, each a Literal type and a tuple of it.

They are the words of the wire and of every front end. Nothing else spells them: other packages, the command
line's help and both host plugins derive what they need from here.
"""

from typing import Iterable, List, Literal, Mapping, Sequence, Tuple, TypeVar, get_args

from .errors import BadJob, SvfrError

Task = Literal["bfr", "colorize", "inpaint"]
"""Blind face restoration, colorization, inpainting; a job has a set of them."""
FaceMode = Literal["largest", "all", "index", "box", "mask", "frame", "id", "point", "photo"]
"""Which faces are restored: see :class:`~svfr_client.job.FaceChoice`."""
Sampler = Literal["studio", "official"]
"""The studio's own sampler, or the published one to the last detail."""
MissingPolicy = Literal["error", "hold", "skip"]
"""What happens to frames that the plate lacks: refuse, repeat the nearest, leave out."""
ExistingPolicy = Literal["error", "overwrite", "version_up"]
"""What happens where output frames lie already."""
OwnFrames = Literal["own"]
"""In the place of such a policy, for a job that goes on: it replaces the frames that it wrote itself.

Nobody asks for it; a server that takes a job up again sets it.
"""
Layer = Literal["delta", "matte", "crop", "diff", "st", "base", "detail", "invention", "spread", "identity"]
"""Extra layers of the written EXR; "identity" is a figure of every face in its metadata.

"base" and "detail" are the delta without the model's fine texture and what all of it adds; "invention" and
"spread" say what the plate does not bear out: see docs/metrics.md.
"""
PresetName = Literal["draft", "standard", "final"]
"""The presets that every diffusion model of ours has; a model folder may add others."""

_STAGE_TEXTS: Mapping[str, str] = {
    "survey": "Looking at the plate",
    "crop": "Making crops",
    "encode": "Encoding",
    "reference": "Pass 1: reference",
    "denoise": "Pass 2: restoring",
    "decode": "Decoding",
    "write": "Writing frames",
}

TASKS: Tuple[Task, ...] = get_args(Task)
FACE_MODES: Tuple[FaceMode, ...] = get_args(FaceMode)
SAMPLERS: Tuple[Sampler, ...] = get_args(Sampler)
MISSING_POLICIES: Tuple[MissingPolicy, ...] = get_args(MissingPolicy)
EXISTING_POLICIES: Tuple[ExistingPolicy, ...] = get_args(ExistingPolicy)
OWN: OwnFrames = "own"
LAYERS: Tuple[Layer, ...] = get_args(Layer)
PRESETS: Tuple[PresetName, ...] = get_args(PresetName)

DETECTING_MODES: Tuple[FaceMode, ...] = ("largest", "all", "index", "id", "point", "photo")
"""The face modes for which faces are looked for in the plate."""

W = TypeVar("W", bound=str)


def unknown_word(name: str, text: str, known: Sequence[str]) -> BadJob:
    """Return the error for a word that the field ``name`` cannot hold."""
    return BadJob(f"{name} cannot be {text[:60]!r}.", remedy="Choose from {}.".format(", ".join(known)))


class WordReader:
    """Reads the words that people typed, and keeps what is no word of a job, so that all is said at once.

    ``problems``: a :class:`BadJob` for every unknown word; a known word stands in for each of them.
    """

    def __init__(self) -> None:
        self.problems: List[SvfrError] = []

    def one(self, name: str, text: str, known: Sequence[W]) -> W:
        """Return ``text`` as one of the ``known`` words of the field ``name``."""
        for word in known:
            if word == text:
                return word
        self.problems.append(unknown_word(name, text, known))
        return known[0]

    def several(self, name: str, texts: Iterable[str], known: Sequence[W]) -> Tuple[W, ...]:
        """Return all ``texts`` as ``known`` words of the field ``name``, repeats kept.

        Unknown ones are left out where others are left, so that they are not taken for repeats.
        """
        given = list(texts)
        read = [self.one(name, text, known) for text in given]
        return tuple(word for text in given for word in known if word == text) or tuple(read[:1])


def stage_text(stage: str) -> str:
    """Return what people read for a stage of a job; one that is unknown stands as it is."""
    return _STAGE_TEXTS.get(stage, stage)
