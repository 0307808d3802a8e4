"""What went wrong is done again and nothing else: results gone or damaged, plates that were changed."""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cli_samples
import farm_samples
import numpy as np
import OpenImageIO as oiio
import PyOpenColorIO as Ocio
import pytest
from server_samples import wait_until
from skimage import data

from svfr.models.spec import Preset
from svfr_client.errors import OutputExists, SvfrError, each_of
from svfr_client.frames import FrameRange
from svfr_client.records import canonical_json
from svfr_farm import frames_there, steps, task_state
from svfr_farm.artefacts import change_since, read_segment
from svfr_farm.engines.commands import unfinished
from svfr_farm.errors import InputWasChanged, ShotListIsBad
from svfr_farm.ledger import Handover, Submission
from svfr_farm.plan import PlanFile
from svfr_farm.report import report_shot, report_shots
from svfr_farm.segments import SegmentRules
from svfr_farm.submit import SubmitSettings, require_planned, submit
from svfr_farm.task_state import TaskRecorder, note_queued, read_state
from svfr_farm.tasks import run_task
from svfr_restore.crops.crop_file import write_tracks
from svfr_restore.crops.crop_track import CropTrack
from svfr_restore.plan.models import ModelCache
from svfr_restore.reports import Report

MODELS = ModelCache()


def planned(folder: Path, model: str, count: int = 12) -> PlanFile:
    """Plan a shot of two segments over a plate of its own."""
    plate = farm_samples.write_plate(folder / "plate", count)
    row = farm_samples.row(plate, model=model, output="out/a.%04d.exr")
    shots = farm_samples.write_list(folder / "shots.csv", [row])
    return farm_samples.planned(shots, SegmentRules(segments=2, halo_frames=8))[0]


def run(file: PlanFile, tasks: list[tuple[task_state.Step, int]] | None = None) -> list[str]:
    """Run the tasks that are to do; return the codes of what failed."""
    failed: list[str] = []
    for step, index in unfinished(file).tasks if tasks is None else tasks:
        try:
            run_task(file, step, index, MODELS)
        except SvfrError as problem:
            return [one.code for one in each_of(problem)]
    return failed


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, model: str) -> PlanFile:
    """A shot that is done; a test that changes it makes it whole again."""
    file = planned(tmp_path_factory.mktemp("done"), model, count=24)
    assert run(file) == [] and unfinished(file).count == 0
    return file


def test_a_frame_that_is_gone_costs_an_assembly_and_no_segment(done: PlanFile) -> None:
    gone = Path(done.plan.job.output % 1003)
    gone.unlink()
    assert report_shot(done, "local").state == "incomplete" and report_shot(done, "local").missing == "1003"
    assert unfinished(done).tasks == [("assemble", 0)]
    assert run(done) == [] and gone.is_file() and report_shot(done, "local").state == "done"


@pytest.mark.parametrize("damage", ["gone", "cut short", "another's"])
def test_a_segment_that_is_gone_or_damaged_is_found_and_redone_alone(done: PlanFile, damage: str) -> None:
    path = done.segment_path(1)
    sound = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(sound[:-40] if damage == "cut short" else done.segment_path(0).read_bytes())
        assert run(done, [("assemble", 0)]) == ["FARM_ARTEFACT_DIFFERS"]
    assert unfinished(done).tasks == [("segment", 1), ("assemble", 0)]
    assert run(done) == [] and path.read_bytes()[-400:] == sound[-400:]


def test_a_damaged_reference_is_made_anew_and_sound_segments_are_kept(done: PlanFile) -> None:
    path = next(done.folder.glob("reference-*.safetensors"))
    times = [done.segment_path(i).stat().st_mtime_ns for i in (0, 1)]
    path.write_bytes(path.read_bytes()[:-4])
    assert run(done, [("assemble", 0)]) == ["FARM_ARTEFACT_DIFFERS"]
    assert unfinished(done).reference
    assert run(done) == []
    assert [done.segment_path(i).stat().st_mtime_ns for i in (0, 1)] == times, (
        "equal bits on the same machine"
    )


