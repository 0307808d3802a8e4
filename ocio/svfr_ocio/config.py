"""Open an OCIO config and say exactly which one it is.

A config is named by a built-in address (``ocio://...``), by the path of a ``config.ocio`` or ``.ocioz``
file, or not at all, which means the built-in studio config. ``$OCIO`` is never consulted: what the
environment of a service holds says nothing about the job. The identity of a config is its resolved built-in
address, or the sha256 of its raw bytes and of every LUT it refers to; OpenColorIO's own ``getCacheID`` and
``serialize`` differ between folders, archives and library versions.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import PyOpenColorIO as Ocio

from svfr_client.arguments import checked
from svfr_client.sizes import size_text
from svfr_ocio import errors
from svfr_ocio.context import set_context, set_reference
from svfr_ocio.names import STUDIO_URI
from svfr_ocio.processors import OCIO_ERRORS, ocio_reason
from svfr_ocio.spaces import Space, resolve_space

_BUILTIN_SCHEME = "ocio://"
_CHUNK_BYTES = 1 << 20
# Far above what a show's config holds: hundreds of LUTs, hundreds of MiB.
_MOST_MEMBERS, _MOST_ARCHIVE_BYTES = 8192, 2 << 30


@dataclass(frozen=True, eq=False, kw_only=True)
class ColourConfig:
    """An opened OCIO config together with its identity.

    ``uri`` is the fixed built-in address (kind "builtin"), otherwise ``path`` and ``sha256`` are set;
    ``profile`` is the config's profile version such as "2.3".
    """

    kind: Literal["builtin", "file", "archive"]
    name: str
    profile: str
    uri: str | None
    path: Path | None
    sha256: str | None
    ocio: Ocio.Config = field(repr=False)

    @property
    def identity(self) -> str:
        """The text two machines compare: the built-in address, or ``sha256:`` and the hash."""
        return self.uri if self.uri is not None else f"sha256:{self.sha256}"

    def resolve(self, name: str, interop_id: str | None = None) -> Space:
        """Return the space that ``name`` means: a name, role, alias or interop ID.

        ``interop_id`` says what the space is when the config itself cannot. Raises
        :class:`~svfr_ocio.errors.UnknownColourSpace` or
        :class:`~svfr_ocio.errors.SpaceHasNoKnownPrimaries`.
        """
        if self.uri is not None:
            return _resolve_builtin(self.uri, self.name, name, interop_id)
        return resolve_space(self.ocio, self.name, studio_config(), name, interop_id)

    def require_unchanged(self) -> None:
        """Raise :class:`~svfr_ocio.errors.ConfigChanged` when the files are no longer those that were
        opened."""
        if self.path is None:
            return
        if not self.path.is_file() or _hash_config(self.path, self.ocio) != self.sha256:
            raise errors.ConfigChanged(
                f"The OCIO config {self.path} or one of its LUTs changed after it was opened.",
                path=self.path,
                remedy="Send the job again, so that every frame is made with one config.",
            )


@cache
def studio_config() -> Ocio.Config:
    """Return the built-in studio config that gives standard names their meaning."""
    return Ocio.Config.CreateFromFile(STUDIO_URI)


@cache
def _builtin(uri: str) -> Ocio.Config:
    """Return a built-in config as it is read, once for all jobs; nobody changes it."""
    return Ocio.Config.CreateFromFile(uri)


@cache
def _resolve_builtin(uri: str, config_name: str, name: str, interop_id: str | None) -> Space:
    """Return a built-in config's space, looked for once."""
    return resolve_space(_builtin(uri), config_name, studio_config(), name, interop_id)


@cache
def package_config() -> Ocio.Config:
    """Return this project's own config (``config.ocio`` beside this module)."""
    text = resources.files("svfr_ocio").joinpath("config.ocio").read_text(encoding="utf-8")
    return Ocio.Config.CreateFromStream(text)


@checked
def open_config(
    claim: str | None, context: Mapping[str, str] | None = None, reference_space: str | None = None
) -> ColourConfig:
    """Open the config that ``claim`` names: an ``ocio://`` address, a path, or None for the studio config.

    ``context`` are values of its context variables; those it leaves out have the config's own defaults, and
    the environment of this process never counts. ``reference_space`` is what the reference of a config is
    that has no ``aces_interchange`` role, named as in the studio config.

    Raises :class:`~svfr_ocio.errors.UnknownContextVariable` for a variable the config does not declare, and
    :class:`~svfr_ocio.errors.UnknownColourSpace` for an unknown reference space.

    Raises :class:`~svfr_ocio.errors.ConfigIsMissing`, :class:`~svfr_ocio.errors.UnknownBuiltinConfig`,
    :class:`~svfr_ocio.errors.ConfigIsTooNew` or :class:`~svfr_ocio.errors.ConfigIsUnreadable`.
    """
    if claim is None or claim.startswith(_BUILTIN_SCHEME):
        return _open_builtin(STUDIO_URI if claim is None else claim, context or {})
    return _open_file(Path(claim), context or {}, reference_space)


def _open_builtin(address: str, context: Mapping[str, str]) -> ColourConfig:
    uri = Ocio.ResolveConfigPath(address)
    names = [row[0] for row in Ocio.BuiltinConfigRegistry().getBuiltinConfigs()]
    if uri.removeprefix(_BUILTIN_SCHEME) not in names:
        raise errors.UnknownBuiltinConfig(
            f"OpenColorIO {Ocio.__version__} has no built-in config {address!r}.",
            remedy="Use one of: " + ", ".join(_BUILTIN_SCHEME + name for name in names) + ".",
        )
    config = copy.deepcopy(_builtin(uri))  # the job's own: its context is set in it
    set_context(config, context, None)
    return _describe("builtin", config, uri=uri, path=None, sha256=None)


