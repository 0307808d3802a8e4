"""A shot list is read strictly, and everything wrong in it is told at once, with its row."""

from pathlib import Path

import farm_samples
import pytest

from svfr_client.errors import SeveralProblems, SvfrError
from svfr_farm.errors import ShotListIsBad
from svfr_farm.shot_list import MOST_LISTED_FRAMES, MOST_ROWS, at_row, read_shot_list


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


def test_a_wrong_head_does_not_hide_what_is_wrong_in_the_rows(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("shot,plate,tasks,sede,seed\nsh1,p,upscale,1,x\n,p,bfr,,5\n", "utf-8")
    told = faults(tmp_path / "l.csv")
    for words in (
        "'sede' is not known",
        "Row 2 (sh1): tasks cannot be 'upscale'",
        "Row 2 (sh1): seed is 'x'",
    ):
        assert any(words in message for message in told), told
    assert any(message.startswith("Row 3: '' cannot be the name") for message in told)


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("tasks", "bfr+colourise"),
        ("layers", "delta+alpha"),
        ("sampler", "euler"),
        ("missing", "repeat"),
        ("existing", "replace"),
        ("reference", "~no-such-user-here/face.png"),
        ("seed", "=1+1"),
        ("exposure", "0,5"),
        ("write_handles", "maybe"),
    ],
)
def test_a_wrong_cell_is_named_and_the_rest_of_its_row_is_kept(
    tmp_path: Path, column: str, cell: str
) -> None:
    given = farm_samples.row("p.%04d.exr", output="o.%04d.exr") | {column: cell, "handles": "3"}
    listed = read_shot_list(farm_samples.write_list(tmp_path / "l.csv", [given]))
    (problem,) = listed.problems
    assert problem.message.startswith("Row 2 (sh010): ") and problem.remedy
    assert not listed.shots[0].is_sound and listed.shots[0].job.handles == 3


@pytest.mark.parametrize("joined_by", [";", "\t"])
def test_a_list_as_other_spreadsheets_save_it_is_read(tmp_path: Path, joined_by: str) -> None:
    lines = ["shot,plate,tasks,output,,", "sh1,p.%04d.exr,bfr,o.%04d.exr,,", ",,,,,", "sh2,q.%04d.exr,bfr,,,"]
    text = "\r\n".join(lines).replace(",", joined_by)
    (tmp_path / "l.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    listed = read_shot_list(tmp_path / "l.csv")
    assert not listed.problems and [(shot.row, shot.name) for shot in listed.shots] == [
        (2, "sh1"),
        (4, "sh2"),
    ]


def test_a_row_is_where_it_begins_whatever_its_cells_hold(tmp_path: Path) -> None:
    text = 'shot,plate,tasks,mask\nsh1,p,bfr,"two\nlines"\nsh2,p,bfr,"a, ""b"" $(touch x)"\n'
    (tmp_path / "l.csv").write_text(text, "utf-8")
    shots = read_shot_list(tmp_path / "l.csv").shots
    assert [shot.row for shot in shots] == [2, 4]
    assert [shot.job.mask_path for shot in shots] == [
        str(tmp_path / "two\nlines"),
        str(tmp_path / 'a, "b" $(touch x)'),
    ]


def test_every_row_of_a_long_list_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("shot,plate,tasks\n" + "".join(f"s{n},p,x\n" for n in range(2000)), "utf-8")
    assert [problem.message.split(" (")[0] for problem in read_shot_list(path).problems] == [
        f"Row {row}" for row in range(2, 2002)
    ]


def test_more_rows_than_a_list_may_have_are_refused(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("shot,plate,tasks\n" + "s,p,x\n" * (MOST_ROWS + 1), "utf-8")
    with pytest.raises(ShotListIsBad, match="too many"):
        read_shot_list(tmp_path / "l.csv")


def test_more_frames_than_a_list_may_have_are_counted_and_not_written_out(tmp_path: Path) -> None:
    rows = "".join(f"s{n},p,bfr,1-100000\n" for n in range(MOST_LISTED_FRAMES // 100_000 + 1))
    (tmp_path / "l.csv").write_text("shot,plate,tasks,frames\n" + rows, "utf-8")
    with pytest.raises(ShotListIsBad, match=f"1100000 frames .* more than {MOST_LISTED_FRAMES}"):
        read_shot_list(tmp_path / "l.csv")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"shot,plate,tasks\n",
        b"\xff\xfe\x00",
        b"shot,plate,tasks\nsh1,p\0q,bfr\n",
        "shot,plate,tasks\nsh1,p,bfr\n".encode("utf-16"),
        b'shot,plate,tasks\n"a\nb',
        b"a,b\n1,2,3\n",
        b"shot,plate,tasks\nsh1," + b"p" * 200_000 + b",bfr\n",
    ],
    ids=range(8),
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


@pytest.mark.parametrize("head", ["Shot,Plate,Tasks,Frames", "SHOT,plate,TASKS,frames"])
def test_a_head_may_be_in_capitals_and_frames_in_parts(head: str, tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text(f"{head}\nsh1,p.%04d.exr,bfr,1001-1004+1008\n", encoding="utf-8")
    listed = read_shot_list(tmp_path / "l.csv")
    assert not listed.problems and listed.shots[0].job.frames == "1001-1004,1008"


def test_wrong_columns_are_one_problem_with_the_nearest_of_each(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("shots,plates,task,qqq\nsh1,p,bfr,1\n", encoding="utf-8")
    (text,) = faults(tmp_path / "l.csv")
    for words in ("mean shot?", "mean plate?", "mean tasks?", "'qqq' is not known.", "'plate' is missing"):
        assert words in text


@pytest.mark.parametrize(
    ("rows", "words"), [(0, "is empty"), (1, "no shot below"), (MOST_ROWS + 2, "100001")]
)
def test_an_empty_list_and_one_of_too_many_shots_are_each_named(
    rows: int, words: str, tmp_path: Path
) -> None:
    (tmp_path / "l.csv").write_text("shot,plate,tasks\n" * rows, encoding="utf-8")
    (text,) = faults(tmp_path / "l.csv")
    assert words in text


@pytest.mark.parametrize("name", ["CON", "nul", "Aux.v1", "COM1", "lpt9"])
def test_a_name_that_is_a_device_on_windows_names_no_shot(tmp_path: Path, plate: str, name: str) -> None:
    listed = read_shot_list(farm_samples.write_list(tmp_path / "l.csv", [farm_samples.row(plate, name)]))
    (problem,) = listed.problems
    assert "cannot be the name of a shot" in problem.message and "Windows" in (problem.remedy or "")


@pytest.mark.parametrize(
    ("remedy", "expected"),
    [
        (
            "Name it, for instance --colorspace ACEScg.",
            "Name it, for instance ACEScg in the column colorspace.",
        ),
        ("Take more (--crop-tracks).", "Take more (in the column crop_tracks)."),
        ("Plan the list again with --gpus.", "Plan the list again with --gpus."),
    ],
)
def test_a_remedy_of_a_row_names_columns_and_no_option_that_a_list_has_not(
    remedy: str, expected: str
) -> None:
    (problem,) = at_row(2, "sh010", ShotListIsBad("It is wrong.", remedy=remedy))
    assert problem.remedy == expected