def test_a_plate_that_is_copied_anew_is_the_same_and_one_that_is_changed_is_not(
    tmp_path: Path, model: str
) -> None:
    file = planned(tmp_path, model, count=24)
    assert run(file) == []
    last = Path(file.plan.job.plate % 1024)  # the first segment does not look at it
    same = last.read_bytes()
    time.sleep(0.01)
    last.write_bytes(same)
    assert run(file, [("assemble", 0)]) == [], "another time, the same content"
    kept = file.segment_path(0).stat().st_mtime_ns
    last.write_bytes(Path(file.plan.job.plate % 1001).read_bytes())
    with pytest.raises(InputWasChanged, match="plate was changed") as raised:
        run_task(file, "assemble", 0, MODELS)
    assert (raised.value.frame, raised.value.path) == (1024, str(last)) and raised.value.remedy
    assert unfinished(file).reference, "faces, cuts and exposure are of all frames"
    assert run(file) == [] and report_shot(file, None).state == "done"
    assert file.segment_path(0).stat().st_mtime_ns == kept, "it saw nothing of the change"


def changed(path: Path) -> None:
    """Write other pixels of the same size into a picture, and other words into a text."""
    if path.suffix != ".exr":
        path.write_text(path.read_text().replace("24.0", "25.0").replace("description: ", "description: x"))
        return
    pixels = oiio.ImageBuf(str(path)).get_pixels()
    spec = oiio.ImageBuf(str(path)).spec()
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec) and out.write_image(1.0 - pixels) and out.close()


def shot_with(kind: str, folder: Path, model: str) -> tuple[PlanFile, Path, int | None]:
    """Plan a shot; return it, the file to change, and the frame of which it is."""
    plate = farm_samples.write_plate(folder / "plate", 8)
    mask = farm_samples.write_plate(folder / "mask", 8)
    row = farm_samples.row(plate, model=model, output="out/a.%04d.exr", mask=mask)
    tracks = folder / "tracks.json"
    if kind == "crop tracks":
        write_tracks(tracks, [CropTrack(0, 1001, np.full(8, 24.0), np.full(8, 20.0), np.full(8, 16.0))])
        row |= {"box": "", "crop_tracks": str(tracks)}
    config = folder / "show.ocio"
    if kind == "OCIO config":
        config.write_text(Ocio.Config.CreateFromBuiltinConfig("ocio://default").serialize())
        row |= {"ocio": str(config)}
    rows = farm_samples.write_list(folder / "shots.csv", [row])
    (file,) = farm_samples.planned(rows, SegmentRules(segments=2, halo_frames=8))
    if kind in ("crop tracks", "OCIO config"):
        return file, tracks if kind == "crop tracks" else config, None
    return file, Path({"plate": plate, "mask": mask}[kind] % 1005), 1005


@pytest.mark.parametrize("kind", ["plate", "mask", "crop tracks", "OCIO config"])
@pytest.mark.parametrize("network", [False, True], ids=["identity", "network"])
def test_what_a_shot_is_made_of_may_not_change_between_its_steps(
    tmp_path: Path, model: str, kind: str, network: bool
) -> None:
    """The old and the new are never mixed: what was made of the old is found, named and made again."""
    file, path, frame = shot_with(kind, tmp_path, model if network else "identity")
    assert run(file) == []
    old = {frame: Path(file.plan.job.output % frame).read_bytes() for frame in range(1001, 1009)}
    Path(file.plan.job.output % 1002).unlink()
    changed(path)
    problem = change_since(file)
    assert problem is not None and (problem.path, problem.frame) == (str(path), frame)
    assert run(file) == ["FARM_INPUT_CHANGED"]
    state = read_state(file, "assemble", 0)
    assert state is not None and state.error is not None and state.error["path"] == str(path)
    assert state.error["frame"] == frame and "--only-failed" in state.error["remedy"]
    assert report_shot(file, "local").state == "failed" and unfinished(file).reference
    assert run(file) == [] and report_shot(file, "local").state == "done"
    if kind == "plate":  # with the model that changes nothing, the plate itself comes back
        assert Path(file.plan.job.output % 1005).read_bytes() != old[1005]


