"""The shipped preview model on held-out clips: what the experiments that examine it have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from svfr.models.folder import find_model
from svfr.models.model import Model, load_model
from svfr_lab.experiments.kit.bench import Bench
from svfr_lab.experiments.kit.clock import Deadline
from svfr_lab.experiments.kit.held_out import HeldOutClip, held_out_clips
from svfr_lab.experiments.kit.measurements import Measurements, Score
from svfr_lab.experiments.kit.measuring import measure_clips
from svfr_lab.heads.dataset import open_rendered_folder

_MODEL = "mini"
_MOST_CLIPS = 64
_SECONDS_PER_CLIP = 5.0


@dataclass(frozen=True)
class Shipped:
    """The model, the start of its weights' sha256, and how many clips of a window's frames there are."""

    model: Model
    weights: str
    clips: int

    def describe(self) -> str:
        """Return which model was examined, for a paragraph."""
        spec = self.model.spec
        steps = spec.training.get("steps", "unknown")
        return f"the shipped model {spec.name} ({steps} steps, weights {self.weights})"


def shipped_model() -> Model:
    """Return the preview model that ``svfr restore`` takes."""
    return load_model(find_model(_MODEL))


def shipped_on_clips(bench: Bench) -> tuple[Shipped, Iterator[HeldOutClip]]:
    """Return the shipped model and clips as large and as long as it sees at once.

    Rendered clips are unknown to it; for clips of the user's own that is the user's to say.
    """
    model = shipped_model()
    spec = model.spec
    count = min(_MOST_CLIPS, max(3, int(bench.budget_s / _SECONDS_PER_CLIP)))
    folder = bench.clips(count, spec.crop_px, spec.window)
    clips = min(count, len(open_rendered_folder(folder).clips))
    weights = spec.files["unet.safetensors"].sha256[:12]
    return Shipped(model, weights, clips), held_out_clips(folder, clips)


def measure_shipped(
    bench: Bench,
    topic: str,
    score: Callable[[HeldOutClip, Model], Iterable[Score]],
    until: Deadline,
    fewest: int,
) -> tuple[Shipped, Measurements]:
    """Return the shipped model and the scores of what it makes of held-out clips; see measure_clips."""
    shipped, clips = shipped_on_clips(bench)
    name = f"{topic}-{shipped.weights}"
    measured = measure_clips(
        bench, name, clips, lambda clip: score(clip, shipped.model), until=until, fewest=fewest
    )
    return shipped, measured
