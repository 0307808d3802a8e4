"""What holds an experiment: its budget, its clips, its four files, and the refusal of what cannot be."""

from __future__ import annotations

import json

import numpy as np
import pytest
from lab_runs import read_result
from typer.testing import CliRunner

from svfr_cli.exit_codes import ExitCode
from svfr_cli.main import app
from svfr_lab.experiments.kit.arms import next_goal
from svfr_lab.experiments.kit.bench import Bench, Voice
from svfr_lab.experiments.kit.clip_folder import fitted_clips
from svfr_lab.experiments.kit.clock import BudgetClock, Deadline
from svfr_lab.experiments.kit.errors import ClipsDoNotSuffice, ExperimentBegunOtherwise
from svfr_lab.experiments.kit.experiment import Experiment, Findings, PaperClaim
from svfr_lab.experiments.kit.held_out import HeldOutClip, held_back_of, held_out_clips
from svfr_lab.experiments.kit.measurements import Score
from svfr_lab.experiments.kit.measuring import measure_clips
from svfr_lab.experiments.questions.task_interference import colour_error
from svfr_lab.experiments.questions.ulr_features import distance_ratios
from svfr_lab.experiments.registry import EXPERIMENTS
from svfr_lab.experiments.run import LabRequest, run_experiment
from svfr_lab.heads.dataset import open_rendered_folder
from svfr_lab.metrics.landmarks import MISSED_ERROR, mean_landmark_error
from svfr_restore.faces.landmarks import FivePointFinder

SILENT = Voice(lambda sentence: None, lambda stage, done, total: None)
ROW = {"what": "a thing", "mean": 1.23456789, "low": 1.0, "high": 2.0, "n": 4}


def findings(rows=(ROW,)):
    return Findings(rows, lambda figure: figure.text(0.5, 0.5, "here"), "All is well, n = 4.", {"things": 4})


def experiment(run=lambda bench: findings(), claim=None):
    return Experiment(name="trial", title="A trial", question="Does it run?", run=run, paper_claim=claim)


def bench_in(folder, budget_s=60.0, data=None):
    clock = BudgetClock(folder / "clock.json", budget_s)
    return Bench(folder=folder, seed=3, clock=clock, voice=SILENT, data=data, cache=folder / "cache")


def test_an_answer_is_four_files(tmp_path):
    files = run_experiment(LabRequest(experiment=experiment(), budget_s=60.0, out=tmp_path), SILENT)
    record, rows, page = read_result(tmp_path, "trial")
    assert record["summary"] == {"things": 4}
    assert rows[0]["mean"] == "1.2346"
    assert page.startswith("# A trial")
    assert "Claimed" not in page
    assert all(path.parent == tmp_path for path in vars(files).values())


def test_a_published_table_is_marked_as_a_claim(tmp_path):
    claim = PaperClaim("Somebody 2025:", ("arm", "PSNR"), (("all", 29.5),), "Another data set.")
    run_experiment(LabRequest(experiment=experiment(claim=claim), budget_s=60.0, out=tmp_path), SILENT)
    _, _, page = read_result(tmp_path, "trial")
    assert "## Claimed by the paper, not measured here\n\nSomebody 2025:" in page
    assert "| all | 29.5 |" in page


def test_a_published_table_must_be_rectangular():
    with pytest.raises(ValueError, match="as many cells"):
        PaperClaim("Somebody", ("arm", "PSNR"), (("all",),), "")


@pytest.mark.parametrize("row", [{"mean": 1.0, "n": 4}, {"mean": 1.0, "low": 0.0, "high": 2.0}])
def test_rows_without_sample_size_or_spread_are_refused(row):
    with pytest.raises(ValueError, match="sample size and a spread"):
        findings((row,))


def test_no_rows_are_refused():
    with pytest.raises(ValueError, match="sample size and a spread"):
        findings(())


