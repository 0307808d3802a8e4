"""Make a model folder of your own from mini's, here with other presets: python own_model.py FOLDER

Weights that you trained go in as `unet`; `--model FOLDER` and `model=` take the folder.
"""

import dataclasses
import sys
from pathlib import Path

import svfr
from svfr.models.folder import find_model, write_folder
from svfr.models.networks import UNET_FILE


def main(folder: str) -> None:
    mini = svfr.load_model("mini")
    careful = dataclasses.replace(mini.spec.presets["final"], guidance=1.0)
    spec = dataclasses.replace(
        mini.spec, name=Path(folder).name, presets=dict.fromkeys(mini.spec.presets, careful), files={}
    )
    unet = mini.unet.state_dict()
    others = {name: find_model("mini") / name for name in mini.spec.files if name != UNET_FILE}
    write_folder(Path(folder), spec, {UNET_FILE: unet}, others)
    print(f"{folder} holds the model {spec.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
