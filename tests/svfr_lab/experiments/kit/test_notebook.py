from svfr_lab.experiments.kit.notebook import Notebook


def test_rows_are_found_again(tmp_path):
    Notebook(tmp_path / "n.jsonl").add({"a": 1})
    again = Notebook(tmp_path / "n.jsonl")
    again.add([2])
    assert again.rows == Notebook(tmp_path / "n.jsonl").rows == [{"a": 1}, [2]]


def test_a_line_that_was_not_finished_is_taken_out(tmp_path):
    (tmp_path / "n.jsonl").write_text('{"a": 1}\n{"a": ')
    assert Notebook(tmp_path / "n.jsonl").rows == [{"a": 1}]
    assert (tmp_path / "n.jsonl").read_text() == '{"a": 1}\n'


def test_without_a_file_there_are_no_rows(tmp_path):
    assert Notebook(tmp_path / "n.jsonl").rows == []