def mask_shot(folder: Path) -> tuple[PlanFile, Path]:
    return shot_with("mask", folder, "identity")[:2]


def photo_shot(folder: Path) -> tuple[PlanFile, Path]:
    plate, photo = farm_samples.write_plate(folder / "plate", 4), folder / "actor.png"
    face = np.ascontiguousarray(data.astronaut()[0:240, 110:350], np.float32) / np.float32(255)
    oiio.ImageBuf(face).write(str(photo), "uint8")
    row = farm_samples.row(plate, output="out/a.%04d.exr", reference=str(photo))
    (file,) = farm_samples.planned(farm_samples.write_list(folder / "shots.csv", [row]))
    return file, photo


def model_shot(folder: Path) -> tuple[PlanFile, Path]:
    plate, model = farm_samples.write_plate(folder / "plate", 4), farm_samples.write_model(folder / "model")
    row = farm_samples.row(plate, output="out/a.%04d.exr", model=model)
    (file,) = farm_samples.planned(farm_samples.write_list(folder / "shots.csv", [row]))
    return file, Path(model) / "model.json"


SHOTS_OF: dict[str, Callable[[Path], tuple[PlanFile, Path]]] = {
    "plate frame": lambda folder: shot_with("plate", folder, "identity")[:2],
    "mask": mask_shot,
    "crop tracks": lambda folder: shot_with("crop tracks", folder, "identity")[:2],
    "OCIO config": lambda folder: shot_with("OCIO config", folder, "identity")[:2],
    "reference photo": photo_shot,
    "model": model_shot,
}


@pytest.mark.parametrize("when", ["before the reference", "after it"])
@pytest.mark.parametrize("kind", SHOTS_OF)
def test_what_vanishes_after_planning_is_named_and_its_remedy_leads_on(
    tmp_path: Path, kind: str, when: str
) -> None:
    file, path = SHOTS_OF[kind](tmp_path)
    submission = Submission(tmp_path / "shots.farm")
    submission.hand_over(submission.shots()["sh010"], Handover(state="submitted", engine="flamenco"))
    if when == "after it":
        assert run(file, [("reference", 0)]) == []
    aside = path.with_name("aside")
    path.rename(aside)
    assert len(run(file)) >= 1
    shots = str(tmp_path / "shots.csv")
    (report,) = report_shots(submission)
    text = " ".join(report.errors)
    assert report.state == "failed" and (path.name in text or str(path.parent) in text), text
    again, plan = f"svfr farm submit {shots} --engine flamenco --only-failed", f"svfr farm plan {shots}"
    assert again in text and plan in text and "1005" in text + "1005" * (kind not in ("plate frame", "mask"))
    code, lines = cli_samples.svfr("farm", "status", shots)
    assert code == 1 and again in lines[-1]["remedy"]

    aside.rename(path)  # what the remedy says first
    assert cli_samples.svfr(*again.split()[1:])[0] == 0
    assert run(file) == [] and report_shots(submission)[0].state == "done"


def test_a_frame_that_is_gone_for_good_is_done_without_by_the_commands_of_its_remedy(tmp_path: Path) -> None:
    plate = farm_samples.write_plate(tmp_path / "plate", 6)
    shots = farm_samples.write_list(
        tmp_path / "shots.csv", [farm_samples.row(plate, output="out/a.%04d.exr")]
    )
    (file,) = farm_samples.planned(shots)
    Path(plate % 1003).unlink()
    assert run(file) == ["FRAME_MISSING"]
    state = read_state(file, "reference", 0)
    assert state is not None and state.error is not None
    plan = f"svfr farm plan {shots}"
    assert "column missing" in state.error["remedy"] and plan in state.error["remedy"]
    code, lines = cli_samples.svfr(*plan.split()[1:])
    assert code == 0 and lines[0]["frames"] == 5
    submission = Submission(tmp_path / "shots.farm")
    (file,) = [file for _, file in submission.plan_files()]
    assert run(file) == [] and report_shots(submission)[0].written == 5


