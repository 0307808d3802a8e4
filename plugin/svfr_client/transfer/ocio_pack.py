"""An OCIO config with its LUT files as one archive, for a server that sees neither.

``.ocioz`` is OpenColorIO's own form: a zip with ``config.ocio`` and the LUTs below the paths that it names
them by. A host has no OpenColorIO, so the text itself says which files those are: every ``src`` of a
FileTransform, sought along ``search_path``, with the job's values of the context variables. A LUT that is
not there is left out, as most configs have some that nobody uses; a conversion that needs it says so.
"""

import re
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Dict, Iterator, List, Mapping, Sequence, Tuple

from ..errors import FileCannotBeSent
from ..files import is_file
from ..reasons import reason_of
from ..sizes import size_text

MOST_LUTS = 1000
MOST_BYTES = 256 * 1024 * 1024
ARCHIVE_NAME = "config.ocioz"
_MOST_CONFIG_BYTES = 16 * 1024 * 1024
_VALUE = r"(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^,}\]\n#]+))"
_SOURCE = re.compile(rf"!<FileTransform>[^}}!]*?\bsrc:\s*{_VALUE}")
_SEARCH_PATH = re.compile(r"^search_path:[ \t]*([^\n]*)\n((?:[ \t]*-[^\n]*\n)*)", re.MULTILINE)
_DEFAULTS = re.compile(r"^environment:[ \t]*(\{[^}]*\})?[^\n]*\n((?:[ \t]+[^\n]*\n)*)", re.MULTILINE)
_DEFAULT = re.compile(rf"([A-Za-z_]\w*)[\"']?[ \t]*:[ \t]*{_VALUE}")
_VARIABLE = re.compile(r"\$\{(\w+)\}|\$([A-Za-z_]\w*)|%(\w+)%")


def luts_of(config: Path, context: Mapping[str, str]) -> Dict[str, Path]:
    """Return the LUT files of a config by their names in an archive; empty for one that is an archive itself.

    Raises :class:`~svfr_client.errors.FileCannotBeSent` for LUTs outside the config's folder, more than
    ``MOST_LUTS`` of them or more than ``MOST_BYTES``.
    """
    found = {_name(config, folder, source, path): path for folder, source, path in _sought(config, context)}
    _check_bounds(config, found)
    return found


def lut_paths(config: Path, context: Mapping[str, str]) -> List[Path]:
    """Return the LUT files of a config wherever they lie; none for one that is an archive itself.

    Raises :class:`~svfr_client.errors.FileCannotBeSent` for a config that cannot be read.
    """
    return [path for _, _, path in _sought(config, context)]


def _sought(config: Path, context: Mapping[str, str]) -> Iterator[Tuple[str, str, Path]]:
    """Yield each LUT that is there: the folder of the search path, its name below that, its path."""
    text = _text_of(config)
    values = {**_defaults(text), **context}
    folders = [_filled(folder, values) for folder in _search_path(text)] or ["."]
    for source in sorted({_one(match) for match in _SOURCE.findall(text)}):
        for folder in folders:
            path = config.parent / folder / _filled(source, values)
            if is_file(path):
                yield folder, _filled(source, values), path
                break


def pack(config: Path, luts: Mapping[str, Path], archive: Path) -> None:
    """Write config and LUTs into one archive, the same bytes for the same content.

    Raises :class:`~svfr_client.errors.FileCannotBeSent` for a file that cannot be read.
    """
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packed:
        for name, path in sorted({"config.ocio": config, **luts}.items()):
            try:
                packed.writestr(zipfile.ZipInfo(name), path.read_bytes())
            except OSError as problem:
                text = f"The file cannot be read: {reason_of(problem)}."
                raise FileCannotBeSent(text, path=path, remedy="Check its permissions.") from problem


def _text_of(config: Path) -> str:
    try:
        if config.stat().st_size > _MOST_CONFIG_BYTES or zipfile.is_zipfile(config):
            return ""
        return config.read_text(encoding="utf-8", errors="replace") + "\n"
    except OSError:
        return ""  # what sends the config itself says why it cannot be read


def _search_path(text: str) -> List[str]:
    match = _SEARCH_PATH.search(text)
    if match is None:
        return []
    inline = match.group(1).split("#")[0].strip().strip("[]\"'")
    entries = [line.strip()[1:] for line in match.group(2).splitlines()]
    parts = re.split(r"[:;,]", inline) if not re.match(r"[A-Za-z]:[\\/]", inline) else [inline]
    return [part.strip().strip("\"'") for part in [*parts, *entries] if part.strip().strip("\"'")]


def _defaults(text: str) -> Dict[str, str]:
    match = _DEFAULTS.search(text)
    pairs = [] if match is None else _DEFAULT.findall((match.group(1) or "") + "\n" + match.group(2))
    return {name: _one(value) for name, *value in pairs}


def _one(alternatives: Sequence[str]) -> str:
    return next((text.strip() for text in alternatives if text), "")


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values.get(_one(match.groups("")), match.group(0)), text)


def _name(config: Path, folder: str, source: str, path: Path) -> str:
    """Return a LUT's name in the archive, where the config finds it by the very same paths."""
    parts = PurePosixPath(folder.replace("\\", "/"), source.replace("\\", "/")).parts
    is_below = ".." not in parts and not any(
        kind(part).is_absolute() for part in (folder, source) for kind in (PurePosixPath, PureWindowsPath)
    )
    if not is_below:
        raise FileCannotBeSent(
            f"The OCIO config {config.name} uses a LUT outside its folder, which cannot be sent along.",
            path=path,
            remedy="Put the LUTs below the config, with a search_path relative to it, or put both where the "
            "server sees them.",
        )
    return PurePosixPath(*parts).as_posix()


def _check_bounds(config: Path, found: Mapping[str, Path]) -> None:
    size_bytes = sum(path.stat().st_size for path in found.values())
    if len(found) > MOST_LUTS or size_bytes > MOST_BYTES:
        raise FileCannotBeSent(
            f"The OCIO config uses {len(found)} LUT files of {size_text(size_bytes)}; "
            f"{MOST_LUTS} of {size_text(MOST_BYTES)} are sent at most.",
            path=config,
            remedy="Put the config where the server sees it, and a rule for its folder into path_map.json.",
        )
