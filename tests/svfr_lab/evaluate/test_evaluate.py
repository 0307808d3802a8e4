"""The whole comparison, on a real face, with every measure that runs on networks small enough to test."""

import json
import math

import numpy as np
import pytest
import torch
from quality_samples import (
    MeanVideo,
    alex_features,
    noisy,
    real_face_clip,
    save_arcface,
    save_backbone,
    save_script,
    write_clip,
)

from svfr.errors import ModelFileMissing
from svfr_client.errors import MaskFramesMissing, SeveralProblems
from svfr_client.frames import FrameRange
from svfr_client.job import Box
from svfr_lab.evaluate.evaluate import Request, evaluate
from svfr_lab.evaluate.instruments import Weights
from svfr_lab.evaluate.plot import plotted_names, write_plot
from svfr_lab.evaluate.protocol import read_protocol
from svfr_lab.evaluate.report import NotComputed, Summary, reasons, table_rows, write_json
from svfr_lab.metrics.errors import (
    ClipsDoNotMatch,
    FrameCountsDiffer,
    FrameSizesDiffer,
    ReportCannotBeWritten,
    TorchScriptNotTrusted,
)
from svfr_ocio.errors import UnknownColourSpace
from svfr_restore.errors import FrameCannotBeRead, FrameIsTruncated, PlateNotFound

FRAMES = 8
FLAT = np.full((3, 40, 48, 3), 0.5, np.float32)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    truth = real_face_clip(FRAMES)
    return write_clip(folder / "result", noisy(truth)), write_clip(folder / "truth", truth)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(1)
    return Weights(
        save_backbone(folder / "alex.pth", alex_features()),
        save_arcface(folder / "arcface.pth"),
        save_script(folder / "i3d.pt", MeanVideo()),
        trust_torchscript=True,
    )


@pytest.fixture(scope="module")
def short_fvd(tmp_path_factory):
    """The default protocol with FVD on clips of 4 frames."""
    path = tmp_path_factory.mktemp("protocol") / "short.toml"
    text = (read_protocol.__globals__["_FOLDER"] / "plates.toml").read_text(encoding="utf-8")
    path.write_text(text.replace("_frames = 16", "_frames = 4"), encoding="utf-8")
    return read_protocol(str(path))


@pytest.fixture(scope="module")
def full(clips, weights, short_fvd):
    return evaluate(Request(*clips, short_fvd, weights))


def flat_request(folder, result, truth, **more):
    plates = [
        write_clip(folder / side, clip, suffix="exr") for side, clip in (("result", result), ("truth", truth))
    ]
    spaces = {"result_space": "ACEScg", "truth_space": "ACEScg"}
    return Request(*plates, read_protocol("plates"), **(spaces | more))


def test_every_measure_has_a_figure_when_all_weights_are_given(full):
    names = "psnr_db ssim lpips ids vidd vidd_truth fvd landmark_drift landmark_jitter"
    assert list(full.metrics) == names.split()
    assert all(isinstance(figure, Summary) for figure in full.metrics.values())


def test_figures_of_frames_are_there_for_every_frame(full):
    (clip,) = full.clips
    assert clip.frames == tuple(range(1001, 1001 + FRAMES))
    assert full.metrics["psnr_db"].count == FRAMES
    assert full.metrics["vidd"].count < FRAMES
    assert clip.figures[0]["vidd"] is None


def test_the_clip_s_figure_is_the_mean_of_its_frames(full):
    rows = [row["lpips"] for row in full.clips[0].figures]
    assert full.metrics["lpips"].mean == pytest.approx(np.mean(rows))
    assert full.metrics["lpips"].facts == {"backbone": "alex"}


def test_frames_in_which_a_face_is_not_placed_are_counted(full):
    facts = full.metrics["landmark_drift"].facts
    assert full.metrics["landmark_drift"].count + facts["missed"] + facts["unseen"] == FRAMES


