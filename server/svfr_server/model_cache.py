"""Models stay loaded between jobs, so that the second job starts at once."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svfr.model import Model


class ModelCache:
    """The model a worker has in memory: the last one asked for, and only that one.

    Two would rarely fit a GPU; a queue of jobs mostly asks for the same.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self._name: str | None = None
        self._model: Model | None = None

    def load(self, name: str) -> "Model":
        """Return the model ``name`` (a name or a folder) on this worker's device.

        Raises the typed errors of :mod:`svfr.model_folder` for a missing or damaged folder.
        """
        from svfr.model import load_model
        from svfr.model_folder import find_model

        if self._model is None or self._name != name:
            self.clear()
            self._model = load_model(find_model(name), device=self.device)
            self._name = name
        return self._model

    def clear(self) -> None:
        """Let go of the model and its memory."""
        self._name = self._model = None