def test_the_same_command_goes_on_and_another_one_is_refused(tmp_path):
    run_experiment(LabRequest(experiment=experiment(), budget_s=60.0, out=tmp_path, seed=4), SILENT)
    run_experiment(LabRequest(experiment=experiment(), budget_s=60.0, out=tmp_path, seed=4), SILENT)
    assert json.loads((tmp_path / "trial.json").read_text())["starts"] == 2
    with pytest.raises(ExperimentBegunOtherwise, match="seed 4"):
        run_experiment(LabRequest(experiment=experiment(), budget_s=60.0, out=tmp_path, seed=5), SILENT)
    with pytest.raises(ExperimentBegunOtherwise, match=r"budget_s 60\.0"):
        run_experiment(LabRequest(experiment=experiment(), budget_s=61.0, out=tmp_path, seed=4), SILENT)


def test_what_was_answered_has_spent_its_budget_and_is_not_worked_on_again(tmp_path):
    left = []

    def run(bench):
        left.append(bench.remaining_s())
        return findings()

    for _ in range(2):
        run_experiment(LabRequest(experiment=experiment(run), budget_s=60.0, out=tmp_path), SILENT)
    assert left[0] > 0.0 >= left[1]
    assert json.loads((tmp_path / "trial.json").read_text())["starts"] == 2


def test_a_failing_experiment_leaves_no_answer(tmp_path):
    def fail(bench):
        raise ClipsDoNotSuffice("Too few.")

    with pytest.raises(ClipsDoNotSuffice):
        run_experiment(LabRequest(experiment=experiment(fail), budget_s=60.0, out=tmp_path), SILENT)
    assert not list(tmp_path.glob("trial.??*g")) + list(tmp_path.glob("trial.md"))


def test_an_unknown_experiment_is_a_wrong_command_line_that_lists_the_known_ones():
    done = CliRunner().invoke(app, ["lab", "perpetual-motion", "--json"])
    assert done.exit_code == ExitCode.USAGE
    error = json.loads(done.stdout)
    assert error["code"] == "LAB_UNKNOWN_EXPERIMENT"
    assert "ablation" in error["remedy"]


def test_all_experiments_are_listed_with_their_questions():
    done = CliRunner().invoke(app, ["lab", "list", "--json"])
    assert done.exit_code == ExitCode.OK
    listed = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["name"] for each in listed] == list(EXPERIMENTS)
    assert all(each["question"].endswith("?") for each in listed)


def test_time_of_killed_runs_counts(tmp_path):
    path = tmp_path / "clock.json"
    path.write_text(json.dumps({"spent_s": 50.0, "starts": 2}))
    clock = BudgetClock(path, 60.0)
    assert clock.starts == 3
    assert 0.0 < clock.remaining_s() < 10.0
    assert Deadline(clock, 49.0).over()
    assert not Deadline(clock, 59.0).over()
    assert json.loads(path.read_text())["spent_s"] >= 50.0


def test_a_share_is_one_of_the_whole_budget(tmp_path):
    (tmp_path / "clock.json").write_text(json.dumps({"spent_s": 40.0, "starts": 1}))
    bench = bench_in(tmp_path, 60.0)
    assert bench.share(0.5).over()
    assert not bench.share(0.9).over()


def test_clips_of_the_users_are_brought_to_size_with_their_landmarks(tmp_path, small_folder):
    given = open_rendered_folder(small_folder)
    fitted = open_rendered_folder(bench_in(tmp_path, data=small_folder).clips(3, 24, 2))
    assert fitted.clips.shape == (3, 2, 24, 24, 3)
    np.testing.assert_allclose(fitted.landmarks_px, given.landmarks_px[:3, :2] / 2, rtol=1e-6)
    assert given.landmarks68_px is not None
    np.testing.assert_allclose(fitted.landmarks68_px, given.landmarks68_px[:3, :2] / 2, rtol=1e-6)
    means = given.clips[:3, :2].mean((2, 3)), fitted.clips.mean((2, 3))
    np.testing.assert_allclose(*means, atol=0.6)


def test_clips_that_fit_are_used_where_they_are(tmp_path, small_folder):
    assert fitted_clips(small_folder, tmp_path, 99, 48, 3) == small_folder


def test_clips_that_are_too_short_are_refused(tmp_path, small_folder):
    with pytest.raises(ClipsDoNotSuffice, match="have 3 frames"):
        fitted_clips(small_folder, tmp_path, 4, 48, 8)


