"""Model folders on disk: finding, listing, checking and writing them.

A folder holds model.json (see spec) and the files it names, each with its SHA-256. Its directory's
name is the model's name. Folders are searched in this order, and the first that has the name is used: those
of the environment variable SVFR_MODELS, the user's own, and the ones shipped with this package.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file

from svfr.errors import (
    CheckpointUnreadable,
    ModelFileCorrupted,
    ModelFileMissing,
    ModelHasNoNetwork,
    ModelMissing,
    ModelSpecInvalid,
)
from svfr.models.known_files import hashed, known, read_hash, remember
from svfr.models.networks import Networks, empty_networks
from svfr.models.new_folder import new_folder
from svfr.models.search import SEARCH_VARIABLE, SPEC_FILE, found_folders, search_folders
from svfr.models.spec import DiffusionSpec, FileRecord, ModelSpec, spec_from_json
from svfr.models.tensor_files import check_safetensors, check_values
from svfr.validation import read_json
from svfr_client.errors import SvfrError
from svfr_client.files import is_file, whole_file, write_whole
from svfr_client.reasons import reason_of


@dataclass(frozen=True)
class ModelListing:
    """One found model: its ``spec``, or, when its model.json is not valid, the ``problem``."""

    name: str
    folder: Path
    spec: ModelSpec | None
    problem: SvfrError | None


def find_model(name_or_path: str) -> Path:
    """Return the folder of a model; text with a path separator is a path, other text a name.

    Raises ModelMissing, which lists the models there are.
    """
    is_path = any(separator in name_or_path for separator in ("/", os.sep))
    places = [Path(name_or_path)] if is_path else [folder / name_or_path for folder in search_folders()]
    for place in places:
        if is_file(place / SPEC_FILE):
            return place
    remedy = f"Give one of these names, or a folder with a {SPEC_FILE}; {SEARCH_VARIABLE} adds folders."
    if is_file(Path(name_or_path) / SPEC_FILE):
        remedy = f"For the folder of this name write ./{name_or_path}"
    known = ", ".join(listing.name for listing in list_models()) or "none"
    raise ModelMissing(
        f"There is no model {name_or_path!r}. Models found: {known}.",
        path=name_or_path if is_path else None,
        remedy=remedy,
    )


def list_models() -> tuple[ModelListing, ...]:
    """Return every model that :func:`find_model` finds by name, sorted by name."""
    return tuple(_listing(name, folder) for name, folder in sorted(found_folders()))


def _listing(name: str, folder: Path) -> ModelListing:
    try:
        return ModelListing(name, folder, read_spec(folder), None)
    except SvfrError as problem:
        return ModelListing(name, folder, None, problem)


def read_spec(folder: Path) -> ModelSpec:
    """Read a folder's model.json; raises ModelMissing or ModelSpecInvalid."""
    path = folder / SPEC_FILE
    try:
        body = read_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        remedy = "Give the folder that svfr model import has written."
        raise ModelMissing(f"The folder has no {SPEC_FILE}.", path=folder, remedy=remedy) from error
    except (ValueError, OSError) as error:
        raise ModelSpecInvalid([reason_of(error)], path=path) from error
    return spec_from_json(body, path)


def read_diffusion_spec(folder: Path) -> DiffusionSpec:
    """Read the model.json of a model with networks.

    Raises ModelMissing, ModelSpecInvalid, and ModelHasNoNetwork for a built-in model without weights.
    """
    spec = read_spec(folder)
    if isinstance(spec, DiffusionSpec):
        return spec
    text = f"The model {spec.name!r} of kind {spec.kind!r} has no network to load."
    raise ModelHasNoNetwork(text, path=folder, remedy="Choose a diffusion model.")