def test_frames_that_lay_there_before_are_not_taken_for_the_shots(tmp_path: Path) -> None:
    plate = farm_samples.write_plate(tmp_path / "plate", 4)
    row = farm_samples.row(plate, output="out/a.%04d.exr", existing="overwrite")
    for frame in range(1001, 1005):
        (tmp_path / "out").mkdir(exist_ok=True)
        (tmp_path / "out" / f"a.{frame}.exr").write_bytes(b"last week's")
    (file,) = farm_samples.planned(farm_samples.write_list(tmp_path / "shots.csv", [row]))
    assert (report_shot(file, None).written, report_shot(file, None).missing) == (0, "1001-1004")
    (tmp_path / "out" / "a.1002.exr").write_bytes((tmp_path / "plate" / "plate.1002.exr").read_bytes())
    assert (report_shot(file, "local").written, report_shot(file, "local").missing) == (0, "1001-1004")
    assert run(file) == [] and report_shot(file, "local").written == 4


def test_a_task_that_is_silent_for_long_is_not_taken_for_lost(
    shot_list: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_state, "HEARTBEAT_S", 0.02)
    (file, _) = farm_samples.planned(shot_list)
    before = threading.active_count()
    recorder = TaskRecorder(file, "reference", 0, "CPU")
    began = last_report(file)
    wait_until(lambda: last_report(file) > began)  # it wrote again by itself, and goes on doing so
    assert report_shot(file, "local").state == "running"
    recorder.end("cancelled")
    wait_until(lambda: threading.active_count() <= before)
    state = read_state(file, "reference", 0)
    assert state is not None and state.state == "cancelled"


def last_report(file: PlanFile) -> float:
    state = read_state(file, "reference", 0)
    assert state is not None
    return state.last_report


def test_attempts_seconds_and_warnings_outlive_the_attempt(shot_list: Path) -> None:
    (file, _) = farm_samples.planned(shot_list)
    for attempt in (1, 2):
        recorder = TaskRecorder(file, "reference", 0, "CPU")
        if attempt == 1:
            recorder.report(Report("warning", message="The plate is stereo."))
            time.sleep(0.02)
            recorder.report(Report("progress", "survey", 1, 2))
        recorder.end("done")
    report = report_shot(file, "openjd")
    assert report.retries == 1 and report.warnings == ("The plate is stereo.",)
    assert report.seconds["survey"] >= 0.02


def test_a_shot_that_is_handed_over_again_waits_and_has_not_failed(shot_list: Path) -> None:
    (file, _) = farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    submission.hand_over(submission.shots()["sh010"], Handover(state="submitted", engine="opencue"))
    TaskRecorder(file, "reference", 0, "CPU").end("failed")
    assert report_shots(submission)[0].state == "failed"
    again = SubmitSettings(engine="opencue", program=("svfr",), only_failed=True)
    assert submit(submission, again, lambda text: None) == 1
    assert report_shots(submission)[0].state == "waiting"
    assert TaskRecorder(file, "reference", 0, "CPU").attempt == 2
    note_queued(file, "segment", 0)  # was never begun
    assert read_state(file, "segment", 0) is None


def test_a_list_that_was_changed_is_planned_again_before_it_is_submitted(shot_list: Path) -> None:
    farm_samples.planned(shot_list)
    submission = Submission(shot_list.with_suffix(".farm"))
    require_planned(submission, shot_list, None)
    require_planned(submission, shot_list, 0)
    with pytest.raises(ShotListIsBad, match="GPUs"):
        require_planned(submission, shot_list, 2)
    shot_list.write_text(shot_list.read_text().replace("1011-1014", "1011-1015"))
    with pytest.raises(ShotListIsBad, match="changed") as raised:
        require_planned(submission, shot_list, None)
    assert "svfr farm plan" in raised.value.remedy
    farm_samples.planned(shot_list)
    require_planned(submission, shot_list, None)
    shot_list.unlink()
    require_planned(submission, shot_list, None)


