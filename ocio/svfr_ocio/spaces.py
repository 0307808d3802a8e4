"""Find the colour space a job means, and tie it to a standard one.

A space is looked up by name, role or alias (as OpenColorIO does, without regard to case), then by interop
ID (ASWF Color Interop Forum, recommendation "An ID for Color Interop"). Configs older than profile 2.5
carry no IDs: then OpenColorIO compares the space numerically with the built-in studio config, and a table
of the names that the ASWF configs have used decides the rest. Configs without interchange roles, such as
Nuke's nuke-default, do not say what their numbers mean at all; a second table does.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import PyOpenColorIO as Ocio

from svfr_client.arguments import checked
from svfr_client.json_files import read_json
from svfr_ocio import errors
from svfr_ocio.names import DISPLAY_INTERCHANGE_ROLE, SCENE_INTERCHANGE_ROLE
from svfr_ocio.processors import OCIO_ERRORS

_ROLE_OF_REFERENCE = {"scene": SCENE_INTERCHANGE_ROLE, "display": DISPLAY_INTERCHANGE_ROLE}


@dataclass(frozen=True)
class Space:
    """A colour space of a config.

    ``interop_id`` and ``encoding`` are None when unknown; ``reference`` says whether it belongs to the
    config's scene-referred or display-referred side; ``studio_name`` is set when the config has no
    interchange role and the built-in studio config's space of that name stands in for it.
    """

    name: str
    interop_id: str | None
    encoding: str | None
    is_data: bool
    reference: Literal["scene", "display"]
    studio_name: str | None = None


@checked
def resolve_space(
    config: Ocio.Config, config_name: str, studio: Ocio.Config, wanted: str, interop_id: str | None
) -> Space:
    """Return the space of ``config`` that ``wanted`` means; see
    :meth:`svfr_ocio.config.ColourConfig.resolve`.

    ``config_name`` is for messages; ``studio`` is the config that gives interop IDs their meaning.
    """
    found = None  # OpenColorIO answers an empty name with some space of its own choice
    if wanted:
        found = config.getColorSpace(wanted) or _find_by_id(config, studio, wanted)
    if found is None:
        raise _unknown(config, config_name, wanted)
    known_id = interop_id or _id_of(config, studio, found)
    if found.isData():
        return Space(
            name=found.getName(),
            interop_id=known_id or "data",
            encoding="data",
            is_data=True,
            reference="scene",
        )
    display = found.getReferenceSpaceType() == Ocio.REFERENCE_SPACE_DISPLAY
    reference: Literal["scene", "display"] = "display" if display else "scene"
    space = Space(
        name=found.getName(),
        interop_id=known_id,
        encoding=found.getEncoding() or None,
        is_data=False,
        reference=reference,
    )
    if config.hasRole(_ROLE_OF_REFERENCE[reference]):
        return space
    return _through_studio(space, config_name, studio)


def require_colour(space: Space) -> None:
    """Raise :class:`~svfr_ocio.errors.DataIsNotColour` for a data space."""
    if space.is_data:
        raise errors.DataIsNotColour(
            f"The space {space.name!r} is for data such as masks, not for colour.",
            remedy="Name the colour space the plate's pixels are stored in.",
        )


def _through_studio(space: Space, config_name: str, studio: Ocio.Config) -> Space:
    stand_in = None if space.interop_id is None else _find_in_table(studio, space.interop_id)
    if stand_in is None:
        raise errors.SpaceHasNoKnownPrimaries(
            f"The config {config_name!r} does not tie its space {space.name!r} to a standard one: it has no "
            f"role {_ROLE_OF_REFERENCE[space.reference]!r}.",
            remedy="Say what the config's reference is, for instance --reference-space lin_rec709_scene.",
        )
    display = stand_in.getReferenceSpaceType() == Ocio.REFERENCE_SPACE_DISPLAY
    reference: Literal["scene", "display"] = "display" if display else "scene"
    encoding = space.encoding or stand_in.getEncoding() or None
    return Space(
        name=space.name,
        interop_id=space.interop_id,
        encoding=encoding,
        is_data=stand_in.isData(),
        reference=reference,
        studio_name=stand_in.getName(),
    )


def _find_by_id(config: Ocio.Config, studio: Ocio.Config, interop_id: str) -> Ocio.ColorSpace | None:
    for space in _all_spaces(config):
        if space.getInteropID() and _bare(space.getInteropID()) == _bare(interop_id):
            return space
    if not _table_names(interop_id):
        return None
    standard = _find_in_table(studio, interop_id)
    equal = None if standard is None else _equal_to_standard(config, studio, standard.getName())
    if equal is not None:
        return config.getColorSpace(equal)
    return _find_in_table(config, interop_id) or _find_by_nuke_name(config, interop_id)


def _find_in_table(config: Ocio.Config, interop_id: str) -> Ocio.ColorSpace | None:
    for name in _table_names(interop_id):
        space = config.getColorSpace(name)
        if space is not None:
            return space
    return None


def _find_by_nuke_name(config: Ocio.Config, interop_id: str) -> Ocio.ColorSpace | None:
    if config.hasRole(SCENE_INTERCHANGE_ROLE):
        return None
    for name, identifier in _nuke_default_ids().items():
        if _bare(identifier) == _bare(interop_id) and config.getColorSpace(name) is not None:
            return config.getColorSpace(name)
    return None


def _id_of(config: Ocio.Config, studio: Ocio.Config, space: Ocio.ColorSpace) -> str | None:
    own: str = space.getInteropID()
    if own:
        return own
    names = {name.casefold() for name in (space.getName(), *space.getAliases())}
    for interop_id, known in _interop_names().items():
        if any(name.casefold() in names for name in (interop_id, *known)):
            return interop_id
    if not config.hasRole(SCENE_INTERCHANGE_ROLE):
        table = {name.casefold(): interop_id for name, interop_id in _nuke_default_ids().items()}
        return next((table[name] for name in names if name in table), None)
    return _id_by_numbers(config, studio, space.getName())


def _id_by_numbers(config: Ocio.Config, studio: Ocio.Config, name: str) -> str | None:
    for interop_id in _interop_names():
        standard = _find_in_table(studio, interop_id)
        if standard is None or standard.isData():
            continue
        if _equal_to_standard(config, studio, standard.getName()) == name:
            return interop_id
    return None


def _equal_to_standard(config: Ocio.Config, studio: Ocio.Config, standard_name: str) -> str | None:
    """Return the space of ``config`` with the numbers of a studio space, or None."""
    try:
        name: str = Ocio.Config.IdentifyBuiltinColorSpace(config, studio, standard_name)
    except OCIO_ERRORS:
        return None
    return name


def _unknown(config: Ocio.Config, config_name: str, wanted: str) -> errors.UnknownColourSpace:
    names: dict[str, str] = {}
    for space in _all_spaces(config):
        for name in (space.getName(), *space.getAliases(), space.getInteropID()):
            if name:
                names.setdefault(name.casefold(), name)
    for role, _ in config.getRoles():
        names.setdefault(role.casefold(), role)
    close = difflib.get_close_matches(wanted.casefold(), list(names), n=5, cutoff=0.5)
    if close:
        there = "Close names are: " + ", ".join(names[key] for key in close)
    else:
        there = "They are: " + ", ".join(space.getName() for space in _all_spaces(config))
    remedy = f"Choose a space that the config has. {there}."
    return errors.UnknownColourSpace(f"The config {config_name!r} has no space {wanted!r}.", remedy=remedy)


def _all_spaces(config: Ocio.Config) -> list[Ocio.ColorSpace]:
    return list(config.getColorSpaces(Ocio.SEARCH_REFERENCE_SPACE_ALL, Ocio.COLORSPACE_ALL))


def _bare(interop_id: str) -> str:
    """Return the ID without OpenColorIO's namespace: IDs lose it when the forum adopts them."""
    return interop_id.casefold().removeprefix("ocio:")


def _table_names(interop_id: str) -> list[str]:
    wanted = _bare(interop_id)
    return next((names for known, names in _interop_names().items() if _bare(known) == wanted), [])


@cache
def _interop_names() -> dict[str, list[str]]:
    """Return, per interop ID, the names and aliases the ASWF configs have used for it, studio v2.1 first."""
    text = resources.files("svfr_ocio").joinpath("data/interop_ids.json").read_text(encoding="utf-8")
    table: dict[str, list[str]] = read_json(text)
    return table


@cache
def _nuke_default_ids() -> dict[str, str]:
    """Return the interop ID that each space of Nuke's nuke-default config is read as."""
    text = resources.files("svfr_ocio").joinpath("data/nuke_default.json").read_text(encoding="utf-8")
    table: dict[str, str] = read_json(text)
    return table