def check_files(folder: Path, spec: DiffusionSpec, *, afresh: bool = False) -> list[SvfrError]:
    """Return one error for every file of the spec that is missing or not the one that was written.

    A large file whose hash is known is read again only ``afresh``, or when it was touched since: see
    :mod:`svfr.models.known_files`. Reading every byte takes about three seconds a gigabyte.
    """
    record_of = hashed if afresh else known
    return [
        problem
        for name, record in spec.files.items()
        if (problem := _file_problem(folder / name, record, record_of))
    ]


def _file_problem(
    path: Path, record: FileRecord, record_of: Callable[[Path], FileRecord]
) -> SvfrError | None:
    if not is_file(path):
        remedy = "Copy it from where the folder came, or import the model again."
        return ModelFileMissing("A file of the model is missing.", path=path, remedy=remedy)
    try:
        actual = record_of(path)
    except OSError as error:
        text, remedy = f"The file cannot be read: {reason_of(error)}.", "Check its permissions and its disk."
        return CheckpointUnreadable(text, path=path, remedy=remedy)
    if actual == record:
        return None
    return ModelFileCorrupted(
        f"{path.name} is not the file that was installed: expected sha256 {record.sha256} "
        f"({record.bytes} bytes), found {actual.sha256} ({actual.bytes} bytes).",
        path=path,
        remedy="Copy the file again, or import the model again.",
    )


def read_networks(folder: Path) -> tuple[DiffusionSpec, Networks]:
    """Read a diffusion model's description and build its networks without weights.

    Raises ModelMissing, ModelSpecInvalid, and ModelHasNoNetwork for a built-in model without weights.
    """
    spec = read_diffusion_spec(folder)
    networks = empty_networks(spec)
    unlisted = [f"missing key files.{name}" for name in networks.by_file() if name not in spec.files]
    if unlisted:
        raise ModelSpecInvalid(unlisted, path=folder / SPEC_FILE)
    return spec, networks


def unnamed_weights(folder: Path) -> list[str]:
    """Return the weight files of a folder that its model.json does not name, and nothing reads."""
    spec = read_spec(folder)
    named = spec.files if isinstance(spec, DiffusionSpec) else {}
    return sorted({path.name for path in folder.glob("*.safetensors")} - set(named))


def verify(folder: Path, *, afresh: bool = False) -> list[SvfrError]:
    """Return everything that is wrong with a folder: its description, files, hashes, tensors and shapes.

    ``afresh`` reads every byte of the files, as in :func:`check_files`, and looks at every number.
    """
    try:
        spec, networks = read_networks(folder)
    except ModelHasNoNetwork:
        return []
    except SvfrError as problem:
        return [problem]
    problems = check_files(folder, spec, afresh=afresh)
    # A file that is not the one that was installed is named once; its tensors would only repeat it.
    damaged = {problem.path for problem in problems}
    for name, network in networks.by_file().items():
        if str(folder / name) not in damaged:
            found = check_safetensors(folder / name, network)
            problems += found or (check_values(folder / name) if afresh else [])
    return problems


def write_folder(
    folder: Path,
    spec: DiffusionSpec,
    tensors: Mapping[str, Mapping[str, torch.Tensor]],
    copies: Mapping[str, Path],
) -> DiffusionSpec:
    """Write a whole model folder or nothing: it appears under its name only when it is complete.

    ``tensors`` are the weight files to write (safetensors, types kept), ``copies`` the files to take over
    as they are, both by name in the folder. Returns the spec with the files recorded; raises FolderExists.
    """
    with new_folder(folder) as draft:
        for name, weights in tensors.items():
            with whole_file(draft / name) as scratch:  # safetensors makes files for the owner alone
                save_file({key: tensor.contiguous() for key, tensor in weights.items()}, scratch)
        for name, source in copies.items():
            shutil.copyfile(source, draft / name)
        records = {path.name: read_hash(path) for path in sorted(draft.iterdir())}
        complete = dataclasses.replace(spec, files=records)
        text = json.dumps(complete.to_json(), indent=1) + "\n"
        write_whole(draft / SPEC_FILE, text)
    for name, record in records.items():  # known under the names that they have now
        remember(folder / name, record)
    return complete
