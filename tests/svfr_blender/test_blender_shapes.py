"""Masks as numbers: placement, blends and feather points, without Blender."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PyOpenColorIO as Ocio
import pytest
from blender_host import VERSIONS, blender_python
from staged_extension.colour import INTEROP_IDS, colour_claim, running_config
from staged_extension.errors import MaskCannotBeSent, StripHasNoColour
from staged_extension.mask_shapes import shape_of
from staged_extension.placement import over_frame, over_plate

from svfr_ocio.config import open_config
from svfr_ocio.probe import check_probe, make_probe

PLATE, FRAME = (160, 120), (320, 240)


def strip(**more: Any) -> SimpleNamespace:
    transform = {"scale_x": 1.0, "scale_y": 1.0, "offset_x": 0.0, "offset_y": 0.0, "rotation": 0.0}
    given = {key: more.pop(key) for key in list(more) if key in transform}
    placed = SimpleNamespace(**{**transform, **given}, origin=(0.5, 0.5))
    return SimpleNamespace(
        name="strip", transform=placed, **{"use_flip_x": False, "use_flip_y": False, **more}
    )


def point(x: float, y: float, weight: float = 0.0, feathers: tuple[tuple[float, float], ...] = ()) -> Any:
    return SimpleNamespace(
        co=(x, y),
        handle_left=(x, y),
        handle_right=(x, y),
        weight=weight,
        feather_points=[SimpleNamespace(u=u, weight=w) for u, w in feathers],
    )


def mask(*layers: dict[str, Any]) -> SimpleNamespace:
    plain = {
        "name": "L",
        "blend": "MERGE_ADD",
        "alpha": 1.0,
        "invert": False,
        "hide_render": False,
        "use_fill_holes": True,
    }
    square = [point(0.25, 0.25), point(0.75, 0.25), point(0.75, 0.75), point(0.25, 0.75)]
    spline = SimpleNamespace(points=square, use_cyclic=True, use_fill=True)
    made = [SimpleNamespace(**{**plain, "splines": [spline], **layer}) for layer in layers]
    return SimpleNamespace(layers=made, name="mask")


def test_the_centre_of_a_mask_is_the_centre_of_the_plate_and_up_becomes_down() -> None:
    placement = over_plate(*PLATE)
    assert placement(0.5, 0.5) == (80.0, 60.0)
    assert placement(0.5, 0.75) == (80.0, 20.0)
    assert placement.scale == pytest.approx(160.0)


def test_a_mask_over_the_frame_undoes_the_strips_place() -> None:
    assert over_frame(strip(), PLATE, FRAME)(0.5, 0.5) == (80.0, 60.0)
    moved = over_frame(strip(offset_x=16, offset_y=-8), PLATE, FRAME)
    assert moved(0.5, 0.5) == (64.0, 52.0)
    twice = over_frame(strip(scale_x=2.0, scale_y=2.0), PLATE, FRAME)
    assert twice(0.6, 0.5) == pytest.approx((96.0, 60.0))
    assert twice.scale == pytest.approx(160.0)
    flipped = strip(use_flip_x=True, offset_x=16)
    assert over_frame(flipped, PLATE, FRAME)(0.6, 0.5) == pytest.approx((32.0, 60.0))
    assert over_frame(flipped, PLATE, FRAME, before_flip=True)(0.6, 0.5) == pytest.approx((96.0, 60.0))


def test_a_strip_scaled_to_nothing_has_no_place_for_a_mask() -> None:
    with pytest.raises(MaskCannotBeSent, match="scaled to nothing"):
        over_frame(strip(scale_x=0.0), PLATE, FRAME)


def test_hidden_layers_and_splines_that_are_not_filled_are_left_out() -> None:
    shape = shape_of(mask({"hide_render": True}, {}), over_plate(*PLATE))
    assert len(shape.layers) == 1
    unfilled = SimpleNamespace(points=[point(0.5, 0.5)], use_cyclic=True, use_fill=False)
    assert shape_of(mask({"splines": [unfilled]}), over_plate(*PLATE)).layers[0].splines == ()


@pytest.mark.parametrize("blend", ["REPLACE", "DIFFERENCE"])
def test_a_blend_without_a_counterpart_is_refused(blend: str) -> None:
    with pytest.raises(MaskCannotBeSent, match="partly opaque"):
        shape_of(mask({"blend": blend, "invert": True, "alpha": 0.5}), over_plate(*PLATE))
    with pytest.raises(MaskCannotBeSent, match="blends by FOLD"):
        shape_of(mask({"blend": "FOLD"}), over_plate(*PLATE))


def test_feather_points_become_points_of_the_outline_in_order() -> None:
    points = [point(0.2, 0.5, 0.1, ((0.75, 0.3), (0.25, 0.2))), point(0.6, 0.5, 0.1), point(0.4, 0.2)]
    spline = SimpleNamespace(points=points, use_cyclic=True, use_fill=True)
    drawn = shape_of(mask({"splines": [spline]}), over_plate(*PLATE)).layers[0].splines[0]
    assert [p.feather_px for p in drawn.points] == pytest.approx([16.0, 32.0, 48.0, 16.0, 0.0])
    # A straight Bezier runs slowly at its ends: at a quarter it has gone 10/64 of the way.
    assert [p.centre[0] for p in drawn.points[:4]] == pytest.approx([32.0, 42.0, 86.0, 96.0])


def test_a_feather_that_points_inwards_is_not_seen() -> None:
    points = [point(0.2, 0.5, 0.1), point(0.6, 0.5, 0.1), point(0.4, 0.8, 0.1)]
    spline = SimpleNamespace(points=points, use_cyclic=True, use_fill=True)
    drawn = shape_of(mask({"splines": [spline]}), over_plate(*PLATE)).layers[0].splines[0]
    assert [p.feather_px for p in drawn.points] == [0.0, 0.0, 0.0]


def test_a_local_server_gets_space_and_config_a_remote_one_the_interop_id(tmp_path: Any) -> None:
    config = tmp_path / "config.ocio"
    config.write_text("x")
    acescg = SimpleNamespace(name="s", colorspace_settings=SimpleNamespace(name="ACEScg"))
    local = colour_claim(acescg, config, is_remote=False)
    assert (local.space, local.config, local.interop_id) == ("ACEScg", str(config), "lin_ap1_scene")
    remote = colour_claim(acescg, config, is_remote=True, exposure_stops=1.5)
    assert (remote.space, remote.config, remote.interop_id) == (None, None, "lin_ap1_scene")
    assert remote.exposure_stops == 1.5
    assert colour_claim(acescg, None, is_remote=False).interop_id == "lin_ap1_scene"


def test_blenders_environment_fills_the_configs_variables_and_the_artist_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config_by_shot(tmp_path)
    plate = SimpleNamespace(name="s", colorspace_settings=SimpleNamespace(name="plate"))
    monkeypatch.setenv("SHOT", "dark")
    monkeypatch.delenv("CAMERA", raising=False)
    reds = []
    for text, shot in (("", "dark"), ("SHOT=bright", "bright")):
        claim = colour_claim(plate, path, is_remote=False, context_text=text)
        assert claim.context == {"SHOT": shot} and claim.probe is not None
        server = open_config(str(path), context=claim.context)
        check_probe(server, server.resolve("plate"), claim.probe)  # the host's numbers are the server's
        reds.append(claim.probe["rgb_linear_ap0"][4][0])
    assert reds == pytest.approx([0.5, 2.0])
    assert colour_claim(plate, path, False, context_text="CAMERA=a").context == {
        "SHOT": "dark",
        "CAMERA": "a",
    }


def config_by_shot(folder: Path) -> Path:
    """Write a config whose space "plate" is half or twice ACES2065-1, by the variable SHOT."""
    config = Ocio.Config.CreateFromFile("ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1")
    for name, gain in (("dark", 0.5), ("bright", 2.0)):
        diagonal = np.diag([gain, gain, gain, 1.0]).ravel()
        group = Ocio.GroupTransform([Ocio.MatrixTransform(diagonal)])
        group.write("Color Transform Format", str(folder / f"{name}.ctf"), config)
    config.addEnvironmentVar("SHOT", "none")
    config.addEnvironmentVar("CAMERA", "none")
    to_aces = Ocio.FileTransform(src="${SHOT}.ctf")
    config.addColorSpace(Ocio.ColorSpace(name="plate", toReference=to_aces))
    path = folder / "config.ocio"
    path.write_text(config.serialize(), encoding="utf-8")
    return path


def test_data_and_unknown_spaces_are_refused() -> None:
    for name, words in (("Non-Color", "for data"), ("My Own", "No OCIO config was found")):
        odd = SimpleNamespace(name="s", colorspace_settings=SimpleNamespace(name=name))
        with pytest.raises(StripHasNoColour, match=words):
            colour_claim(odd, None, is_remote=False)


def test_the_running_config_is_ocio_or_blenders_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "colormanagement" / "config.ocio"
    own.parent.mkdir()
    own.write_text("x")
    monkeypatch.delenv("OCIO", raising=False)
    assert running_config(str(tmp_path)) == own
    assert running_config(None) is None
    show = tmp_path / "show.ocio"
    show.write_text("x")
    monkeypatch.setenv("OCIO", str(show))
    assert running_config(str(tmp_path)) == show


def test_interop_ids_are_those_that_the_server_knows() -> None:
    config = open_config(None)
    for name, interop_id in INTEROP_IDS.items():
        assert config.resolve(interop_id).name, name


@pytest.mark.hosts
@pytest.mark.parametrize("version", VERSIONS)
def test_blenders_linear_spaces_have_the_numbers_of_their_interop_ids(version: str) -> None:
    library = blender_python(version).parents[1] / "lib"
    found = library.glob("python3.*/site-packages/bpy/*/datafiles/colormanagement/config.ocio")
    blenders = open_config(str(next(found)))
    studio = open_config(None)
    for name in ("Linear Rec.709", "Linear Rec.2020", "ACES2065-1", "ACEScg"):
        ours = make_probe(studio, studio.resolve(INTEROP_IDS[name]))["rgb_linear_ap0"]
        theirs = make_probe(blenders, blenders.resolve(name))["rgb_linear_ap0"]
        # The configs of 4.2 and 4.5 have matrices rounded to 2e-4.
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-3)
