"""The mean of two models' weights as a model: ``python -m svfr_lab.training.average OLD NEW --out FOLDER``.

A model and one that was trained on from it lie close together, and the mean of both often does as well as
either at what each does best (Wortsman et al. 2022, "Model soups", arXiv 2203.05482).
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from svfr.models.folder import read_spec, write_folder
from svfr.models.networks import BESIDE_FILES
from svfr.models.spec import DiffusionSpec
from svfr_lab.errors import ArgumentOutOfRange

AVERAGED = ("unet.safetensors", "identity.safetensors")


def mean_weights(old: Path, new: Path) -> dict[str, torch.Tensor]:
    """Return the mean of two weight files, computed in float32 and kept in the types of ``new``.

    Raises ArgumentOutOfRange unless both have the same tensors.
    """
    first, second = load_file(old), load_file(new)
    if {k: v.shape for k, v in first.items()} != {k: v.shape for k, v in second.items()}:
        raise ArgumentOutOfRange(
            "The two networks are not of one form.",
            path=new,
            remedy="Average a model with one trained on from it.",
        )
    return {key: ((first[key].float() + value.float()) / 2).to(value.dtype) for key, value in second.items()}


def average(old: Path, new: Path, out: Path) -> DiffusionSpec:
    """Write the folder ``out``: ``new`` with the mean weights, and in its training record both.

    All else is the new model's; a network beside the base that it lacks is the old one's. Raises
    ArgumentOutOfRange, FolderExists, and what reading a model raises.
    """
    before, after = read_spec(old), read_spec(new)
    if not isinstance(before, DiffusionSpec) or not isinstance(after, DiffusionSpec):
        raise ArgumentOutOfRange(
            "A model without networks has no mean.", path=new, remedy="Name trained models."
        )
    hashes = {name: [spec.files[name].sha256 for spec in (before, after)] for name in AVERAGED}
    training = {**after.training, "mean_of_sha256": hashes}
    copies = {name: new / name for name in after.files if name not in AVERAGED}
    kept: dict[str, Any] = {}
    for part, file in BESIDE_FILES.items():
        if getattr(after, part) is None and getattr(before, part) is not None:
            copies[file] = old / file
            training[part] = before.training.get(part, {})
            kept[part] = getattr(before, part)
    spec = replace(after, training=training, **kept)
    tensors = {name: mean_weights(old / name, new / name) for name in AVERAGED}
    return write_folder(out, spec, tensors, copies)


def main(arguments: list[str] | None = None) -> None:
    """Average two model folders into a third."""
    parser = argparse.ArgumentParser(description="Average the weights of two models.")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path, help="trained on from the old one; all but weights is its own")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    asked = parser.parse_args(arguments)
    average(asked.old, asked.new, asked.out)
    print(asked.out)


if __name__ == "__main__":
    main()
