"""Engines pass on commands and nothing else: bundles, arguments and exports against known text."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import farm_samples
import golden_bundles
import pytest
from typer.testing import CliRunner

from svfr_cli.main import app
from svfr_client.errors import ReportedError, SeveralProblems
from svfr_client.job import ColourClaim, JobSpec
from svfr_farm.engines.commands import STEPS, EngineName, Wanted, everything, own_program, unfinished
from svfr_farm.engines.exporters import UNTRIED, deadline10_files, flamenco_files, opencue_script
from svfr_farm.engines.local import LocalEngine
from svfr_farm.engines.openjd import bundle_files, job_template, openjd_program, write_bundle
from svfr_farm.engines.priority import of_hundred, of_opencue
from svfr_farm.engines.slurm import ARRAY_SCRIPT, SCRIPT, SlurmEngine
from svfr_farm.ledger import Submission
from svfr_farm.plan import PlanFile, read_plan
from svfr_farm.report import ShotError, page_of, report_shots
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
    command = [openjd_program(), "check", str(bundle / "template.json")]
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


_OF_A_SHOT: dict[str, dict[str, Any]] = {
    "mask_path": {"mask_path": "{}/masks/m.png"},
    "mask sequence": {"mask_path": "{}/masks/m.%04d.png"},
    "reference": {"references": [{"photo": "{}/photos/actor.png"}]},
    "faces": {"faces": {"mode": "photo", "photos": ["{}/photos/face.png"]}},
    "crop_tracks": {"crop_tracks": "{}/tracks/t.json"},
    "ocio": {"colour": {"space": "plate", "config": "{}/ocio/config.ocio"}},
    "model": {"model": "{}/models/own"},
}


@pytest.mark.parametrize("part", _OF_A_SHOT)
def test_a_bundle_refers_to_all_that_its_shot_is_made_of(part: str, tmp_path: Path) -> None:
    (tmp_path / "ocio").mkdir()
    (tmp_path / "ocio" / "config.ocio").write_text("ocio_profile_version: 2\n")
    fixed = golden_bundles.fixed_plan()
    given = json.loads(json.dumps(_OF_A_SHOT[part]).replace("{}", str(tmp_path)))
    job = JobSpec.from_json({**fixed.plan.job.to_json(), **given})
    plan = replace(fixed.plan, job=job)
    file = PlanFile(plan, fixed.path, plan.sha256)
    inputs = json.loads(bundle_files(file, PROGRAM)["asset_references.json"])["assetReferences"]["inputs"]
    for text in re.findall(rf"{re.escape(str(tmp_path))}[^\"]+", json.dumps(given)):
        wanted = str(Path(text).parent) if "%" in text else text
        assert wanted in inputs["filenames"] + inputs["directories"]
    assert "/shows/demo/plates" in inputs["directories"]


def test_a_bundle_refers_to_the_luts_of_its_ocio_config_inside_its_folder_and_beside(tmp_path: Path) -> None:
    for name in ("config/luts/in.cube", "shared/out.cube"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("LUT_1D_SIZE 2\n0 0 0\n1 1 1\n")
    config = tmp_path / "config" / "config.ocio"
    config.write_text(
        "search_path: luts:../shared\n"
        "a: !<FileTransform> {src: in.cube}\nb: !<FileTransform> {src: out.cube}\n"
    )
    fixed = golden_bundles.fixed_plan()
    plan = replace(fixed.plan, job=replace(fixed.plan.job, colour=ColourClaim(space="a", config=str(config))))
    text = bundle_files(PlanFile(plan, fixed.path, plan.sha256), PROGRAM)["asset_references.json"]
    names = json.loads(text)["assetReferences"]["inputs"]["filenames"]
    kept = [tmp_path / "config/luts/in.cube", tmp_path / "shared/out.cube", config]
    assert set(map(str, kept)) <= set(names)


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


@pytest.mark.parametrize("priority", [-100, -1, 0, 1, 100])
def test_a_priority_stays_in_what_an_engine_takes(priority: int) -> None:
    assert 0 <= of_hundred(-100) <= of_hundred(priority) <= of_hundred(100) <= 100
    assert 1 == of_opencue(-100) <= of_opencue(priority) <= of_opencue(100)
    assert (of_hundred(0), of_opencue(0)) == (50, 1)


def test_the_shots_of_the_highest_priority_are_submitted_first_and_slurm_puts_the_others_back(
    tmp_path: Path, plate: str
) -> None:
    given = {"low": "-100", "usual": "", "high": "7", "too": "7"}
    rows = [
        farm_samples.row(plate, shot, priority=priority, output=f"{shot}.%04d.exr")
        for shot, priority in given.items()
    ]
    farm_samples.planned(farm_samples.write_list(tmp_path / "l.csv", rows))
    submission = Submission(tmp_path / "l.farm")
    shown: list[str] = []
    submit(submission, SubmitSettings(engine="slurm", program=PROGRAM, dry_run=True), shown.append)
    assert [text.split(":")[0] for text in shown] == ["high", "too", "usual", "low"]
    nice = [set(re.findall(r"--nice=\S+", text)) for text in shown]
    assert nice == [set(), set(), {"--nice=7"}, {"--nice=107"}]


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


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_a_list_is_handed_over_whole_though_nobody_reads_of_it(
    options: tuple[str, ...], shot_list: Path
) -> None:
    farm_samples.planned(shot_list)
    reader, writer = os.pipe()
    os.close(reader)
    words = ["farm", "submit", str(shot_list), "--engine", "flamenco", *options]
    done = subprocess.run(
        [*own_program(), *words], stdout=writer, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writer)
    assert (done.returncode, "Broken" in done.stderr, "2 shots" in done.stderr) == (0, False, True)
    assert len(list(shot_list.with_suffix(".farm").rglob("job.json"))) == 2


_WRITTEN = {
    "local": ("commands.txt", "farm reference --plan"),
    "slurm": ("commands.txt", "--dependency=afterok:REFERENCE"),
    "openjd": ("template.json", '"specificationVersion"'),
    "opencue": ("submit.py", "outline.add_layer"),
    "deadline10": ("2-segment.job", "Plugin=CommandLine"),
    "flamenco": ("job.json", '"svfr-shot"'),
}


@pytest.mark.parametrize("engine", get_args(EngineName))
def test_a_dry_run_writes_what_would_be_submitted_says_where_and_notes_nothing(
    shot_list: Path, engine: EngineName
) -> None:
    first, _ = farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    told: list[str] = []
    settings = SubmitSettings(engine=engine, program=PROGRAM, dry_run=True)
    assert submit(submission, settings, told.append) == 2
    folder = first.folder / engine
    assert told[0].startswith("sh010: ") and f"written to {folder}" in told[0]
    if engine == "slurm":  # whoever submits by hand: Slurm makes no folder for a log
        logs = first.folder / "logs"
        assert logs.is_dir() and f"\nmkdir -p {logs}\n" in (folder / "commands.txt").read_text()
    name, text = _WRITTEN[engine]
    assert text in (folder / name).read_text()
    for line in told[0].splitlines()[1:]:
        assert line.strip() in (folder / "commands.txt").read_text()
    assert submission.handover(submission.shots()["sh010"]) is None
    before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
    submit(submission, settings, told.append)
    assert {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()} == before


def test_slurm_is_given_what_its_dry_run_wrote(file: PlanFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program in sbatch's place keeps what it is given and prints ids, as sbatch does."""
    place = file.folder.parent / "bin"
    place.mkdir()
    (place / "sbatch").write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" >> {place}/given\necho ===== >> {place}/given\n'
        f"grep -c ^===== {place}/given\n"
    )
    (place / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    engine = SlurmEngine(PROGRAM)
    assert engine.submit(file, everything(file)) == ("1", "2", "3")
    given = [part.splitlines() for part in (place / "given").read_text().split("=====\n")[:-1]]
    wanted = [command[1:] for command in engine.rehearsed(file, everything(file))]
    ids = {"afterok:REFERENCE": "afterok:1", "afterok:SEGMENTS": "afterok:2"}
    for name, number in ids.items():
        wanted = [[word.replace(name, number) for word in command] for command in wanted]
    assert given == wanted
    assert (file.folder / "slurm" / "segment.sh").read_text() == ARRAY_SCRIPT
    (segments, assembly) = engine.rehearsed(file, Wanted(False, (3,), True))
    assert "--array=3" in segments and not any("dependency" in word for word in segments)
    assert "--dependency=afterok:SEGMENTS" in assembly


@pytest.mark.parametrize("engine", ["opencue", "deadline10", "flamenco"])
@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_the_command_says_that_these_engines_were_never_run(
    shot_list: Path, engine: str, options: tuple[str, ...]
) -> None:
    farm_samples.planned(shot_list)
    done = CliRunner().invoke(app, ["farm", "submit", str(shot_list), "--engine", engine, *options])
    assert done.exit_code == 0 and "never run against the engine itself" in done.output


def test_what_was_never_submitted_has_not_failed(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    settings = SubmitSettings(engine="flamenco", program=PROGRAM, only_failed=True)
    shown: list[str] = []
    assert submit(submission, settings, shown.append) == 0
    command = f"svfr farm submit {shot_list} --engine flamenco"
    assert shown == [f"{shot}: planned, not failed; `{command}` hands it over" for shot in ("sh010", "sh020")]


def test_collect_leads_on_with_whole_commands(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    farm = ["farm", "collect", str(shot_list)]
    assert f"Hand it over: svfr farm submit {shot_list}\n" in CliRunner().invoke(app, farm).output
    submission = Submission(shot_list.with_suffix(".farm"))
    submit(submission, SubmitSettings(engine="flamenco", program=PROGRAM), lambda text: None)
    shown = CliRunner().invoke(app, farm).output
    assert f"`svfr farm status {shot_list} --live`" in shown
    assert f"`svfr farm submit {shot_list} --engine flamenco --only-failed`" in shown


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
    text = "The file ends early. (frame 1010, /p/a.exr) Copy it."
    assert report.errors == (text,)
    assert report.problems == (ShotError("BAD_EXR", "segment 0", text),)
    assert f"[BAD_EXR] {text}" in page_of("shots", {"failed": 1}, [report])
    for words in (("status",), ("collect",)):
        done = CliRunner().invoke(app, ["farm", *words, str(shot_list)])
        assert f"sh010: [BAD_EXR] {text}" in done.output


@pytest.mark.parametrize(
    ("gpus", "segments", "given"),
    [
        (1, 2, {"reference": ["1"], "segment": ["2", "2"], "assemble": ["1"]}),
        (1, 1, {"reference": ["1"], "segment": ["4"], "assemble": ["1"]}),
        (3, 5, {"reference": ["3"], "segment": ["3", "3", "3", "3", "4"], "assemble": ["3"]}),
        (9, 1, {"reference": ["4"], "segment": ["4"], "assemble": ["4"]}),
    ],
)
def test_the_local_engine_shares_all_gpus_out_to_the_segments_that_wait(
    shot_list: Path, monkeypatch: pytest.MonkeyPatch, gpus: int, segments: int, given: dict[str, list[str]]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c,GPU-d")
    (file, _) = farm_samples.planned(shot_list, SegmentRules(segments=segments), gpus=gpus)
    seen = shot_list.with_name("seen")
    count = f'echo "$2" $(echo "$CUDA_VISIBLE_DEVICES" | tr , "\\n" | sort -u | wc -l) >> {seen}'
    assert LocalEngine(("sh", "-c", count, "task")).run([(file, everything(file))]) == []
    found: dict[str, list[str]] = {}
    for line in seen.read_text().splitlines():
        found.setdefault(line.split()[0], []).append(line.split()[1])
    assert found == given


def test_what_an_engine_cannot_carry_is_refused_for_all_shots_before_anything_is_submitted(
    tmp_path: Path, plate: str
) -> None:
    folder = tmp_path / 'a "b" {c} <d> #e\nf'
    folder.mkdir()
    rows = [farm_samples.row(plate, shot, output=f"{shot}.%04d.exr") for shot in ("a", "b")]
    farm_samples.planned(farm_samples.write_list(folder / "l.csv", rows))
    submission = Submission(folder / "l.farm")
    for engine in get_args(EngineName):
        if engine == "local":
            continue
        with pytest.raises(SeveralProblems) as raised:
            submit(submission, SubmitSettings(engine=engine, program=PROGRAM), lambda text: None)
        assert [p.code for p in raised.value.problems] == ["FARM_ENGINE_REFUSED"] * 2
        assert all(p.remedy for p in raised.value.problems)
    assert submission.handover(submission.shots()["a"]) is None


@pytest.mark.parametrize(
    ("value", "gpus"),
    [("1", ("1",)), ("GPU-a,GPU-b", ("GPU-a", "GPU-b")), ("", ()), ("0,-1,2", ("0",)), ("NoDevFiles", ())],
)
def test_the_engines_choice_of_gpus_stands(
    monkeypatch: pytest.MonkeyPatch, value: str, gpus: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert visible_gpus() == gpus
