"""One frozen plan for each shot, the same for the same list; all shots are checked before any is planned."""

import json
import os
from pathlib import Path

import farm_samples
import pytest

from svfr_client.errors import SeveralProblems, SvfrError
from svfr_farm.errors import PlanIsBad, SubmissionIsBusy
from svfr_farm.ledger import Handover, Submission
from svfr_farm.plan import read_plan
from svfr_farm.segments import SegmentRules


def test_the_same_list_gives_the_same_bytes(shot_list: Path) -> None:
    first = [file.path.read_bytes() for file in farm_samples.planned(shot_list)]
    other = shot_list.with_name("again.csv")
    other.write_bytes(shot_list.read_bytes())
    assert [file.path.read_bytes() for file in farm_samples.planned(other)] == first


def test_a_plan_holds_the_job_its_frames_and_its_segments(shot_list: Path) -> None:
    first, second = (file.plan for file in farm_samples.planned(shot_list))
    assert (first.shot, first.written, len(first.segments)) == ("sh010", "1001-1010", 1)
    assert (second.job.frames, second.job.existing) == ("1011-1014", "overwrite")


def test_a_plan_that_was_changed_by_hand_is_refused(shot_list: Path) -> None:
    (file, _) = farm_samples.planned(shot_list)
    body = json.loads(file.path.read_text())
    body["plan"]["job"]["seed"] = 5
    file.path.write_text(json.dumps(body))
    with pytest.raises(PlanIsBad, match="changed"):
        read_plan(file.path)


@pytest.mark.parametrize("text", ["", "[]", '{"sha256": "", "plan": {"format": 9}}', '{"plan": {}}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(PlanIsBad):
        read_plan(tmp_path / "plan.json")


def test_faults_of_all_shots_are_told_together_and_nothing_is_written(tmp_path: Path, plate: str) -> None:
    rows = [
        farm_samples.row(plate, "a", output="out/a.%04d.exr", frames="1001-1004", preset=""),
        farm_samples.row(plate, "b", output="out/a.####.exr", frames="1001-1004", preset=""),
        farm_samples.row("gone.%04d.exr", "c", output="out/c.%04d.exr", frames="", preset=""),
        farm_samples.row(plate, "d", output="out/d.%04d.exr", frames="10-1", preset="none"),
        farm_samples.row(plate, "e", output="out/e.%04d.exr", frames="1020-1030", preset=""),
    ]
    rows.append(rows[0] | {"shot": "f", "output": "out/f.%04d.exr", "tasks": "upscale"})
    path = farm_samples.write_list(tmp_path / "l.csv", rows)
    with pytest.raises(SeveralProblems) as raised:
        farm_samples.planned(path)
    told = [(p.message.split(":")[0], p.code) for p in raised.value.problems]
    assert ("Row 7 (f)", "BAD_REQUEST") in told and ("Row 3 (b)", "BAD_SHOT_LIST") in told
    assert ("Row 4 (c)", "PLATE_NOT_FOUND") in told and ("Row 5 (d)", "BAD_FRAME_RANGE") in told
    assert ("Row 6 (e)", "FRAME_MISSING") in told
    assert not (path.with_suffix(".farm") / "submission.json").exists()
    assert not (tmp_path / "out").exists()


def test_planning_again_keeps_the_plan_though_its_own_frames_lie_at_the_output(shot_list: Path) -> None:
    before = farm_samples.planned(shot_list)
    output = Path(before[0].plan.job.output)
    output.parent.mkdir()
    (output.parent / "a.1001.exr").write_bytes(b"mine")
    assert [f.sha256 for f in farm_samples.planned(shot_list)] == [f.sha256 for f in before]


def test_a_changed_row_does_not_overwrite_what_an_older_plan_wrote(shot_list: Path) -> None:
    (file, _) = farm_samples.planned(shot_list)
    output = Path(file.plan.job.output)
    output.parent.mkdir()
    (output.parent / "a.1001.exr").write_bytes(b"mine")
    with pytest.raises(SvfrError) as raised:
        farm_samples.planned(shot_list, SegmentRules(segments=2))
    assert raised.value.code == "OUTPUT_EXISTS" and "Row 2 (sh010)" in raised.value.message


def test_paths_are_those_of_the_machine_that_reads_the_plan(tmp_path: Path, shot_list: Path) -> None:
    from dataclasses import replace

    from svfr_client.path_map import PathRule

    (file, _) = farm_samples.planned(shot_list)
    there, here = str(tmp_path / "not_here"), str(tmp_path)
    moved = replace(file.plan, job=replace(file.plan.job, output=there + "/o.%04d.exr"))
    assert moved.job_here().output == there + "/o.%04d.exr"
    ruled = replace(moved, path_rules=(PathRule(there, here),))
    assert ruled.job_here().output == os.path.join(here, "o.%04d.exr")  # noqa: PTH118
    assert moved.job_here((PathRule(there, here),)).output == ruled.job_here().output


def test_one_process_at_a_time_works_on_a_submission(tmp_path: Path) -> None:
    first, second = Submission(tmp_path / "w"), Submission(tmp_path / "w")
    with first.locked(), pytest.raises(SubmissionIsBusy), second.locked():
        pass


def test_the_ledger_remembers_what_an_engine_was_given(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    entry = submission.shots()["sh020"]
    assert submission.handover(entry) is None
    submission.hand_over(entry, Handover(state="submitted", engine="slurm", ids=("12",), times=1))
    found = submission.handover(entry)
    assert found is not None and found.ids == ("12",)
