"""Writes a model folder again with the networks beside its base in 8 bits, half of their bytes."""

from __future__ import annotations

import argparse
from pathlib import Path

from safetensors.torch import load_file

from svfr.models.eight_bit_weights import packed
from svfr.models.folder import find_model, read_diffusion_spec, write_folder
from svfr.models.networks import BESIDE_FILES
from svfr.models.spec import DiffusionSpec


def in_eight_bits(model: Path, out: Path) -> DiffusionSpec:
    """Write the folder ``out``: ``model``, with the networks beside its base in 8 bits.

    Raises FolderExists, and what reading a model raises.
    """
    spec = read_diffusion_spec(model)
    tensors = {name: packed(load_file(model / name)) for name in BESIDE_FILES.values() if name in spec.files}
    copies = {name: model / name for name in spec.files if name not in tensors}
    return write_folder(out, spec, tensors, copies)


def main(arguments: list[str] | None = None) -> None:
    """Write a model folder again."""
    parser = argparse.ArgumentParser(description="Write a model again, networks beside its base in 8 bits.")
    parser.add_argument("model", help="its name, or its folder")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    asked = parser.parse_args(arguments)
    in_eight_bits(find_model(asked.model), asked.out)
    print(asked.out)


if __name__ == "__main__":
    main()