def test_rendered_clips_are_kept_for_the_next_run(tmp_path, renderer):
    first = bench_in(tmp_path, 1.0).clips(2, 32, 1)
    assert first.parent == tmp_path / "cache"
    before = (first / "clips.npy").stat().st_mtime_ns
    assert bench_in(tmp_path, 1.0).clips(2, 32, 1) == first
    assert (first / "clips.npy").stat().st_mtime_ns == before


def test_held_out_clips_are_the_last_ones_and_their_damage_stays(small_folder):
    assert [held_back_of(count) for count in (4, 40, 3000)] == [1, 10, 64]
    (clip,) = held_out_clips(small_folder, 1)
    assert clip.number == 3
    np.testing.assert_array_equal(clip.points_px, open_rendered_folder(small_folder).landmarks_px[3])
    bfr = frozenset({"bfr"})
    np.testing.assert_array_equal(clip.damaged(bfr).lq, clip.damaged(bfr).lq)


def clip_numbered(number):
    return HeldOutClip(number, np.zeros((1, 2, 2, 3), np.float32), np.zeros((1, 5, 2), np.float32))


def number_of(clip):
    return [Score("a", "number", float(clip.number))]


def test_measuring_stops_in_time_but_not_before_the_fewest(tmp_path):
    bench = bench_in(tmp_path, 1e-9)
    clips = [clip_numbered(number) for number in range(9)]
    measured = measure_clips(bench, "n", clips, number_of, until=bench.share(1.0), fewest=4)
    np.testing.assert_array_equal(measured.values("a", "number"), [[0, 1, 2, 3]])


def test_measured_clips_survive_a_kill_and_a_half_written_one_is_measured_again(tmp_path):
    lines = [json.dumps([["a", "number", value, "", 0]]) for value in (70.0, 71.0)]
    (tmp_path / "n.jsonl").write_text("\n".join([*lines, '[["a", "num']))
    bench = bench_in(tmp_path)
    clips = [clip_numbered(number) for number in range(4)]
    measured = measure_clips(bench, "n", clips, number_of, until=bench.share(1.0))
    np.testing.assert_array_equal(measured.values("a", "number"), [[70, 71, 2, 3]])
    assert len((tmp_path / "n.jsonl").read_text().splitlines()) == 4


def test_stretches_of_training_grow_by_a_sixth():
    assert [next_goal(steps) for steps in (0, 10, 60, 600)] == [10, 20, 70, 700]


def test_the_ratio_of_distances_is_that_of_two_clips_on_paper():
    # two clips 10 apart, each with its tasks at the corners of an equilateral triangle of side 2
    triangle = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, np.sqrt(3.0)]])
    features = np.stack([triangle, triangle + np.array([10.0, 0.0])])
    np.testing.assert_allclose(distance_ratios(features), [0.2, 0.2])


def test_features_that_do_not_show_the_task_have_the_ratio_zero():
    features = np.repeat(np.eye(4)[:, None], 3, axis=1)
    np.testing.assert_array_equal(distance_ratios(features), np.zeros(4))


def test_lightness_is_no_colour_error():
    grey, brighter = (np.full((1, 2, 2, 3), value, np.float32) for value in (0.3, 0.6))
    red = grey * np.array([2.0, 1.0, 1.0], np.float32)
    assert colour_error(brighter, grey) < 0.02
    assert colour_error(red, grey) > 20.0


def test_the_points_of_a_clean_face_are_found_and_a_face_that_is_not_counts_in_full(renderer):
    rendered = renderer.render_clip(5, 2)
    finder, dark = FivePointFinder(), np.zeros_like(rendered.frames[0])
    found = [finder.five_points(frame) for frame in rendered.frames]
    assert mean_landmark_error(found, rendered.landmarks_px) < 0.2
    missed = [finder.five_points(dark)] * 2
    assert mean_landmark_error(missed, rendered.landmarks_px) == MISSED_ERROR
    half = mean_landmark_error([found[0], missed[0]], rendered.landmarks_px)
    assert MISSED_ERROR / 2 < half < MISSED_ERROR
