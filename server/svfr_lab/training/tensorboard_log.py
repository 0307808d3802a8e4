"""A run's log for TensorBoard, where that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svfr.training.errors import TrainingPartMissing


class Board:
    """Writes rows of the log as curves into ``folder``; raises TrainingPartMissing without TensorBoard."""

    def __init__(self, folder: Path) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise TrainingPartMissing(
                "TensorBoard is not installed.", remedy="pip install tensorboard, or leave --tensorboard out."
            ) from error
        self._writer = SummaryWriter(str(folder))

    def write(self, row: dict[str, Any]) -> None:
        """Add every number of a row at its step."""
        for name, value in row.items():
            if name != "step":
                self._writer.add_scalar(name, value, row["step"])
        self._writer.flush()