def test_a_preset_that_skips_work_is_called_experimental_on_a_farm_too(tmp_path: Path, plate: str) -> None:
    model = Path(farm_samples.write_model(tmp_path / "m"))
    from svfr.models.folder import read_spec

    spec = read_spec(model)
    fast = dataclasses.replace(Preset(2, 2, initial_noise=1.0, guidance=2.0), deep_every=2)
    spec = dataclasses.replace(spec, presets=dict.fromkeys(("draft", "standard", "final"), fast))  # type: ignore
    (model / "model.json").write_text(canonical_json(spec.to_json()))
    row = farm_samples.row(plate, model=str(model), frames="1001-1004", output="out/a.%04d.exr")
    (file,) = farm_samples.planned(farm_samples.write_list(tmp_path / "shots.csv", [row]))
    run_task(file, "reference", 0, MODELS)
    assert any("experimental" in text for text in report_shot(file, "local").warnings)


def test_another_version_than_the_plans_is_named_in_the_report(shot_list: Path) -> None:
    (planned_here, _) = farm_samples.planned(shot_list)
    plan = dataclasses.replace(planned_here.plan, version="0.0.1")
    file = PlanFile(plan, planned_here.path, plan.sha256)
    run_task(file, "reference", 0, MODELS)
    (warning,) = report_shot(file, "local").warnings
    assert warning.startswith("Version 0.0.1 planned the shot, and version ")


def test_latents_of_other_weights_are_refused(done: PlanFile, tmp_path: Path) -> None:
    """Segments of another plan, which is what other weights make, are never joined into this one."""
    from svfr_farm.artefacts import read_reference, write_segment

    other = PlanFile(done.plan, tmp_path / "plan.json", "f" * 64)
    write_segment(other, 0, {}, "", device="CPU")
    with pytest.raises(SvfrError, match="another segment or plan"):
        read_segment(
            dataclasses.replace(done, path=tmp_path / "plan.json"),
            0,
            read_reference(done),
        )


def _zeroed(data: bytes) -> bytes:
    return data[:200] + bytes(len(data) - 200)


BROKEN_FRAMES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "cut in half": lambda data: data[: len(data) // 2],
    "short by a byte": lambda data: data[:-1],
    "inside its header": lambda data: data[:100],
    "all zeros": lambda data: bytes(len(data)),
    "zeros after its beginning": _zeroed,
    "no EXR": lambda data: b"see the other disk",
    "of another job": lambda data: data.replace(b"svfr/job_hash\0string\0", b"svfr/job_hush\0string\0"),
    "another in one byte": lambda data: data[:-700] + bytes([data[-700] ^ 1]) + data[-699:],
}


OTHERS = ("all zeros", "zeros after its beginning", "no EXR", "of another job")


@pytest.mark.parametrize("damage", OTHERS)
def test_a_frame_that_is_another_file_now_is_named_and_kept_until_it_is_moved_away(
    done: PlanFile, damage: str
) -> None:
    frame = Path(done.plan.job.output % 1004)
    sound = frame.read_bytes()
    edited = BROKEN_FRAMES[damage](sound)
    frame.write_bytes(edited)
    (problem,) = report_shot(done, "local").problems
    assert problem.code == "OUTPUT_EXISTS" and "frame 1004 is another file now" in problem.text
    with pytest.raises(SvfrError) as raised:
        run_task(done, "assemble", 0, MODELS)
    assert (raised.value.code, raised.value.frame) == ("OUTPUT_EXISTS", 1004) and raised.value.remedy
    submission = Submission(done.folder.parents[2])
    (entry,) = submission.shots().values()
    submission.hand_over(entry, Handover(state="submitted", engine="local"))
    with pytest.raises(OutputExists, match="frame 1004 is another file now") as refused:
        submit(submission, SubmitSettings(engine="local", program=("none",), only_failed=True), print)
    assert "svfr farm plan" in str(refused.value.remedy) and frame.read_bytes() == edited
    frame.rename(frame.with_suffix(".edit"))
    assert run(done) == [] and frame.read_bytes() == sound and not report_shot(done, "local").problems
    frame.with_suffix(".edit").unlink()


