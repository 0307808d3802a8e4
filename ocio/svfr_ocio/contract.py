"""Make the machine that sends a plate and the machine that restores it mean the same colours.

A job names its space, its config's identity and, when its host can compute one, a probe. What does not
agree is an error; nothing falls back to a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from svfr_ocio import errors
from svfr_ocio.config import ColourConfig, open_config
from svfr_ocio.probe import check_probe, make_probe
from svfr_ocio.spaces import Space, require_colour


class Claim(Protocol):
    """What a job says about its colour; ``svfr_client.job.ColourClaim`` has this form."""

    @property
    def space(self) -> str | None: ...  # noqa: D102
    @property
    def config(self) -> str | None: ...  # noqa: D102
    @property
    def interop_id(self) -> str | None: ...  # noqa: D102
    @property
    def config_sha256(self) -> str | None: ...  # noqa: D102
    @property
    def context(self) -> Mapping[str, str]: ...  # noqa: D102
    @property
    def reference_space(self) -> str | None: ...  # noqa: D102
    @property
    def probe(self) -> Mapping[str, Any] | None: ...  # noqa: D102


@dataclass(frozen=True)
class Agreement:
    """The config and space both sides mean; ``verified`` is True when a probe has confirmed the numbers."""

    config: ColourConfig
    space: Space
    verified: bool


def agree(claim: Claim, file_space: str | None = None, file_words: str = "") -> Agreement:
    """Open what ``claim`` names and check it against this machine.

    ``file_space`` is the space the plate's own tags give (a name or interop ID), used only when the claim
    names none; ``file_words`` is what they say where that has no name. Raises the errors of
    :func:`~svfr_ocio.config.open_config`,
    :meth:`~svfr_ocio.config.ColourConfig.resolve` and :func:`~svfr_ocio.probe.check_probe`,
    :class:`~svfr_ocio.errors.ConfigChanged` for another sha256 and
    :class:`~svfr_ocio.errors.UnknownColourSpace` when neither side names a space.
    """
    config = open_config(claim.config, claim.context, claim.reference_space)
    _require_same_config(config, claim.config_sha256)
    wanted = claim.space or claim.interop_id or file_space
    if wanted is None:
        silent = "Neither the job nor the plate says which colour space the pixels are in."
        stated = f"The plate states {file_words}, for which there is no colour space here."
        raise errors.UnknownColourSpace(
            stated if file_words else silent,
            remedy="Name it, for instance --colorspace ACEScg.",
        )
    space = config.resolve(wanted, claim.interop_id)
    require_colour(space)
    if claim.probe is not None:
        check_probe(config, space, claim.probe)
    return Agreement(config, space, verified=claim.probe is not None)


def describe(config: ColourConfig, space: Space) -> dict[str, Any]:
    """Return the JSON form of config, space and probe, for claims, provenance and reports."""
    return {
        "config": {
            "kind": config.kind,
            "uri": config.uri,
            "sha256": config.sha256,
            "profile": config.profile,
            "name": config.name,
        },
        "input": {"name": space.name, "interop_id": space.interop_id, "encoding": space.encoding},
        "probe": make_probe(config, space),
    }


def _require_same_config(config: ColourConfig, expected_sha256: str | None) -> None:
    if expected_sha256 is not None and config.sha256 != expected_sha256:
        raise errors.ConfigChanged(
            f"The OCIO config {config.path or config.uri} has the sha256 {config.sha256}, "
            f"but the job was made with {expected_sha256}.",
            path=config.path,
            remedy="Put the same config on both machines, or send the job again.",
        )
