"""Every example does what its first line says, on small plates of a real face."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import e2e_plates
import numpy as np
import pytest

import svfr
import svfr_restore
from svfr_client.errors import SvfrError

FOLDER = Path(__file__).parents[2] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_page_of_python(number: int, changes: dict[str, str]) -> None:
    """Run a code block of docs/python.md with other paths and fewer frames."""
    text = (FOLDER.parent / "docs" / "python.md").read_text(encoding="utf-8")
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[number]
    for old, new in changes.items():
        assert old in code
        code = code.replace(old, new)
    exec(code, {})


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> str:
    return e2e_plates.write_sequence(tmp_path_factory.mktemp("plate"), 2)


def test_every_example_is_short_and_says_how_it_is_called() -> None:
    files = sorted(FOLDER.glob("*.py"))
    assert [file.stem for file in files] == [
        "evaluate",
        "own_model",
        "restore_clip",
        "restore_file",
        "submit_job",
    ]
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert f"python {file.name}" in text.split("\n\n")[0] + text.split("\n")[0], file.name
        assert len(text.splitlines()) < 30, file.name


def test_restoring_and_evaluating_files(
    plate: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "out" / "shot.%04d.exr")
    example("restore_file").main(plate, output, "lin_rec709_scene")
    assert "2 frames, faces (0,)" in capsys.readouterr().out
    assert Path(output % 1001).is_file()
    example("evaluate").main(output, plate, "lin_rec709_scene")
    said = capsys.readouterr().out
    assert "psnr" in said and "lpips" in said


def test_restoring_a_clip_in_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    face = np.repeat(np.repeat(e2e_plates.face_codes()[24:216, 24:216][None], 2, axis=0), 1, axis=1)
    np.save(tmp_path / "clip.npy", face)
    example("restore_clip").main(str(tmp_path / "clip.npy"), str(tmp_path / "restored.npy"))
    restored = np.load(tmp_path / "restored.npy")
    assert restored.shape == face.shape and restored.dtype == np.float32
    assert 0.0 < abs(restored - face).mean() < 0.05
    assert "2 frames of 192 px" in capsys.readouterr().out


def test_a_job_is_submitted_and_followed(
    plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SVFR_HOME", str(tmp_path / "home"))
    output = str(tmp_path / "out" / "shot.%04d.exr")
    example("submit_job").main(plate, "1001", output)
    assert Path(output % 1001).is_file()
    assert "done" in capsys.readouterr().out
    run_page_of_python(
        2, {"/shots/out": str(tmp_path / "page"), "/shots": str(Path(plate).parent), "-1050": ""}
    )
    assert (tmp_path / "page" / "shot.1001.exr").is_file()


def test_the_page_on_python_runs(plate: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(plate).parent)
    run_page_of_python(0, {"out/": f"{tmp_path}/"})
    assert (tmp_path / "shot.1002.exr").is_file()
    run_page_of_python(1, {"zeros((4,": "zeros((1,"})


def test_an_own_model_is_one_that_can_be_used(tmp_path: Path) -> None:
    folder = tmp_path / "careful"
    example("own_model").main(str(folder))
    model = svfr.load_model(folder)
    assert model.spec.name == "careful"
    clip = np.full((1, 192, 192, 3), 0.5, np.float32)
    assert svfr.restore_clip(model, clip, ["bfr"]).shape == clip.shape


def test_what_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(SvfrError) as caught:
        svfr_restore.restore(tmp_path / "none.%04d.exr", tmp_path / "out.%04d.exr", tasks=["sharpen"])
    assert "none.%04d.exr" in str(caught.value)
