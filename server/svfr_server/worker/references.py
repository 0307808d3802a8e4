"""The references a job made, kept for jobs that do some of its frames again.

A reference is the picture that decides a face's identity throughout a shot. A job that is done again in part
must take the same ones, even when the seed or the plate's other frames differ; they are small, and kept as
long as the job is remembered, whatever the cache forgets.
"""

from typing import TYPE_CHECKING

from svfr_server.errors import ReferenceIsGone
from svfr_server.job_store.checkpoints import DiskCheckpoints

if TYPE_CHECKING:
    import torch

_REFERENCE = "/pass1/reference"


class ReferenceKeeper:
    """A job's checkpoint store that also keeps its references, numbered in the order of its tracks.

    ``own``: where this job's go. ``former``: those of the job to be done again, which are given in place of
    new ones; None for a job of its own.
    """

    def __init__(
        self, store: DiskCheckpoints, own: DiskCheckpoints | None, former: DiskCheckpoints | None
    ) -> None:
        self._store = store
        self._own = own
        self._former = former
        self._numbers: dict[str, int] = {}
        if own is not None:
            own.save_note("kept", True)  # a job without a reference can be done again too

    @property
    def journal(self) -> DiskCheckpoints:
        """The job's own notes."""
        return self._store.journal

    def load(self, name: str) -> "torch.Tensor | None":
        """Return what is kept; for a reference of a job done again, the former job's.

        Raises ReferenceIsGone if the former job has none for this track.
        """
        if not name.endswith(_REFERENCE):
            return self._store.load(name)
        if self._former is None:
            value = self._store.load(name)
        else:
            value = self._former.load(self._numbered(name))
            if value is None:
                raise ReferenceIsGone(
                    f"The former job has no reference for face {self._numbers[name]} of this one.",
                    remedy="The plate or the choice of faces has changed; hand in the whole job again.",
                )
        if value is not None:
            self._keep(name, value)
        return value

    def save(self, name: str, value: "torch.Tensor") -> None:
        """Keep a value; a reference also for later."""
        self._store.save(name, value)
        if name.endswith(_REFERENCE):
            self._keep(name, value)

    def _keep(self, name: str, value: "torch.Tensor") -> None:
        if self._own is not None:
            self._own.save(self._numbered(name), value)

    def _numbered(self, name: str) -> str:
        return f"{self._numbers.setdefault(name, len(self._numbers)):04d}"
