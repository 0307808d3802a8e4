"""Engines pass on commands and nothing else: bundles, arguments and exports against known text."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import farm_samples
import golden_bundles
import pytest

from svfr_client.errors import ReportedError
from svfr_farm.engines.commands import STEPS, everything, unfinished
from svfr_farm.engines.exporters import UNTRIED, deadline10_files, flamenco_files, opencue_script
from svfr_farm.engines.openjd import job_template, openjd_program, write_bundle
from svfr_farm.engines.slurm import ARRAY_SCRIPT, SCRIPT, SlurmEngine
from svfr_farm.ledger import Submission
from svfr_farm.plan import PlanFile, read_plan
from svfr_farm.report import page_of, report_shots
from svfr_farm.segments import SegmentRules
from svfr_farm.submit import SubmitSettings, submit
from svfr_farm.task_state import TaskRecorder
from svfr_restore.visible_gpus import visible_gpus

PROGRAM = ("svfr",)


@pytest.fixture
def file(shot_list: Path) -> PlanFile:
    """A plan of five segments whose tasks want two GPUs."""
    return farm_samples.planned(shot_list, SegmentRules(segments=5), gpus=2)[0]


def test_openjd_takes_the_template(file: PlanFile) -> None:
    bundle = write_bundle(file, PROGRAM)
    command = [*openjd_program(), "check", str(bundle / "template.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_engine_is_given_the_known_text_byte_for_byte() -> None:
    kept = {
        path.relative_to(golden_bundles.FOLDER).as_posix(): path.read_bytes()
        for path in golden_bundles.FOLDER.rglob("*")
        if path.is_file()
    }
    assert {name: text.encode() for name, text in golden_bundles.golden_files().items()} == kept


def test_the_known_plan_is_one_that_tasks_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes((golden_bundles.FOLDER / "plan.json").read_bytes())
    assert read_plan(path).plan == golden_bundles.fixed_plan().plan


def test_the_same_plan_gives_the_same_bundle(file: PlanFile) -> None:
    before = {path.name: path.read_bytes() for path in write_bundle(file, PROGRAM).iterdir()}
    assert set(before) == {"template.json", "parameter_values.json", "asset_references.json"}
    assert {path.name: path.read_bytes() for path in write_bundle(file, PROGRAM).iterdir()} == before


def test_every_action_of_a_bundle_has_an_end_and_no_value_is_text_of_a_script(file: PlanFile) -> None:
    text = json.dumps(job_template(file, PROGRAM))
    assert "embeddedFiles" not in text and '"bash"' not in text and '"sh"' not in text
    template = json.loads(text)
    actions = [*template["jobEnvironments"][0]["script"]["actions"].values()]
    actions += [step["script"]["actions"]["onRun"] for step in template["steps"]]
    assert len(actions) == 5 and all(action["timeout"] > 0 for action in actions)


def test_slurms_scripts_hold_no_value() -> None:
    for script in (SCRIPT, ARRAY_SCRIPT):
        assert set(re.findall(r"\$\w+|\$@", script)) <= {"$@", "$SLURM_ARRAY_TASK_ID"}
        assert "'$" not in script and " $" not in script.replace('"$', '"')


def test_slurm_gets_an_array_that_waits_for_the_reference(file: PlanFile) -> None:
    engine = SlurmEngine(PROGRAM, ("--partition=render",))
    arguments = engine.arguments(file, "segment", everything(file), ["41"])
    assert arguments == [
        "sbatch",
        "--parsable",
        "--job-name=svfr-sh010-segment",
        f"--comment=svfr {file.sha256}",
        f"--output={file.folder}/logs/segment-%4a.log",
        "--open-mode=append",
        "--requeue",
        "--kill-on-invalid-dep=yes",
        "--gres=gpu:2",
        "--array=0,1,2,3,4",
        "--dependency=afterok:41",
        "--partition=render",
    ]


def test_exports_name_every_step_and_say_that_they_were_not_run(file: PlanFile) -> None:
    script = opencue_script(file, PROGRAM)
    compile(script, "submit.py", "exec")
    deadline, flamenco = deadline10_files(file, PROGRAM), flamenco_files(file, PROGRAM)
    assert deadline["2-segment.plugin"] == (
        f'Executable=svfr\nArguments="farm" "segment" "--plan" "{file.path}" --index <STARTFRAME>\n'
    )
    assert "Frames=0-4\n" in deadline["2-segment.job"]
    assert json.loads(flamenco["job.json"])["settings"]["last_segment"] == 4
    for text in (script, deadline["1-reference.job"], flamenco["svfr-shot.js"]):
        assert UNTRIED in text
    assert "#IFRAME#" in script and all(step in script for step in STEPS)


def test_a_shot_is_handed_over_once(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    settings = SubmitSettings(engine="flamenco", program=PROGRAM)
    told: list[str] = []
    assert (submit(submission, settings, told.append), submit(submission, settings, told.append)) == (2, 0)
    assert "sh020: waiting, with flamenco already" in told


def test_a_dry_run_notes_nothing(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    told: list[str] = []
    submit(submission, SubmitSettings(engine="slurm", program=PROGRAM, dry_run=True), told.append)
    assert "--dependency=afterok:REFERENCE" in told[0]
    assert submission.handover(submission.shots()["sh010"]) is None


def test_what_was_never_submitted_has_not_failed(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    settings = SubmitSettings(engine="flamenco", program=PROGRAM, only_failed=True)
    assert submit(submission, settings, lambda text: None) == 0


def test_an_untouched_plan_wants_every_task(file: PlanFile) -> None:
    assert unfinished(file) == everything(file)
    assert everything(file).count == 7


def test_the_report_names_missing_frames_and_escapes_what_it_shows(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    reports = report_shots(Submission(shot_list.with_suffix(".farm")))
    assert [(shot.state, shot.missing) for shot in reports] == [
        ("planned", "1001-1010"),
        ("planned", "1011-1014"),
    ]
    page = page_of("<b>", {"planned": 2}, reports)
    assert "&lt;b&gt;" in page and "missing: 1001-1010" in page and "http" not in page


def test_the_report_names_the_frame_and_file_of_an_error(shot_list: Path) -> None:
    (file, _) = farm_samples.planned(shot_list)
    recorder = TaskRecorder(file, "segment", 0, "CPU")
    problem = ReportedError(
        "BAD_EXR", "The file ends early.", frame=1010, path=Path("/p/a.exr"), remedy="Copy it."
    )
    recorder.end("failed", problem)
    (report, _) = report_shots(Submission(shot_list.with_suffix(".farm")))
    assert report.errors == ("The file ends early. (frame 1010, /p/a.exr) Copy it.",)


@pytest.mark.parametrize(
    ("value", "gpus"),
    [("1", ("1",)), ("GPU-a,GPU-b", ("GPU-a", "GPU-b")), ("", ()), ("0,-1,2", ("0",)), ("NoDevFiles", ())],
)
def test_the_engines_choice_of_gpus_stands(
    monkeypatch: pytest.MonkeyPatch, value: str, gpus: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == gpus
