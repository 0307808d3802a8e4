"""Where model folders are looked for. Loads neither torch nor a model, so that the service may ask too."""

import os
from pathlib import Path

from platformdirs import user_data_path

SEARCH_VARIABLE = "SVFR_MODELS"


def user_models_folder() -> Path:
    """Return where this user's own models are; imports go there. It need not exist."""
    return user_data_path("svfr", False) / "models"


def search_folders() -> tuple[Path, ...]:
    """Return the folders that hold model folders, first searched first; they need not exist."""
    asked = [Path(p) for p in os.environ.get(SEARCH_VARIABLE, "").split(os.pathsep) if p]
    return (*asked, user_models_folder(), Path(__file__).parents[1] / "data" / "models")
