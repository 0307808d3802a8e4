"""One frozen plan for each shot, the same for the same list; all shots are checked before any is planned."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import farm_samples
import numpy as np
import OpenImageIO as oiio
import pytest

from svfr_client.errors import SeveralProblems, SvfrError
from svfr_client.frames import FrameRange
from svfr_client.output_names import output_path
from svfr_farm.clashes import clashes
from svfr_farm.errors import PlanIsBad, SubmissionIsBusy
from svfr_farm.ledger import Handover, Submission
from svfr_farm.plan import PlanFile, read_plan
from svfr_farm.segments import SegmentRules
from svfr_farm.shot_list import RowProblem, read_shot_list


def test_the_same_list_gives_the_same_bytes(shot_list: Path) -> None:
    first = [file.path.read_bytes() for file in farm_samples.planned(shot_list)]
    other = shot_list.with_name("again.csv")
    other.write_bytes(shot_list.read_bytes())
    assert [file.path.read_bytes() for file in farm_samples.planned(other)] == first


def test_a_plan_holds_the_job_its_frames_and_its_segments(shot_list: Path) -> None:
    first, second = (file.plan for file in farm_samples.planned(shot_list))
    assert (first.shot, first.written, len(first.segments)) == ("sh010", "1001-1010", 1)
    assert (second.job.frames, second.job.existing) == ("1011-1014", "error")


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
    """Every bad input that there is, in one list: columns, plates, outputs, tasks, frames, cells, names."""

    def row(shot: str, plate: str = plate, output: str = "", **cells: str) -> dict[str, str]:
        return farm_samples.row(plate, shot, output=output or f"out/{shot}.%04d.exr", **cells)

    rows = [
        row("a", frames="1001-1004", preset="", colour="", seed=""),
        row("b", output="out/x/../A.####.exr", frames="1001-1004"),
        row("c", "gone.%04d.exr"),
        row("d", frames="10-1", preset="none"),
        row("e", frames="1020-1030"),
        row("f", tasks="upscale", frames="1001-1002,5000"),
        row("g", output=plate.replace("plate.%04d", "PLATE.####"), frames="1001"),
        row("h", "", tasks="inpaint", frames="9-1", seed="x"),
        row("i", "also gone.mov", frames="1", seed="-1"),
        row("a", frames="1001", output="out/again.%04d.exr"),
        row("j", "nul\N{INFINITY}.%04d.exr", frames="999999999999-1"),
        row("k", model="no-such-model", frames="1001"),
        row("l", layers="spread", output="out/l.png", frames="1001"),
    ]
    path = farm_samples.write_list(tmp_path / "l.csv", rows)
    with pytest.raises(SeveralProblems) as raised:
        farm_samples.planned(path)
    told = [(p.message.split(":")[0], p.code) for p in raised.value.problems]
    rows_told = [p.row for p in raised.value.problems if isinstance(p, RowProblem)]
    assert rows_told == sorted(rows_told) and told[0][1] == "BAD_SHOT_LIST"  # the column "colour"
    for place, *codes in (
        ("Row 3 (b)", "BAD_SHOT_LIST"),
        ("Row 4 (c)", "PLATE_NOT_FOUND"),
        ("Row 5 (d)", "BAD_FRAME_RANGE"),
        ("Row 6 (e)", "FRAME_MISSING"),
        ("Row 7 (f)", "BAD_REQUEST", "FRAME_MISSING"),
        ("Row 8 (g)", "BAD_SHOT_LIST"),
        ("Row 9 (h)", "BAD_SHOT_LIST", "BAD_REQUEST", "BAD_FRAME_RANGE"),
        ("Row 10 (i)", "PLATE_NOT_FOUND", "BAD_SHOT_LIST"),  # its seed, by column
        ("Row 11 (a)", "BAD_SHOT_LIST"),
        ("Row 12 (j)", "PLATE_NOT_FOUND", "BAD_FRAME_RANGE"),
        ("Row 13 (k)", "MODEL_MISSING"),
        ("Row 14 (l)", "BAD_PATH_PATTERN"),
    ):
        assert set(codes) <= {code for where, code in told if where == place}, (place, told)
    assert not any(where == "Row 2 (a)" for where, _ in told)
    assert all(p.remedy for p in raised.value.problems)
    assert not (path.with_suffix(".farm") / "submission.json").exists()
    assert not (tmp_path / "out").exists()


def test_what_one_shot_writes_no_other_writes_or_reads_by_any_name(tmp_path: Path, plate: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    mask = str(tmp_path / "masks" / "m.%04d.exr")
    rows = [
        farm_samples.row(plate, "a", output="out/a.%04d.exr", mask=""),
        farm_samples.row(plate, "b", output="link/a.%04d.exr", mask=mask),
        farm_samples.row(plate, "c", output="masks/M.####.exr", mask=""),
    ]
    with pytest.raises(SeveralProblems) as raised:
        farm_samples.planned(farm_samples.write_list(tmp_path / "l.csv", rows))
    told = [p.message for p in raised.value.problems if p.code == "BAD_SHOT_LIST"]
    assert told == [
        "Row 3 (b): Its output is that of a in row 2.",
        "Row 4 (c): Its output is the mask of b in row 3.",
    ]


READERS: dict[str, Callable[[str], dict[str, str]]] = {
    "plate": lambda path: {"plate": path},
    "mask": lambda path: {"mask": path},
    "reference": lambda path: {"reference": path},
    "photo of a face": lambda path: {"box": "", "faces": f"like:{path}"},
    "crop tracks file": lambda path: {"box": "", "crop_tracks": path},
    "OCIO config": lambda path: {"ocio": path},
}
ANOTHERS_FILES = {
    "o1/sh1.1001.exr": "o1/sh1.%04d.exr",
    "o1/SH1.1001.exr": "o1/sh1.####.exr",
    "o1/sh11001.exr": "o1/sh1%04d.exr",
    "o1/sh1001b2.exr": "o1/sh%04db2.exr",
    "o1/one.exr": "o1/one.exr",
}


def _clashes(plate: str, folder: Path, output: str, cells: dict[str, str]) -> list[str]:
    given = {"mask": "", "reference": "", "faces": "", "crop_tracks": "", "ocio": ""}
    rows = [
        farm_samples.row(plate, "x1", **(given | {"output": output})),
        farm_samples.row(plate, "x2") | given | {"output": "o2/x2.%04d.exr"} | cells,
    ]
    listed = read_shot_list(farm_samples.write_list(folder / "l.csv", rows))
    assert not listed.problems
    return [one.message for one in clashes([(shot, shot.job.output) for shot in listed.shots])]


@pytest.mark.parametrize("what", READERS)
@pytest.mark.parametrize("file", ANOTHERS_FILES)
def test_an_output_that_another_shot_reads_as_one_file_is_refused(
    tmp_path: Path, plate: str, what: str, file: str
) -> None:
    found = _clashes(plate, tmp_path, ANOTHERS_FILES[file], READERS[what](file))
    assert found == [f"Row 2 (x1): Its output is the {what} of x2 in row 3."]


def test_one_file_that_another_shot_writes_or_reads_by_its_pattern_is_refused(
    tmp_path: Path, plate: str
) -> None:
    assert _clashes(plate, tmp_path, "o/a.1001.exr", {"mask": "o/a.%04d.exr"})
    assert _clashes(plate, tmp_path, "o/a.1001.exr", {"output": "o/a.%04d.exr"})


@pytest.mark.parametrize(
    ("one", "other", "frames"),
    [
        ("o/x.%04d.exr", "o/x.1%03d.exr", ("1001-1003", "1-3")),
        ("o/x.%02d.20.exr", "o/x.10.%02d.exr", ("9-11", "20")),
        ("o/caf\u00e9.%04d.exr", "o/cafe\u0301.%04d.exr", ("1-3", "1-3")),
    ],
)
def test_patterns_that_name_one_file_clash_and_those_that_do_not_are_taken(
    tmp_path: Path, plate: str, one: str, other: str, frames: tuple[str, str]
) -> None:
    def found(others: str) -> list[str]:
        rows = [
            farm_samples.row(plate, "x1", output=one, mask="", frames=frames[0]),
            farm_samples.row(plate, "x2", output=other, mask="", frames=others),
        ]
        listed = read_shot_list(farm_samples.write_list(tmp_path / "l.csv", rows))
        return [one.message for one in clashes([(shot, shot.job.output) for shot in listed.shots])]

    assert found(frames[1]) == ["Row 3 (x2): Its output is that of x1 in row 2."]
    if "caf" not in one:
        assert found("500-502") == []


@pytest.mark.parametrize(
    ("output", "file"),
    [
        ("o/a.%04d.exr", "o/a.1.exr"),
        ("o/a.%04d.exr", "p/a.1001.exr"),
        ("o/a.%04d.exr", "o/a.1001.png"),
        ("o/a.1001.exr", "o/a.1002.exr"),
    ],
)
def test_a_file_beside_anothers_output_is_no_clash(
    tmp_path: Path, plate: str, output: str, file: str
) -> None:
    assert _clashes(plate, tmp_path, output, {"mask": file}) == []


def test_an_output_that_the_shot_itself_and_another_read_is_refused(tmp_path: Path, plate: str) -> None:
    rows = [
        farm_samples.row(plate, "x1", output="o/a.%04d.exr", mask="o/a.%04d.exr"),
        farm_samples.row(plate, "x2", output="o/b.%04d.exr", mask="o/a.%04d.exr"),
    ]
    listed = read_shot_list(farm_samples.write_list(tmp_path / "l.csv", rows))
    assert clashes([(shot, shot.job.output) for shot in listed.shots])


def test_a_version_that_is_raised_to_another_shots_output_is_refused(tmp_path: Path, plate: str) -> None:
    (tmp_path / "o_v001.1001.exr").write_bytes(b"older")
    rows = [
        farm_samples.row(plate, "a", output="o_v001.%04d.exr", existing="version_up", frames="1001"),
        farm_samples.row(plate, "b", output="o_v002.%04d.exr", existing="error", frames="1001"),
    ]
    with pytest.raises(SvfrError, match=r"Row 3 .*that of a in row 2"):
        farm_samples.planned(farm_samples.write_list(tmp_path / "l.csv", rows))


def test_a_damaged_plan_and_one_of_another_shot_are_refused_and_planned_anew(shot_list: Path) -> None:
    first, second = farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    before = first.path.read_bytes()
    for damaged in (before[: len(before) // 2], second.path.read_bytes()):
        first.path.write_bytes(damaged)
        with pytest.raises(PlanIsBad) as raised:
            submission.plan_files()
        assert raised.value.path and raised.value.remedy.startswith("Plan the shot list again")
        farm_samples.planned(shot_list)
        assert first.path.read_bytes() == before


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
    assert "overwrite" in raised.value.remedy and "column existing" in raised.value.remedy


def write_frames_of(file: PlanFile) -> None:
    """Write small frames that say which job they are of, as the assembly does."""
    for frame in FrameRange.parse(file.plan.written):
        path = output_path(file.plan.job.output, frame)
        path.parent.mkdir(exist_ok=True)
        spec = oiio.ImageSpec(2, 2, 3, "half")
        spec.attribute("svfr/job_hash", file.plan.job.pixels_key())
        out = oiio.ImageOutput.create("x.exr")
        assert out.open(str(path), spec) and out.write_image(np.zeros((2, 2, 3), np.float32)) and out.close()


def test_own_frames_do_not_stand_in_the_way_of_another_division(shot_list: Path) -> None:
    first, _ = farm_samples.planned(shot_list)
    write_frames_of(first)
    again, _ = farm_samples.planned(shot_list, SegmentRules(segments=2))
    assert len(again.plan.segments) == 2 and again.plan.job == first.plan.job
    shot_list.write_text(shot_list.read_text().replace("1001-1010", "1001-1009"))
    with pytest.raises(SvfrError) as raised:
        farm_samples.planned(shot_list)
    assert raised.value.code == "OUTPUT_EXISTS", "the row asks for another job"


@pytest.mark.parametrize("existing", ["error", "overwrite", "version_up"])
def test_a_damaged_plan_is_made_anew_over_its_own_frames(tmp_path: Path, plate: str, existing: str) -> None:
    (tmp_path / "a_v001.1001.exr").write_bytes(b"older")
    output = "b_v001.%04d.exr" if existing == "error" else "a_v001.%04d.exr"
    row = farm_samples.row(plate, frames="1001-1003", output=output, existing=existing)
    shots = farm_samples.write_list(tmp_path / "s.csv", [row])
    (file,) = farm_samples.planned(shots)
    write_frames_of(file)
    before = file.path.read_bytes()
    for damaged in (b"", before[:99]):
        file.path.write_bytes(damaged)
        assert [again.path for again in farm_samples.planned(shots)] == [file.path]
        assert file.path.read_bytes() == before
    file.path.write_bytes(b"")
    (other,) = farm_samples.planned(shots, SegmentRules(segments=2))
    assert len(other.plan.segments) == 2


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
