"""Find which colour space the pixels are in: from the plate's Read and the project, or by the user.

Sources, as Nuke 13 to 17 name them: a Read's ``colorspace`` and ``raw`` knobs; the Root's
``colorManagement``, ``OCIO_config``, ``OCIOConfigPath``, ``customOCIOConfigPath``, ``workingSpaceLUT`` and
its default LUTs by file type; ``$OCIO``, which overrides the project. With colour management "Nuke" there is
no config: Nuke's own names are then translated to interop IDs (ASWF Color Interop Forum).
"""

import os
import re
from dataclasses import dataclass, replace
from typing import Any, Dict, Tuple

import nuke

from svfr_client.hosting.ocio_context import context_of_host, read_context
from svfr_client.job import ColourClaim

from .errors import SpaceIsUnknown

NUKE_NAMES: Dict[str, str] = {
    "linear": "lin_rec709_scene",
    "sRGB": "srgb_rec709_scene",
    "rec709": "ocio:itu709_rec709_scene",
    "Gamma1.8": "g18_rec709_scene",
    "Gamma2.2": "g22_rec709_scene",
    "Gamma2.4": "g24_rec709_scene",
    "BT1886": "g24_rec709_scene",
    "AlexaV3LogC": "ocio:arrilogc3_awg3_scene",
    "ARRILogC4": "ocio:arrilogc4_awg4_scene",
    "SLog3": "ocio:slog3_sgamut3_scene",
    "Log3G10": "ocio:redlog3g10_rwg_scene",
    "Blackmagic Film Generation 5": "ocio:bmdfilm5_wg5_scene",
}
_ROLE = re.compile(r"(?P<role>[^\t()]+)\t(?P<again>.*)\((?P<space>[^()]*)\)\Z")
_DEFAULT = re.compile(r"default(?:\s*\((?P<space>.*)\))?\Z")
_LUT_BY_SUFFIX = {
    "exr": "floatLut",
    "hdr": "floatLut",
    "dpx": "logLut",
    "cin": "logLut",
    "jpg": "int8Lut",
    "jpeg": "int8Lut",
    "png": "int8Lut",
    "tga": "int8Lut",
    "mov": "int8Lut",
    "mp4": "int8Lut",
}


@dataclass(frozen=True)
class PlateColour:
    """``nuke_space`` is Nuke's own name of the space, for the result's Read; ``raw`` copies that tick.

    ``claim`` is what the service is told, ``summary`` one line for the artist.
    """

    nuke_space: str
    raw: bool
    claim: ColourClaim
    summary: str


def colour_of_read(read: Any, space: str = "", config: str = "") -> PlateColour:
    """Return the colour of a Read's files; ``space`` and ``config`` are the user's own words, or empty.

    Raises :class:`~svfr_nuke.errors.SpaceIsUnknown` when neither the Read nor the project says.
    """
    raw = bool(read["raw"].value())
    found = "" if raw else _read_space(read)
    if not (space or found):
        raise SpaceIsUnknown(
            f"{read.name()} is set to raw data." if raw else f"{read.name()} names no colour space.",
            remedy="Write the space of its pixels into the node's colour space field.",
        )
    return _plate_colour(found, raw, space, config, read.name())


def colour_of_working_space(space: str = "", config: str = "") -> PlateColour:
    """Return the colour of what Nuke renders raw: the project's working space."""
    found = "linear"
    if uses_ocio():
        found = str(nuke.root()["workingSpaceLUT"].value())
    return _plate_colour(found, False, space, config, "the working space")


def with_context(colour: PlateColour, text: str) -> PlateColour:
    """Return the colour with the values of its config's context variables: the artist's, else of this Nuke.

    Nuke fills them from its own environment. Raises :class:`~svfr_client.errors.BadJob` for a text that
    cannot be read.
    """
    claim = colour.claim
    found = context_of_host(claim.config) if claim.config else {}
    context = {**found, **read_context(text)}
    values = ", ".join(f"{name}={value}" for name, value in sorted(context.items()))
    summary = f"{colour.summary} with {values}" if values else colour.summary
    return replace(colour, claim=replace(claim, context=context), summary=summary)


def uses_ocio() -> bool:
    """Return whether the project's colours are managed by OCIO."""
    return str(nuke.root()["colorManagement"].value()) == "OCIO"


def project_config() -> str:
    """Return the path or ``ocio://`` address of the project's config.

    Raises :class:`~svfr_nuke.errors.SpaceIsUnknown` if there is none, or one whose meaning moves.
    """
    root: Any = nuke.root()
    config = os.environ.get("OCIO", "")
    if not config and str(root["OCIO_config"].value()) == "custom":
        config = str(root["customOCIOConfigPath"].getEvaluatedValue() or "")
    elif not config:
        config = str(root["OCIOConfigPath"].getEvaluatedValue() or "")
    config = config.replace("\\", "/")
    if not config:
        raise SpaceIsUnknown(
            "The project is managed by OCIO but names no config.",
            remedy="Choose one in the Project Settings, or write it into the node's OCIO config field.",
        )
    if config == "ocio://default" or config.endswith("-latest"):
        raise SpaceIsUnknown(
            f"The config {config} means another one in every version of OpenColorIO.",
            remedy="Choose a config with a version in its name.",
        )
    return config


def normalised(value: str) -> str:
    """Return the bare space name in a knob's value: ``ACEScg`` for ``default (ACES/ACEScg)``.

    Menus put the families of a config's spaces before their names, with slashes between.
    """
    match = _DEFAULT.match(value.strip())
    name = (match.group("space") or "") if match else value.strip()
    role = _ROLE.match(name)
    return (role.group("space") if role else name).rsplit("/", 1)[-1]


def names_of(entry: str) -> Tuple[str, ...]:
    """Return every name that an entry of a colour-space menu goes by: its space's, and its role's.

    A project with an OCIO config lists roles as ``scene_linear<tab>scene_linear (ACES/ACEScg)``; a knob then
    holds the role alone.
    """
    role = _ROLE.match(entry.strip())
    return (normalised(entry),) if role is None else (normalised(entry), role.group("role"))


def _read_space(read: Any) -> str:
    space = normalised(str(read["colorspace"].value()))
    if space:
        return space
    suffix = str(nuke.filename(read) or "").rsplit(".", 1)[-1].lower()
    lut = _LUT_BY_SUFFIX.get(suffix)
    return normalised(str(nuke.root()[lut].value())) if lut else ""


def _plate_colour(found: str, raw: bool, space: str, config: str, where: str) -> PlateColour:
    own = space or found
    if config:
        claim = ColourClaim(space=own, config=config.replace("\\", "/"))
        summary = f"{own} in {config}"
    elif uses_ocio():
        claim = ColourClaim(space=own, config=project_config())
        summary = f"{own} in {claim.config}"
    else:
        claim = ColourClaim(space=_interop(own, bool(space)))
        summary = f"{own}, which is {claim.space}" if claim.space != own else own
    return PlateColour(found, raw, claim, "{} (from {})".format(summary, "the node" if space else where))


def _interop(name: str, from_user: bool) -> str:
    """Return the interop ID of one of Nuke's own names; a user's word that is none of them stays."""
    if name in NUKE_NAMES:
        return NUKE_NAMES[name]
    if from_user:
        return name
    raise SpaceIsUnknown(
        f'Nuke\'s "{name}" has no primaries that anybody has written down.',
        remedy="Write the interop ID of the space into the node's colour space field, "
        "for instance lin_rec709_scene.",
    )
