"""Where model folders are looked for. Loads neither torch nor a model, so that the service may ask too."""

import os
from collections.abc import Iterator
from pathlib import Path

from platformdirs import user_data_path

SEARCH_VARIABLE = "SVFR_MODELS"
SPEC_FILE = "model.json"


def user_models_folder() -> Path:
    """Return where this user's own models are; imports go there. It need not exist."""
    return user_data_path("svfr", False) / "models"


def search_folders() -> tuple[Path, ...]:
    """Return the folders that hold model folders, first searched first; they need not exist."""
    asked = [Path(p) for p in os.environ.get(SEARCH_VARIABLE, "").split(os.pathsep) if p]
    return (*asked, user_models_folder(), Path(__file__).parents[1] / "data" / "models")


def found_folders() -> Iterator[tuple[str, Path]]:
    """Yield (name, folder) of every model that can be found by name; a name twice is the first one's."""
    seen: set[str] = set()
    for parent in search_folders():
        for path in parent.glob(f"*/{SPEC_FILE}"):
            name = path.parent.name
            if name not in seen and not name.startswith("."):
                seen.add(name)
                yield name, path.parent