def test_fvd_is_the_distance_of_the_clips_features(full, clips):
    truth = real_face_clip(FRAMES)
    ours, theirs = (
        np.stack([clip[i : i + 4].mean(axis=(0, 1, 2)) * 2 / 255 - 1 for i in (0, 4)])
        for clip in (noisy(truth), truth)
    )
    first, second = (np.diff(side, axis=0)[0] / math.sqrt(2) for side in (ours, theirs))
    spread = np.square(np.linalg.norm(first)) + np.square(np.linalg.norm(second)) - 2 * abs(first @ second)
    expected = np.square(ours.mean(0) - theirs.mean(0)).sum() + spread
    assert full.metrics["fvd"].mean == pytest.approx(expected, rel=1e-4)
    assert full.metrics["fvd"].facts["clips"] == 2


def test_the_truth_compared_with_itself_is_perfect(clips, weights, short_fvd):
    report = evaluate(Request(clips[1], clips[1], short_fvd, weights))
    means = {name: figure.mean for name, figure in report.metrics.items()}
    assert means["psnr_db"] == 100.0
    assert means["ids"] == pytest.approx(1.0)
    assert means["vidd"] == pytest.approx(means["vidd_truth"])
    assert [means[name] for name in ("lpips", "landmark_drift", "landmark_jitter")] == [0.0] * 3
    assert means["fvd"] == pytest.approx(0.0, abs=1e-9)


def test_without_weights_a_measure_says_so_and_has_no_number(clips):
    report = evaluate(Request(*clips, read_protocol("plates"), frames=FrameRange.parse("1001-1002")))
    for name in ("lpips", "ids", "vidd", "fvd"):
        assert isinstance(report.metrics[name], NotComputed)
        assert "--weights-" in report.metrics[name].remedy
        assert all(row.get(name) is None for row in report.clips[0].figures)
    assert {"metric": "lpips", "mean": "not computed"} in table_rows(report)
    assert any(line.startswith("ids, vidd: not computed.") for line in reasons(report))


def test_fvd_of_too_few_frames_is_not_computed(clips, weights):
    report = evaluate(Request(*clips, read_protocol("plates"), weights))
    assert "16-frame clips, and there are 0" in report.metrics["fvd"].reason


def test_without_a_face_the_measures_of_faces_are_not_computed(tmp_path, weights):
    report = evaluate(flat_request(tmp_path, FLAT, FLAT, weights=weights))
    for name in ("ids", "vidd", "landmark_drift"):
        assert "No face was found" in report.metrics[name].reason
        assert "--box" in report.metrics[name].remedy
    assert report.metrics["psnr_db"].mean == 100.0


def test_a_square_without_a_face_has_no_points(clips, weights):
    request = Request(*clips, read_protocol("plates"), weights, box=Box(200, 200, 40, 40))
    report = evaluate(request)
    assert "points" in report.metrics["landmark_drift"].reason
    assert isinstance(report.metrics["ids"], NotComputed)


def test_a_box_takes_the_place_of_detection(clips):
    request = Request(*clips, read_protocol("plates"), box=Box(40, 0, 180, 180))
    assert isinstance(evaluate(request).metrics["landmark_drift"], Summary)


def test_only_neighbouring_frames_have_figures_between_them(clips, weights):
    frames = FrameRange.parse("1001-1007x2")
    report = evaluate(Request(*clips, read_protocol("plates"), weights, frames=frames))
    assert "neighbouring" in report.metrics["vidd"].reason
    assert "neighbouring" in report.metrics["landmark_jitter"].reason
    assert isinstance(report.metrics["ids"], Summary)


def test_linear_plates_are_compared_in_code_values(tmp_path):
    def light(code):
        return ((code + 0.055) / 1.055) ** 2.4

    # neutrals are the same in ACEScg and in Rec.709
    result, truth = (np.full(FLAT.shape, light(code), np.float32) for code in (0.5, 0.6))
    report = evaluate(flat_request(tmp_path, result, truth))
    assert report.metrics["psnr_db"].mean == pytest.approx(20.0, abs=1e-2)


