"""Roto shapes as splines: where Nuke draws them, with transforms and feather, or refused by name."""

from typing import Any

import numpy as np
import pytest
import strict_images
from strict_nuke import FakeNuke
from strict_roto import AnimCTransform, Layer, Shape, ShapeControlPoint, Stroke

from svfr_client.errors import SvfrError
from svfr_client.frames import FrameRange
from svfr_restore.mattes.raster import rasterise
from svfr_restore.media.window import Window

SQUARE = [(20.0, 10.0), (40.0, 10.0), (40.0, 30.0), (20.0, 30.0)]
FRAMES = FrameRange.parse("1-3")


def square(**more: Any) -> list[ShapeControlPoint]:
    return [ShapeControlPoint(x, y, **more) for x, y in SQUARE]


def circle() -> list[ShapeControlPoint]:
    k = 8.0
    return [
        ShapeControlPoint(20, 24, handle=(0.0, k)),
        ShapeControlPoint(34, 38, handle=(k, 0.0)),
        ShapeControlPoint(48, 24, handle=(0.0, -k)),
        ShapeControlPoint(34, 10, handle=(-k, 0.0)),
    ]


def roto(nuke: FakeNuke, *elements: Any) -> Any:
    node = nuke.fake_node("Roto")
    for element in elements:
        node["curves"].rootLayer.append(element)
    return node


def splines(node: Any, frames: FrameRange = FRAMES) -> Any:
    from svfr_nuke.roto_splines import read_splines

    return read_splines(node, frames, "main")


@pytest.mark.parametrize(
    "element",
    [
        Shape("square", square()),
        Shape("circle", circle()),
        Shape("moving", square(speed=(3.0, -2.0))),
        Shape("turned", square(), transform=AnimCTransform(5.0, 3.0, degrees=10.0, scale=0.9)),
        Layer("outer", Shape("in", square()), transform=AnimCTransform(-6.0, 2.0)),
        Layer(
            "a",
            Layer("b", Shape("deep", circle()), transform=AnimCTransform(2.0, 0.0, degrees=5.0)),
            transform=AnimCTransform(0.0, -3.0, scale=0.8),
        ),
    ],
    ids=lambda element: element.name,
)
def test_a_shape_lies_where_nuke_draws_it(nuke: FakeNuke, element: Any) -> None:
    node = roto(nuke, element)
    mask = splines(node)
    for frame in FRAMES:
        drawn = strict_images.render(node, frame, "main")["rgba.alpha"]
        ours = rasterise(mask.at(frame), Window(0, 0, 64, 48))
        assert drawn.sum() > 100
        assert np.minimum(drawn, ours).sum() / np.maximum(drawn, ours).sum() > 0.98


def test_feather_is_the_distance_of_its_handle_after_all_transforms(nuke: FakeNuke) -> None:
    points = [*square()[:2], ShapeControlPoint(40.0, 30.0, feather=(3.0, 4.0)), *square()[3:]]
    shape = Shape("soft", points, transform=AnimCTransform(scale=2.0))
    feathers = [point.feather_px for point in splines(roto(nuke, shape)).at(1).layers[0].splines[0].points]
    assert feathers == [0.0, 0.0, pytest.approx(10.0), 0.0]
    hard = Shape("hard", square(feather=(3.0, 4.0)), attributes={"kFeatherOnAttribute": 0.0})
    assert splines(roto(nuke, hard)).at(1).layers[0].splines[0].points[0].feather_px == 0.0


def test_opacity_and_inversion_are_carried(nuke: FakeNuke) -> None:
    shape = Shape("s", square(), attributes={"kOpacityAttribute": 0.25, "kInvertedAttribute": 1.0})
    layer = splines(roto(nuke, shape)).at(1).layers[0]
    assert (layer.opacity, layer.invert, layer.blend) == (0.25, True, "add")


def test_hidden_elements_are_left_out(nuke: FakeNuke) -> None:
    hidden, layer = Shape("hidden", square()), Layer("off", Shape("in", square()))
    hidden._is_visible = layer._is_visible = False
    assert splines(roto(nuke, hidden, layer, Shape("s", square()))).at(1).layers[1:] == ()


def test_a_roto_behind_a_dot_is_found(nuke: FakeNuke) -> None:
    node = roto(nuke, Shape("s", square()))
    assert len(splines(nuke.fake_node("Dot", node)).at(1).layers) == 1


@pytest.mark.parametrize(
    ("element", "words"),
    [
        (Stroke("brush"), "paint stroke"),
        (Shape("o", square(), is_open=True), "open"),
        (Shape("b", square(), kind="bspline"), "B-spline"),
        (Shape("m", square(), attributes={"kMotionBlurOnAttribute": 1.0}), "motion blur"),
        (Shape("x", square(), attributes={"kBlendingModeAttribute": 12.0}), "another way than over"),
        (Shape("l", square(), attributes={"kLifeTimeTypeAttribute": 3.0}), "only for some frames"),
        (Shape("f", square(), attributes={"kFeatherXAttribute": 4.0}), "overall feather"),
        (Shape("i", square(feather=(3.0, 4.0))), "feathers inwards"),
    ],
)
def test_what_splines_cannot_carry_is_refused_by_name(nuke: FakeNuke, element: Any, words: str) -> None:
    with pytest.raises(SvfrError, match=words) as caught:
        splines(roto(nuke, Layer("in a layer", element)))
    assert element.name in str(caught.value) and "rendered" in caught.value.remedy


def test_another_node_than_a_roto_is_refused(nuke: FakeNuke) -> None:
    with pytest.raises(SvfrError, match="no Roto"):
        splines(nuke.fake_node("Constant"))
