"""Trains the embedded preview model: ``python -m svfr_lab.train_preview --data DIR --out DIR``.

Stops cleanly on SIGTERM and Ctrl-C; the same command goes on exactly where it stopped.
"""

from __future__ import annotations

import argparse
import signal
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from svfr.training.config import read_config
from svfr.training.preview_net import PreviewNet
from svfr.training.trainer import Trainer
from svfr_lab.training_clips import RenderedClips
from svfr_lab.watch import watch


def main(arguments: list[str] | None = None) -> None:
    """Train, print the log, and look at held-back clips every 1000 steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, help="a TOML recipe; default: the recipe of mini")
    parser.add_argument("--data", type=Path, required=True, help="a folder of svfr_lab.render_dataset")
    parser.add_argument("--out", type=Path, required=True, help="where the run keeps its state and log")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    config = read_config(
        chosen.config or Path(str(resources.files("svfr.training") / "configs" / "mini.toml"))
    )
    trainer = Trainer(config, RenderedClips(chosen.data, config.task_shares), chosen.out, chosen.device)

    stopped: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopped.append(received))

    def report(row: dict[str, Any]) -> None:
        print(row, flush=True)
        if row["step"] % 1000 == 0:
            net = trainer.averaged_net
            assert isinstance(net, PreviewNet)
            print({"step": row["step"], "held_back": watch(net, chosen.data)}, flush=True)

    trainer.run(report, stop=lambda: bool(stopped))


if __name__ == "__main__":
    main()
