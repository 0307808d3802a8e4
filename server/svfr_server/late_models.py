"""The worker's models, made when the first job asks for one."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from svfr_restore.models import ModelCache


class LateModels:
    """Stands for a :class:`svfr_restore.models.ModelCache` and becomes it on first use.

    Making it loads torch, which takes seconds: a worker says that it is ready before that, and a pipeline
    without models never pays.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._cache: ModelCache | None = None

    def __getattr__(self, name: str) -> Any:
        if self._cache is None:
            from svfr_restore.models import ModelCache

            self._cache = ModelCache(self._device)
        return getattr(self._cache, name)