def test_result_and_truth_may_be_in_two_spaces(tmp_path):
    code = np.full((3, 40, 48, 3), 128, np.uint8)
    light = np.full(FLAT.shape, ((128 / 255 + 0.055) / 1.055) ** 2.4, np.float32)
    result = write_clip(tmp_path / "result", light, suffix="exr")
    truth = write_clip(tmp_path / "truth", code)
    report = evaluate(Request(result, truth, read_protocol("plates"), result_space="ACEScg"))
    assert report.metrics["psnr_db"].mean > 70.0
    assert report.clips[0].colour["result"]["name"] == "ACEScg"


def test_a_matte_shows_what_is_compared(tmp_path):
    result, matte = FLAT.copy(), np.zeros((3, 40, 48, 1), np.float32)
    result[:, :, :24] = 0.0
    matte[:, :, 24:] = 1.0
    path = write_clip(tmp_path / "matte", matte, suffix="exr")
    assert evaluate(flat_request(tmp_path, result, FLAT, matte=path)).metrics["psnr_db"].mean == 100.0
    assert evaluate(flat_request(tmp_path, result, FLAT)).metrics["psnr_db"].mean < 20.0


def test_an_empty_matte_leaves_nothing_to_compare(tmp_path):
    path = write_clip(tmp_path / "matte", np.zeros((3, 40, 48, 1), np.float32), suffix="exr")
    report = evaluate(flat_request(tmp_path, FLAT, FLAT, matte=path))
    assert "matte is empty" in report.metrics["psnr_db"].reason


def test_vfhq_test_brings_both_sides_to_512_px(clips, tmp_path):
    truth = real_face_clip(2).repeat(2, axis=1).repeat(2, axis=2)
    larger = write_clip(tmp_path / "truth", truth)
    request = Request(clips[0], larger, read_protocol("vfhq-test"), frames=FrameRange.parse("1001-1002"))
    report = evaluate(request)
    assert report.metrics["psnr_db"].mean > 20.0
    assert report.notes == ("VFHQ-Test has 50 clips; 1 were compared.",)


def test_a_set_of_clips_is_the_mean_of_its_clips(tmp_path, weights, short_fvd):
    truth = real_face_clip(4)
    for name, sd in (("a", 4.0), ("b", 16.0)):
        write_clip(tmp_path / "result" / name, noisy(truth, sd))
        write_clip(tmp_path / "truth" / name, truth)
    report = evaluate(Request(str(tmp_path / "result"), str(tmp_path / "truth"), short_fvd, weights))
    means = [clip.metrics["psnr_db"].mean for clip in report.clips]
    assert means[0] > means[1] + 9.0
    assert report.metrics["psnr_db"].mean == pytest.approx(np.mean(means))
    assert report.metrics["psnr_db"].of == "clips"
    # one clip of four frames has no FVD of its own, two have one together
    assert isinstance(report.clips[0].metrics["fvd"], NotComputed)
    assert report.metrics["fvd"].facts["clips"] == 2


def test_progress_is_told_for_every_frame(clips):
    told = []
    frames = FrameRange.parse("1001-1003")
    evaluate(
        Request(*clips, read_protocol("plates"), frames=frames),
        lambda *news: told.append(news),
    )
    assert told == [(stage, done, 3) for stage in ("find", "compare") for done in (1, 2, 3)]


def test_the_json_holds_every_figure_or_its_reason(full, tmp_path):
    path = tmp_path / "figures.json"
    write_json(full, path)
    body = json.loads(path.read_text(encoding="utf-8"))
    assert body["format"] == 1
    assert body["metrics"]["ids"]["computed"] is True
    assert [row["frame"] for row in body["clips"][0]["frames"]] == list(range(1001, 1001 + FRAMES))
    assert body["clips"][0]["frames"][0]["vidd"] is None
    assert body["protocol"]["sources"]["fvd"]