def _open_file(path: Path, context: Mapping[str, str], reference_space: str | None) -> ColourConfig:
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for a name that no disk takes
        raise errors.ConfigIsMissing(
            f"The OCIO config {path} does not exist.",
            path=path,
            remedy="Check the path, and that this machine sees the folder it lies in.",
        )
    if not os.path.isfile(path):  # noqa: PTH113 - as above
        raise errors.ConfigIsUnreadable(
            f"{path} is not a file.", path=path, remedy="Name the config.ocio or .ocioz file itself."
        )
    _refuse_a_large_archive(path)
    # OpenColorIO keeps LUTs by path for the life of the process: a rewritten one would go unseen.
    Ocio.ClearAllCaches()
    try:
        config = Ocio.Config.CreateFromFile(str(path))
    except OCIO_ERRORS as error:
        raise _loading_error(path, ocio_reason(error)) from error
    set_context(config, context, path)
    if reference_space is not None:
        set_reference(config, studio_config(), reference_space)
    kind: Literal["file", "archive"] = "archive" if zipfile.is_zipfile(path) else "file"
    return _describe(kind, config, uri=None, path=path, sha256=_hash_config(path, config))


def _loading_error(path: Path, reason: str) -> errors.SvfrError:
    if re.search(r"not able to load that config version|version \S+ is not supported", reason):
        return errors.ConfigIsTooNew(
            f"The OCIO config {path} is newer than OpenColorIO {Ocio.__version__}: {reason}.",
            path=path,
            remedy="Save the config with an older profile version, or update opencolorio on this machine.",
        )
    return errors.ConfigIsUnreadable(
        f"The OCIO config {path} cannot be read: {reason}.",
        path=path,
        remedy="Check the file with ociocheck.",
    )


def _describe(
    kind: Literal["builtin", "file", "archive"],
    config: Ocio.Config,
    *,
    uri: str | None,
    path: Path | None,
    sha256: str | None,
) -> ColourConfig:
    fallback = uri.removeprefix(_BUILTIN_SCHEME) if uri is not None else path.name if path is not None else ""
    profile = f"{config.getMajorVersion()}.{config.getMinorVersion()}"
    return ColourConfig(
        kind=kind,
        name=config.getName() or fallback,
        profile=profile,
        uri=uri,
        path=path,
        sha256=sha256,
        ocio=config,
    )


def _refuse_a_large_archive(path: Path) -> None:
    """Raise ConfigIsUnreadable for an archive that unpacks to more than any config holds, before it does."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return  # OpenColorIO says what is wrong with it
    size_bytes = sum(member.file_size for member in members)
    if len(members) > _MOST_MEMBERS or size_bytes > _MOST_ARCHIVE_BYTES:
        raise errors.ConfigIsUnreadable(
            f"The archive {path} holds {len(members)} files of {size_text(size_bytes)}; "
            f"{_MOST_MEMBERS} of {size_text(_MOST_ARCHIVE_BYTES)} are read at most.",
            path=path,
            remedy="Leave out what the config does not use.",
        )


def _hash_config(path: Path, config: Ocio.Config) -> str:
    """Return the sha256 over the config's bytes and, sorted by name, every LUT's name and bytes."""
    if zipfile.is_zipfile(path):
        parts = _archive_parts(path)
    else:
        parts = _folder_parts(path, config)
    total = hashlib.sha256()
    for name, digest in sorted(parts.items()):
        total.update(f"{name}\0{digest}\n".encode())
    return total.hexdigest()


def _archive_parts(path: Path) -> dict[str, str]:
    # The bytes of a zip differ from one packing to the next (dates, order), so its members are what counts.
    with zipfile.ZipFile(path) as archive:
        members = [name for name in archive.namelist() if not name.endswith("/")]
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in members}


def _folder_parts(path: Path, config: Ocio.Config) -> dict[str, str]:
    parts = {"config.ocio": _hash_file(path)}
    context = config.getCurrentContext()
    for source in sorted(set(_file_sources(config))):
        try:
            found = Path(context.resolveFileLocation(source))
        except OCIO_ERRORS:
            parts[source] = "missing"  # a conversion that needs it raises; the others may go on
        else:
            parts[source] = _hash_file(found)
    return parts


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_CHUNK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _file_sources(config: Ocio.Config) -> Iterator[str]:
    """Yield the ``src`` of every file transform in the config, as written."""
    directions = (Ocio.COLORSPACE_DIR_TO_REFERENCE, Ocio.COLORSPACE_DIR_FROM_REFERENCE)
    for space in config.getColorSpaces(Ocio.SEARCH_REFERENCE_SPACE_ALL, Ocio.COLORSPACE_ALL):
        for direction in directions:
            yield from _sources_in(space.getTransform(direction))
    for view in config.getViewTransforms():
        for direction in (Ocio.VIEWTRANSFORM_DIR_TO_REFERENCE, Ocio.VIEWTRANSFORM_DIR_FROM_REFERENCE):
            yield from _sources_in(view.getTransform(direction))
    for look in config.getLooks():
        yield from _sources_in(look.getTransform())
        yield from _sources_in(look.getInverseTransform())
    for named in config.getNamedTransforms(Ocio.NAMEDTRANSFORM_ALL):
        for transform_direction in (Ocio.TRANSFORM_DIR_FORWARD, Ocio.TRANSFORM_DIR_INVERSE):
            yield from _sources_in(named.getTransform(transform_direction))


def _sources_in(transform: Ocio.Transform | None) -> Iterator[str]:
    if isinstance(transform, Ocio.GroupTransform):
        for child in transform:
            yield from _sources_in(child)
    elif isinstance(transform, Ocio.FileTransform):
        yield transform.getSrc()
