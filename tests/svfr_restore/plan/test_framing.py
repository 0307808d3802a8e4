"""Where colour is asked for, a face's crop shows what the model's ``colour_framing`` says."""

from pathlib import Path

import job_samples
import pytest

from svfr.models.framing_spec import Framing
from svfr_client.job import FaceChoice
from svfr_restore.crops.crop_track import CropTrack
from svfr_restore.faces.box import FaceBox
from svfr_restore.media.shots import Shot
from svfr_restore.plan.job_plan import plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.survey import Survey
from svfr_restore.plan.track_plan import plan_tracks

FRAMES = range(1001, 1005)
FACE = FaceBox(x=30.0, y=24.0, width=10.0, height=10.0, score=3.0)


@pytest.fixture(scope="module")
def framing_model(tiny_model: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    framing = Framing(side_in_faces=2.5, upward_in_faces=0.2)
    folder = tmp_path_factory.mktemp("models") / "framing"
    return job_samples.written_again(tiny_model, folder, colour_framing=framing)


def crop_of(plate: str, output: Path, tasks: tuple[str, ...], model: str) -> CropTrack:
    spec = job_samples.job(plate, output, tasks=tasks, model=model, faces=FaceChoice("all"))
    survey = Survey((Shot(FRAMES[0], FRAMES[-1]),), {frame: [FACE] for frame in FRAMES}, {})
    (track,) = plan_tracks(plan_job(spec, ModelCache()), [survey])
    return track.crop


@pytest.mark.parametrize("tasks", [("colorize",), ("bfr", "colorize")])
def test_colour_shows_as_much_around_the_face_as_the_model_says(
    plate: str, framing_model: str, tmp_path: Path, tasks: tuple[str, ...]
) -> None:
    crop = crop_of(plate, tmp_path, tasks, framing_model)
    assert crop.side_px[0] == pytest.approx(25.0)
    assert (crop.centre_x[0], crop.centre_y[0]) == pytest.approx((35.0, 27.0))


def test_other_tasks_crop_as_published(plate: str, framing_model: str, tmp_path: Path) -> None:
    crop = crop_of(plate, tmp_path, ("bfr",), framing_model)
    assert crop.side_px[0] == pytest.approx(18.0)
    assert crop.centre_y[0] == pytest.approx(29.0)


@pytest.mark.parametrize("own", ["tiny", "identity"])
def test_a_model_that_says_nothing_crops_colour_as_published(
    plate: str, tiny_model: str, tmp_path: Path, own: str
) -> None:
    crop = crop_of(plate, tmp_path, ("colorize",), tiny_model if own == "tiny" else "identity")
    assert crop.side_px[0] == pytest.approx(18.0)
    assert crop.centre_y[0] == pytest.approx(29.0)
