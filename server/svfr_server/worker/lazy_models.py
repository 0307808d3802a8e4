"""The worker's models, made when the first job asks for one."""

import threading
from typing import Any

from svfr_restore.job_line import JobLine


class LazyModels:
    """Stands for a :class:`svfr_restore.plan.models.ModelCache` and becomes it on first use.

    Making it loads torch, which takes seconds: a worker says that it is ready before that, and a pipeline
    without models never pays. ``low_memory``: see ``out_of_memory.py``.
    """

    stands_for = "ModelCache"

    def __init__(self, device: str, low_memory: bool = False) -> None:
        self._device = device
        self._making = threading.Lock()
        self.low_memory = low_memory
        self.line = JobLine()  # the same for every cache that this becomes
        self._cache: Any = None

    @property
    def is_compiling(self) -> bool:
        """Whether networks are being compiled beside; loads nothing."""
        return self._cache is not None and bool(self._cache.is_compiling)

    def use_less_memory(self) -> None:
        """Let go of what is loaded; from now on the networks take turns in the device's memory."""
        self._cache = None
        self.low_memory = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made(), name)

    def _made(self) -> Any:
        with self._making:
            if self._cache is None:
                from svfr_restore.plan.models import ModelCache
                from svfr_server.worker.out_of_memory import LowMemoryModels

                cache = ModelCache(self._device)
                cache.line = self.line
                self._cache = LowMemoryModels(cache) if self.low_memory else cache
            return self._cache