def test_the_plot_has_a_panel_for_every_measure_of_frames(full, tmp_path):
    write_plot(full, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert plotted_names(full) == [name for name in full.metrics if name != "fvd"]


@pytest.mark.parametrize("write", [write_json, write_plot])
def test_a_report_that_cannot_be_written_leaves_nothing(full, tmp_path, write):
    with pytest.raises(ReportCannotBeWritten):
        write(full, tmp_path / "nowhere" / "file.png")
    assert list(tmp_path.iterdir()) == []


def test_other_frame_counts_are_refused(tmp_path):
    with pytest.raises(FrameCountsDiffer):
        evaluate(flat_request(tmp_path, FLAT[:2], FLAT))


def test_other_sizes_are_refused(tmp_path):
    with pytest.raises(FrameSizesDiffer, match="48x39 with pixel aspect 1, the truth 48x40"):
        evaluate(flat_request(tmp_path, FLAT[:, :39], FLAT))


def test_an_unknown_colour_space_is_refused(tmp_path):
    with pytest.raises(UnknownColourSpace):
        evaluate(flat_request(tmp_path, FLAT, FLAT, truth_space=None))


def test_a_plate_that_is_not_there_is_refused(tmp_path, clips):
    with pytest.raises(PlateNotFound):
        evaluate(Request(str(tmp_path / "no.%04d.png"), clips[1], read_protocol("plates")))


def test_truncated_frames_of_both_sides_are_told_together(tmp_path):
    request = flat_request(tmp_path, FLAT, FLAT)
    for side, frame in (("truth", 1002), ("result", 1003)):
        path = tmp_path / side / f"shot.{frame}.exr"
        path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SeveralProblems) as caught:
        evaluate(request)
    assert [(type(p), p.frame) for p in caught.value.problems] == [
        (FrameIsTruncated, 1003),
        (FrameIsTruncated, 1002),
    ]


def test_a_frame_that_cannot_be_decoded_is_named(tmp_path):
    ramp = np.broadcast_to(np.linspace(0, 1, 48, dtype=np.float32)[:, None], FLAT.shape)
    request = flat_request(tmp_path, FLAT, ramp)
    path = tmp_path / "truth" / "shot.1002.exr"
    content = bytearray(path.read_bytes())
    content[-200:-50] = bytes(150)
    path.write_bytes(content)
    with pytest.raises(FrameCannotBeRead) as caught:
        evaluate(request)
    assert caught.value.frame == 1002


def test_a_matte_with_a_gap_is_refused(tmp_path):
    path = write_clip(tmp_path / "matte", np.ones((2, 40, 48, 1), np.float32), suffix="exr")
    with pytest.raises(MaskFramesMissing):
        evaluate(flat_request(tmp_path, FLAT, FLAT, matte=path))


def test_a_matte_over_several_clips_is_refused(tmp_path):
    for side in ("result", "truth"):
        for name in ("a", "b"):
            write_clip(tmp_path / side / name, real_face_clip(1))
    request = Request(
        str(tmp_path / "result"), str(tmp_path / "truth"), read_protocol("plates"), matte="matte.exr"
    )
    with pytest.raises(ClipsDoNotMatch, match="matte belongs to one clip"):
        evaluate(request)


def test_everything_wrong_is_told_together(tmp_path, weights):
    bad = Weights(tmp_path / "alex.pth", None, weights.fvd)
    with pytest.raises(SeveralProblems) as caught:
        evaluate(flat_request(tmp_path, FLAT[:2], FLAT, weights=bad))
    kinds = [type(problem) for problem in caught.value.problems]
    assert kinds == [FrameCountsDiffer, ModelFileMissing, TorchScriptNotTrusted]
