# SPDX-License-Identifier: GPL-3.0-or-later
"""What the strip's pixels mean: its colour space, the config that says so, and numbers that prove it.

The claim names the space as the strip does and the config that Blender runs with (``$OCIO`` or its own). A
service on another machine has no such file; it gets the space's Color Interop ID instead, where there is one.
Where PyOpenColorIO can be imported, as in Blender's own builds, a probe goes along.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import StripHasNoColour
from .svfr_client.files import is_file
from .svfr_client.hosting.ocio_context import context_of_host, read_context
from .svfr_client.job import ColourClaim

# Blender's names -> IDs of the Color Interop Forum, https://github.com/AcademySoftwareFoundation/ColorInterop
INTEROP_IDS = {
    "Linear Rec.709": "lin_rec709_scene",
    "Linear Rec.2020": "lin_rec2020_scene",
    "ACES2065-1": "lin_ap0_scene",
    "ACEScg": "lin_ap1_scene",
    "ACEScct": "ocio:acescct_ap1_scene",
    "sRGB": "srgb_rec709_display",
    "Display P3": "srgb_p3d65_display",
    "Rec.1886": "g24_rec709_display",
}
_DATA_NAMES = ("Non-Color", "Raw", "data")
_INTERCHANGE_ROLE = "aces_interchange"
_PROBE_RGB = (
    (0.0, 0.0, 0.0),
    (0.02, 0.02, 0.02),
    (0.18, 0.18, 0.18),
    (0.5, 0.5, 0.5),
    (1.0, 1.0, 1.0),
    (0.9, 0.1, 0.1),
    (0.1, 0.9, 0.1),
    (0.1, 0.1, 0.9),
    (0.42, 0.28, 0.21),
    (0.61, 0.47, 0.39),
    (0.11, 0.07, 0.05),
)


def colour_claim(
    strip: Any,
    config: Path | None,
    is_remote: bool,
    exposure_stops: float | None = None,
    context_text: str = "",
) -> ColourClaim:
    """Return the claim for a strip.

    ``config``: the file that Blender's colours come from. ``is_remote``: the service runs elsewhere, so a
    space with an ID goes by that alone. ``exposure_stops``: None lets the service choose. ``context_text``:
    the artist's values of the config's variables; others are those of Blender's environment. Raises
    StripHasNoColour for data, and where neither ID nor config can say what the space means, and BadJob for
    values that cannot be read.
    """
    space = strip.colorspace_settings.name
    interop_id = INTEROP_IDS.get(space)
    typed = read_context(context_text)
    if space in _DATA_NAMES:
        raise StripHasNoColour(
            f'The strip "{strip.name}" is marked as {space}, which is for data.',
            remedy="Set the strip's colour space to the one its pixels are stored in.",
        )
    if interop_id is not None and (is_remote or config is None):
        return ColourClaim(interop_id=interop_id, exposure_stops=exposure_stops, context=typed)
    if config is None:
        raise StripHasNoColour(
            f'No OCIO config was found that defines the space "{space}" of the strip "{strip.name}".',
            remedy="Set the environment variable OCIO to the config before Blender starts.",
        )
    context = {**context_of_host(str(config)), **typed}
    probe = _probe(config, space, context)
    return ColourClaim(
        space, str(config), interop_id, probe=probe, exposure_stops=exposure_stops, context=context
    )


def running_config(datafiles: str | None) -> Path | None:
    """Return the OCIO config that Blender was started with; ``datafiles``: its own data folder."""
    named = os.environ.get("OCIO", "")
    if named and is_file(Path(named)):
        return Path(named)
    own = Path(datafiles or "") / "colormanagement" / "config.ocio"
    return own if is_file(own) else None


def _probe(config: Path, space: str, context: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a few colours and what they are in ACES2065-1, computed here; None without PyOpenColorIO."""
    try:
        import PyOpenColorIO as Ocio  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    try:
        opened = Ocio.Config.CreateFromFile(str(config))
        if opened.getColorSpace(space).getReferenceSpaceType() != Ocio.REFERENCE_SPACE_SCENE:
            return None
        variables = opened.getCurrentContext()
        for name, value in context.items():
            variables[name] = value
        processor = opened.getProcessor(variables, space, _INTERCHANGE_ROLE).getDefaultCPUProcessor()
        values = [[float(v) for v in processor.applyRGB(list(rgb))] for rgb in _PROBE_RGB]
    except Ocio.Exception:
        return None  # a config without the role says what it means by its IDs; the service decides
    return {"rgb_in": [list(rgb) for rgb in _PROBE_RGB], "rgb_linear_ap0": values}
