"""The values of an OCIO config's context variables in a host: the artist's, or those of its environment.

A host fills the variables of its config (a shot, a camera) from its own environment; the service never does
from its own. So the host's values travel with the job, or the same config means other colours there.
"""

import os
import re
from pathlib import Path
from typing import Dict, List, Mapping, Optional

from ..errors import BadJob

_DECLARED = re.compile(
    r"^environment:[ \t]*(?P<flow>\{[^}]*\})?[^\n]*\n(?P<block>(?:[ \t]+[^\n]*\n|[ \t]*\n)*)", re.MULTILINE
)
_NAME_OF_BLOCK = re.compile(r"^[ \t]+[\"']?([A-Za-z_]\w*)[\"']?[ \t]*:", re.MULTILINE)
_NAME_OF_FLOW = re.compile(r"[{,]\s*[\"']?([A-Za-z_]\w*)[\"']?\s*:")
_USED = re.compile(r"\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)|%([A-Za-z_]\w*)%")
_MOST_BYTES = 16 * 1024 * 1024  # a file of this size is an archive or no config


def read_context(text: str) -> Dict[str, str]:
    """Return the variables of a text such as ``SHOT=sh010, CAMERA=a``; commas, semicolons or lines part them.

    Raises :class:`~svfr_client.errors.BadJob` for a part that is no NAME=VALUE, and for a name given twice.
    """
    found: Dict[str, str] = {}
    for part in filter(None, (piece.strip() for piece in re.split(r"[,;\n]", text))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not name or not equals or name in found:
            raise BadJob(
                f'"{part[:60]}" is no value of an OCIO context variable, or its name is there twice.',
                remedy="Write them like SHOT=sh010, CAMERA=a.",
            )
        found[name] = value
    return found


def context_of_host(config: str, environment: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """Return what this process's environment says of the variables that the config at a path has.

    Those are the declared ones, or, of a config that declares none, those that it uses. Empty for a built-in
    (``ocio://``) or an archive, and where the file cannot be read: the service then says so itself.
    """
    environment = os.environ if environment is None else environment
    return {name: environment[name] for name in _variables_of(config) if name in environment}


def _variables_of(config: str) -> List[str]:
    try:
        path = Path(config)
        text = "" if path.stat().st_size > _MOST_BYTES else path.read_text(encoding="utf-8") + "\n"
    except (OSError, ValueError):
        return []
    declared = _DECLARED.search(text)
    names: List[str] = []
    if declared is not None:
        names = _NAME_OF_FLOW.findall(declared["flow"] or "") + _NAME_OF_BLOCK.findall(declared["block"])
    names = names or ["".join(groups) for groups in _USED.findall(text)]
    return sorted(set(names))
