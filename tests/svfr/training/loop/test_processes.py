"""Several processes train one network together, here two on the CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from tiny_training import CONFIG

PROCESS = """
import json, sys
from pathlib import Path
import torch
from tiny_training import CONFIG, NoisyGradients
from svfr.training.loop.trainer import Trainer

drawn = []
class Watched(NoisyGradients):
    def batch(self, rng, phase):
        made = super().batch(rng, phase)
        drawn.append(float(made.clean.sum()))
        return made

folder = Path(sys.argv[1])
trainer = Trainer(CONFIG, Watched(), folder / "run")
measured = len(drawn)
# only the second process is told to stop, after four of six steps
trainer.run(lambda row: None, stop=lambda: not trainer.is_main and trainer.step == 4)
total = float(sum(p.detach().double().sum() for p in trainer.net.parameters()))
body = {"step": trainer.step, "weights": total, "drawn": drawn[measured:], "main": trainer.is_main}
(folder / f"{trainer.accelerator.process_index}.json").write_text(json.dumps(body))
"""


def test_processes_draw_their_own_clips_keep_one_network_and_stop_together(tmp_path: Path) -> None:
    script = tmp_path / "process.py"
    script.write_text(PROCESS)
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
    environment = os.environ | {"PYTHONPATH": paths, "ACCELERATE_USE_CPU": "1", "OMP_NUM_THREADS": "1"}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, str(script), str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first["step"] == second["step"] == 4 < CONFIG.steps
    assert first["weights"] == second["weights"]
    assert not set(first["drawn"]) & set(second["drawn"])
    assert first["main"] and not second["main"]
    assert torch.load(tmp_path / "run" / "state.pt", weights_only=True)["step"] == 4