def test_the_second_of_two_lists_that_were_planned_to_one_version_loses_nothing(tmp_path: Path) -> None:
    plate = farm_samples.write_plate(tmp_path / "plate", 4)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.1001.exr").write_bytes(b"last week's")
    cells = {"output": "out/a.%04d.exr", "existing": "version_up"}
    lists = [
        farm_samples.write_list(tmp_path / f"{name}.csv", [farm_samples.row(plate, box=box, **cells)])
        for name, box in (("first", "16 12 16 16"), ("second", "8 8 16 16"))
    ]
    (first,), (second,) = map(farm_samples.planned, lists)
    assert first.plan.job.output == second.plan.job.output == str(tmp_path / "out" / "a_v002.%04d.exr")
    assert run(first) == [] and report_shot(second, None).problems
    before = Path(first.plan.job.output % 1001).read_bytes()
    with pytest.raises(OutputExists):
        submit(
            Submission(lists[1].with_suffix(".farm")),
            SubmitSettings(engine="local", program=("none",)),
            print,
        )
    assert run(second, [("assemble", 0)]) == ["OUTPUT_EXISTS"]
    (again,) = farm_samples.planned(lists[1])
    assert run(again) == [] and again.plan.job.output.endswith("a_v003.%04d.exr")
    assert Path(first.plan.job.output % 1001).read_bytes() == before
    assert [farm_samples.planned(one)[0].sha256 for one in lists] == [first.sha256, again.sha256]


@pytest.mark.parametrize("damage", [name for name in BROKEN_FRAMES if name not in OTHERS])
def test_a_frame_that_is_not_whole_is_missing_and_redone(done: PlanFile, damage: str) -> None:
    frame = Path(done.plan.job.output % 1004)
    sound = frame.read_bytes()
    frame.write_bytes(BROKEN_FRAMES[damage](sound))
    report = report_shot(done, "local")
    assert (report.state, report.missing) == ("incomplete", "1004")
    assert unfinished(done).tasks == [("assemble", 0)]
    others = {path: path.stat().st_mtime_ns for path in frame.parent.iterdir() if path != frame}
    assert run(done) == [] and report_shot(done, "local").state == "done"
    assert frame.read_bytes() == sound, "the same bits"
    assert all(path.stat().st_mtime_ns == time_ns for path, time_ns in others.items())


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing"])
def test_what_is_no_file_in_a_frames_place_is_a_missing_frame(done: PlanFile, kind: str) -> None:
    frame = Path(done.plan.job.output % 1004)
    sound = frame.read_bytes()
    frame.unlink()
    {
        "folder": frame.mkdir,
        "pipe": lambda: os.mkfifo(frame),
        "link to nothing": lambda: frame.symlink_to("x"),
    }[kind]()
    assert report_shot(done, "local").missing == "1004"
    if kind == "folder":
        assert run(done) == ["OUTPUT_NOT_WRITABLE"]
        frame.rmdir()
    assert run(done) == [] and report_shot(done, "local").state == "done" and frame.read_bytes() == sound


@pytest.mark.parametrize("other", [1005, 1008])
def test_a_frame_in_anothers_place_is_missing_and_redone(done: PlanFile, other: int) -> None:
    frame = Path(done.plan.job.output % 1004)
    sound = frame.read_bytes()
    shutil.copy2(done.plan.job.output % other, frame)
    assert report_shot(done, "local").missing == "1004"
    assert run(done) == [] and report_shot(done, "local").state == "done" and frame.read_bytes() == sound


