"""Writes the model folder of a training run: ``python -m svfr_lab.training.export --run DIR --out DIR ...``.

The folder's model.json says where the weights come from: the recipe, the rendered training clips by settings
and sha256, the revision of the code, and the frozen evaluation split that is to judge them.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from svfr.models.folder import read_diffusion_spec
from svfr.training.export.folder import export_preview, read_trained
from svfr.training.recipe.config import PreviewRecipe, read_recipe
from svfr.validation import read_json_file
from svfr_lab.heads.dataset import file_sha256, open_rendered_folder
from svfr_lab.preview_eval.split import EVALUATION_SPLIT_PATH


def provenance(data_folder: Path, revision: str, start: Path | None = None) -> dict[str, Any]:
    """Return where a run's weights come from, as model.json's ``training`` states it.

    ``data_folder`` holds the training clips, ``revision`` is the commit of the code that trained, ``start``
    the model folder that the run began with, whose own record is taken over without the figures measured on
    those weights. Raises RenderedFolderIsUnusable, and what reading a model folder raises.
    """
    data = open_rendered_folder(data_folder)
    began_with = {}
    if start is not None:
        began_with["started_from"] = _without_figures(read_diffusion_spec(start).training)
    return {
        "revision": revision,
        **began_with,
        "data": {"settings": asdict(data.settings), "clips_sha256": data.clips_sha256},
        "evaluation_split_sha256": file_sha256(EVALUATION_SPLIT_PATH),
        "evaluation_clips_sha256": read_json_file(EVALUATION_SPLIT_PATH)["clips_sha256"],
    }


def _without_figures(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "measured"}


def main(arguments: list[str] | None = None) -> None:
    """Export a run and print what was written."""
    parser = argparse.ArgumentParser(description="Write the model folder of a training run.")
    parser.add_argument("--run", type=Path, required=True, help="the folder of svfr train")
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write; must not exist")
    parser.add_argument("--data", type=Path, required=True, help="the training clips of the run")
    parser.add_argument("--revision", required=True, help="the commit of the code that trained")
    parser.add_argument("--start", type=Path, help="the model folder that the run began with, if with one")
    parser.add_argument("--config", type=Path, help="the TOML recipe of the run; default: that of mini")
    asked = parser.parse_args(arguments)
    packaged = Path(str(resources.files("svfr.training") / "configs" / "mini.toml"))
    config = read_recipe(asked.config or packaged)
    assert isinstance(config, PreviewRecipe), "the recipe of a preview model"
    trained = read_trained(asked.run / "state.pt", config.network)
    export_preview(trained, config, asked.out, provenance(asked.data, asked.revision, asked.start))
    size_bytes = sum(path.stat().st_size for path in asked.out.iterdir())
    print(f"{asked.out}: {config.name} after {trained.steps} steps, {size_bytes / 1e6:.2f} MB.")


if __name__ == "__main__":
    main()
