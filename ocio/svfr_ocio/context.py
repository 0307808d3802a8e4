"""What a config leaves to each job: the values of its context variables, and what its reference is.

OpenColorIO fills context variables from the environment of the process that opens the config. A service was
started by somebody, somewhere: its environment says nothing about a job, so every variable gets the job's
value or the config's own default.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import PyOpenColorIO as Ocio

from svfr_ocio import errors
from svfr_ocio.names import ACES2065_1, SCENE_INTERCHANGE_ROLE
from svfr_ocio.spaces import resolve_space

_ADDED_SPACE = "svfr_aces2065_1"


def set_context(config: Ocio.Config, context: Mapping[str, str], path: Path | None) -> None:
    """Give the config's context variables the job's values, the others the config's defaults.

    A config that declares no variables may use any; one that does refuses others, as a misspelt name would
    change nothing in silence. Raises :class:`~svfr_ocio.errors.UnknownContextVariable`.
    """
    declared = {name: config.getEnvironmentVarDefault(name) for name in config.getEnvironmentVarNames()}
    unknown = sorted(set(context) - set(declared)) if declared else []
    if unknown:
        raise errors.UnknownContextVariable(
            f"The OCIO config declares no context variable {', '.join(unknown)}.",
            path=path,
            remedy=f"Its variables are {', '.join(sorted(declared))}.",
        )
    config.clearEnvironmentVars()
    for name, value in {**declared, **context}.items():
        config.addEnvironmentVar(name, value)


def set_reference(config: Ocio.Config, studio: Ocio.Config, reference_space: str) -> None:
    """Tie a config without an ``aces_interchange`` role to ACES: its reference is a known linear space.

    A config that has the role keeps it. Raises :class:`~svfr_ocio.errors.UnknownColourSpace` and
    :class:`~svfr_ocio.errors.DataIsNotColour`.
    """
    if config.hasRole(SCENE_INTERCHANGE_ROLE):
        return
    known = resolve_space(studio, "the built-in studio config", studio, reference_space, None)
    to_aces = studio.getProcessor(known.name, ACES2065_1).createGroupTransform()
    space = Ocio.ColorSpace(referenceSpace=Ocio.REFERENCE_SPACE_SCENE, name=_ADDED_SPACE)
    space.setTransform(to_aces, Ocio.COLORSPACE_DIR_FROM_REFERENCE)
    config.addColorSpace(space)
    config.setRole(SCENE_INTERCHANGE_ROLE, _ADDED_SPACE)