def test_a_frame_that_was_copied_is_there_and_frames_as_noted_are_not_opened(
    done: PlanFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    read = frames_there._content.__wrapped__
    counting = functools.lru_cache(lambda path, stamp: opened.append(path) or read(path, stamp))
    monkeypatch.setattr(frames_there, "_content", counting)
    assert frames_there.missing_frames(done) == [] and not opened
    frame = Path(done.plan.job.output % 1004)
    frame.write_bytes(frame.read_bytes())
    for _ in range(2):
        assert frames_there.missing_frames(done) == [] and opened == [str(frame)], "once, while it stays"
    assert run(done, [("assemble", 0)]) == [], "and the assembly notes it as it is now"
    counting.cache_clear()
    assert frames_there.missing_frames(done) == [] and opened == [str(frame)]


def test_an_assembly_that_ended_half_way_keeps_what_it_noted_and_nothing_else(
    done: PlanFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = {frame: Path(done.plan.job.output % frame) for frame in FrameRange.parse(done.plan.written)}
    sound = {frame: path.read_bytes() for frame, path in frames.items()}
    for path in frames.values():
        path.unlink()

    def dies(file: PlanFile, frame: int, path: Path) -> None:
        if frame > 1006:
            raise RuntimeError("the machine went down")
        frames_there.note_frame(file, frame, path)

    with monkeypatch.context() as patched:
        patched.setattr(steps, "note_frame", dies)
        with pytest.raises(RuntimeError):
            run_task(done, "assemble", 0, MODELS)
    there = set(frames) - set(frames_there.missing_frames(done))
    assert there and max(there) <= 1006
    (kept, *_), late = sorted(there), frames[1010]
    late.write_bytes(sound[1011])  # not this assembly's
    time_ns = frames[kept].stat().st_mtime_ns
    assert run(done) == [] and report_shot(done, "local").state == "done"
    assert frames[kept].stat().st_mtime_ns == time_ns
    assert {frame: path.read_bytes() for frame, path in frames.items()} == sound


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", '{"frame": 1}', "\udcff", '{"frame": "x", "size": 1, "time_ns": 1, "content": ""}'],
)
def test_a_damaged_line_of_the_note_costs_its_frame(done: PlanFile, line: str) -> None:
    note = done.folder / frames_there.NOTE_FILE
    lines = note.read_text().splitlines()
    (number,) = (number for number, text in enumerate(lines) if '"frame": 1004,' in text)
    lines[number] = line
    note.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))
    assert report_shot(done, "local").missing == "1004"
    assert run(done) == [] and report_shot(done, "local").state == "done"


def test_frames_of_a_shot_whose_assembly_failed_later_are_there(done: PlanFile) -> None:
    path = done.segment_path(1)
    path.write_bytes(path.read_bytes()[:-40])
    assert run(done, [("assemble", 0)]) == ["FARM_ARTEFACT_DIFFERS"]
    report = report_shot(done, "local")
    assert (report.state, report.missing, report.written) == ("failed", "", 24)
    assert run(done) == [] and report_shot(done, "local").state == "done"


def test_a_shot_that_is_done_of_another_plate_is_done_again(tmp_path: Path) -> None:
    file = planned(tmp_path, "identity", count=4)
    submission = Submission(tmp_path / "shots.farm")
    submission.hand_over(submission.shots()["sh010"], Handover(state="submitted", engine="opencue"))
    assert run(file) == []
    said: list[str] = []
    again = SubmitSettings(engine="opencue", program=("svfr",), only_failed=True)
    assert submit(submission, again, said.append) == 0
    changed(Path(file.plan.job.plate % 1003))
    assert submit(submission, dataclasses.replace(again, dry_run=True), said.append) == 1
    assert submit(submission, again, said.append) == 1
    assert any("The plate was changed" in text and "plate.1003.exr" in text for text in said)
    assert unfinished(file).count == 4 and run(file) == [] and submit(submission, again, said.append) == 0
