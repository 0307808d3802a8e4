"""A shot list is read strictly, and everything wrong in it is told at once, with its row."""

from pathlib import Path

import farm_samples
import pytest

from svfr_client.errors import SeveralProblems, SvfrError
from svfr_farm.errors import ShotListIsBad
from svfr_farm.shot_list import read_shot_list


def faults(path: Path) -> list[str]:
    try:
        return [problem.message for problem in read_shot_list(path).problems]
    except SvfrError as raised:
        error = raised
    return [p.message for p in (error.problems if isinstance(error, SeveralProblems) else [error])]


def test_a_row_becomes_a_job_with_paths_from_the_lists_folder(tmp_path: Path) -> None:
    head = "shot,plate,tasks,frames,seed,reference,output,layers,handles,write_handles,ocio\n"
    cells = (
        "sh010,in/p.####.exr,bfr+colorize,1001-1010,5,1004,out/r.%04d.exr,delta+matte,4,yes,ocio://default\n"
    )
    (tmp_path / "list.csv").write_text(head + "\n" + cells, encoding="utf-8-sig")
    (shot,) = read_shot_list(tmp_path / "list.csv").shots
    job = shot.job
    assert (shot.row, shot.name, job.tasks, job.seed, job.handles) == (3, "sh010", ("bfr", "colorize"), 5, 4)
    assert (job.plate, job.output) == (str(tmp_path / "in/p.####.exr"), str(tmp_path / "out/r.%04d.exr"))
    assert (job.references[0].frame, job.write_handles, job.colour.config) == (1004, True, "ocio://default")
    assert job.layers == ("delta", "matte")


def test_without_an_output_a_shot_gets_a_folder_beside_its_plate(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("shot,plate,tasks\nsh1,p.%04d.exr,bfr\n", encoding="utf-8")
    (shot,) = read_shot_list(tmp_path / "l.csv").shots
    assert shot.job.output == str(tmp_path / "sh1_svfr" / "sh1.%04d.exr")


def test_every_fault_of_the_head_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("shot,plat,seed,seed\nsh1,p,1,2\n", encoding="utf-8")
    told = " ".join(faults(tmp_path / "l.csv"))
    assert "'plat' is not known" in told and "'seed' is there twice" in told
    assert "'plate' is missing" in told and "'tasks' is missing" in told


def test_every_fault_of_every_row_is_told_with_its_row(tmp_path: Path) -> None:
    rows = ["sh1,p,bfr,one,,", "sh1,,bfr,1,all,1 2 3 4", "../x,p,bfr,1,nose,", "sh3,p,bfr,1,,1 2 3"]
    text = "shot,plate,tasks,seed,faces,box\n" + "\n".join(rows) + "\n"
    (tmp_path / "l.csv").write_text(text, encoding="utf-8")
    told = faults(tmp_path / "l.csv")
    for row, words in (
        (2, "seed is 'one'"),
        (3, "no plate"),
        (3, "faces and box"),
        (3, "in row 2 already"),
        (4, "cannot be the name"),
        (4, "faces is 'nose'"),
        (5, "box is '1 2 3'"),
    ):
        assert any(message.startswith(f"Row {row} ") and words in message for message in told), words


@pytest.mark.parametrize(
    "data", [b"", b"shot,plate,tasks\n", b"\xff\xfe\x00", b'shot,plate,tasks\n"a\nb', b"a,b\n1,2,3\n"]
)
def test_what_is_no_list_of_shots_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "l.csv").write_bytes(data)
    assert faults(tmp_path / "l.csv")


def test_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ShotListIsBad):
        read_shot_list(tmp_path / "none.csv")


def test_rows_of_another_length_than_the_head_are_named(tmp_path: Path) -> None:
    path = farm_samples.write_list(tmp_path / "l.csv", [farm_samples.row("p")])
    path.write_text(path.read_text() + "sh020,too,few\n", encoding="utf-8")
    assert faults(path)[0].startswith("Row 3: There are 3 cells")
