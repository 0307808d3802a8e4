import json

import numpy as np
import pytest

from svfr_ocio.config import open_config
from svfr_ocio.errors import BadProbe, ColourMismatch
from svfr_ocio.probe import PROBE_RGB, TOLERANCE, check_probe, make_probe


def test_the_probe_has_32_triplets_with_negatives_mid_grey_one_and_sixteen():
    assert len(PROBE_RGB) == len(set(PROBE_RGB)) == 32
    values = {value for triplet in PROBE_RGB for value in triplet}
    assert {0.18, 1.0, 16.0} <= values and min(values) < 0


@pytest.mark.parametrize(
    "space", ["ACEScg", "ACEScct", "ARRI LogC4", "sRGB - Display", "Rec.2100-PQ - Display"]
)
def test_a_probe_agrees_with_itself_after_json(studio, space):
    found = studio.resolve(space)
    probe = json.loads(json.dumps(make_probe(studio, found), allow_nan=False))
    check_probe(studio, found, probe)


def test_the_probe_of_acescg_is_its_matrix_to_ap0(studio):
    probe = make_probe(studio, studio.resolve("ACEScg"))
    matrix = [
        [0.69545224, 0.14067870, 0.16386906],
        [0.04479456, 0.85967112, 0.09553432],
        [-0.00552588, 0.00402521, 1.00150067],
    ]
    assert np.allclose(probe["rgb_linear_ap0"], np.array(PROBE_RGB) @ np.array(matrix).T, atol=1e-6)


def test_one_space_under_two_configs_agrees(studio):
    newest = open_config("ocio://studio-config-latest")
    probe = make_probe(newest, newest.resolve("lin_ap1_scene"))
    check_probe(studio, studio.resolve("ACEScg"), probe)


def test_another_space_is_a_mismatch_with_both_values(studio):
    probe = make_probe(studio, studio.resolve("Linear Rec.709 (sRGB)"))
    with pytest.raises(ColourMismatch) as caught:
        check_probe(studio, studio.resolve("ACEScg"), probe)
    assert caught.value.code == "COLOUR_MISMATCH"
    row = PROBE_RGB.index((0.18, 16.0, 1.0))
    here = make_probe(studio, studio.resolve("ACEScg"))
    for values, where in ((probe, "there"), (here, "here")):
        text = ", ".join(f"{value:.6g}" for value in values["rgb_linear_ap0"][row])
        assert f"({text}) {where}" in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("row", [0, 5, 31])
def test_a_difference_just_over_the_tolerance_is_found_and_one_under_it_is_not(studio, row):
    space = studio.resolve("ACEScg")
    probe = make_probe(studio, space)
    allowed = TOLERANCE * max(abs(probe["rgb_linear_ap0"][row][1]), 1.0)
    probe["rgb_linear_ap0"][row][1] += 0.9 * allowed
    check_probe(studio, space, probe)
    probe["rgb_linear_ap0"][row][1] += 0.2 * allowed
    with pytest.raises(ColourMismatch):
        check_probe(studio, space, probe)


def test_a_nan_from_the_other_side_is_a_mismatch(studio):
    space = studio.resolve("ACEScg")
    probe = make_probe(studio, space)
    probe["rgb_linear_ap0"][5] = [float("nan")] * 3
    with pytest.raises(ColourMismatch):
        check_probe(studio, space, probe)


def test_a_display_probe_is_not_taken_for_a_scene_probe(studio):
    with pytest.raises(BadProbe, match="rgb_linear_ap0"):
        check_probe(studio, studio.resolve("ACEScg"), make_probe(studio, studio.resolve("sRGB - Display")))


@pytest.mark.parametrize(
    "probe",
    [
        {},
        {"rgb_in": [], "rgb_linear_ap0": []},
        {"rgb_in": "abc", "rgb_linear_ap0": "abc"},
        {"rgb_in": [[1, 2]], "rgb_linear_ap0": [[1, 2, 3]]},
        {"rgb_in": [[1, 2, "3"]], "rgb_linear_ap0": [[1, 2, 3]]},
        {"rgb_in": [[1, 2, True]], "rgb_linear_ap0": [[1, 2, 3]]},
        {"rgb_in": [[1, 2, 3]], "rgb_linear_ap0": [[1, 2, 3], [1, 2, 3]]},
    ],
    ids=str,
)
def test_something_that_is_no_probe_is_refused(studio, probe):
    with pytest.raises(BadProbe):
        check_probe(studio, studio.resolve("ACEScg"), probe)
