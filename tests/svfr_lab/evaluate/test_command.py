import json

import pytest
from quality_samples import noisy, real_face_clip, write_clip
from typer.testing import CliRunner

from svfr_cli.exit_codes import ExitCode
from svfr_cli.main import app
from svfr_lab.metrics import libraries
from svfr_lab.metrics.errors import LibrariesAreMissing


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    truth = real_face_clip(3)
    return write_clip(folder / "result", noisy(truth)), write_clip(folder / "truth", truth)


def run(*words):
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


def test_a_table_json_and_a_plot_are_made(clips, tmp_path):
    done = run(*clips, "--frames", "1001-1002", "--json", tmp_path / "o.json", "--plot", tmp_path / "o.png")
    assert done.exit_code == ExitCode.OK
    assert "psnr_db" in done.stdout
    assert "not computed" in done.stdout
    body = json.loads((tmp_path / "o.json").read_text(encoding="utf-8"))
    assert [row["frame"] for row in body["clips"][0]["frames"]] == [1001, 1002]
    assert body["metrics"]["lpips"]["computed"] is False
    assert (tmp_path / "o.png").is_file()


def test_with_a_dash_everything_is_one_line_of_json(clips):
    done = run(*clips, "--json", "-")
    assert done.exit_code == ExitCode.OK
    (line,) = done.stdout.splitlines()
    body = json.loads(line)
    assert body["kind"] == "evaluation"
    assert body["metrics"]["psnr_db"]["count"] == 3


def test_the_protocol_is_chosen_by_name(clips):
    body = json.loads(run(*clips, "--protocol", "vfhq-test", "--json", "-").stdout)
    assert body["protocol"]["name"] == "vfhq-test"
    assert "landmark_drift" not in body["metrics"]


@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (("--frames", "1001-1009"), "LAB_FRAME_COUNTS_DIFFER", ExitCode.BAD_INPUT),
        (("--protocol", "mine"), "LAB_PROTOCOL_INVALID", ExitCode.BAD_INPUT),
        (("--weights-lpips", "nowhere.pth"), "MODEL_FILE_MISSING", ExitCode.MODEL),
        (("--weights-arcface", "nowhere.pth"), "MODEL_FILE_MISSING", ExitCode.MODEL),
        (("--weights-fvd", "nowhere.pt"), "MODEL_FILE_MISSING", ExitCode.MODEL),
        (("--colorspace", "no such space"), "UNKNOWN_COLOUR_SPACE", ExitCode.BAD_INPUT),
        (("--matte", "nowhere.png"), "MASK_UNREADABLE", ExitCode.BAD_INPUT),
    ],
)
def test_what_is_wrong_is_said_with_its_code(clips, words, code, exit_code):
    done = run(*clips, *words, "--json", "-")
    assert done.exit_code == exit_code
    assert json.loads(done.stdout)["code"] == code


def test_an_untrusted_network_is_a_question_to_the_user(clips, tmp_path):
    (tmp_path / "i3d.pt").write_bytes(b"whatever")
    done = run(*clips, "--weights-fvd", tmp_path / "i3d.pt")
    assert done.exit_code == ExitCode.USAGE
    assert "--trust-torchscript" in done.stderr


@pytest.mark.parametrize("words", [("--faces", "all"), ("--box", "1,2,3")])
def test_a_face_that_cannot_be_meant_is_a_wrong_command_line(clips, words):
    assert run(*clips, *words).exit_code == ExitCode.USAGE


def test_a_library_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(libraries, "NEEDED", ("json", "no_library_has_this_name"))
    with pytest.raises(LibrariesAreMissing, match="not installed: no_library_has_this_name") as caught:
        libraries.require_libraries()
    assert "lab" in caught.value.remedy
