"""A clip in memory through a model: what is refused before anything is computed."""

import dataclasses
import math

import numpy as np
import pytest
from sampling_models import CROP_PX, tiny_model

from svfr.errors import CropShapeMismatch, DetailOutOfRange, ModelHasNoDetail
from svfr.models.model import Model
from svfr.models.spec import Preset
from svfr.sampling.clip import restore_clip

CLIP = np.full((1, CROP_PX, CROP_PX, 3), 0.5, np.float32)


def model_without_detail() -> Model:
    model = tiny_model()
    presets = {"standard": Preset(1, 1, initial_noise=0.0, guidance=1.0)}
    return dataclasses.replace(model, spec=dataclasses.replace(model.spec, presets=presets))


def test_detail_of_a_model_that_has_none_is_refused_as_a_job_refuses_it() -> None:
    with pytest.raises(ModelHasNoDetail, match="tiny adds no detail") as caught:
        restore_clip(model_without_detail(), CLIP, ["bfr"], detail=0.5)
    assert (caught.value.code, bool(caught.value.remedy)) == ("MODEL_HAS_NO_DETAIL", True)


@pytest.mark.parametrize("detail", [-0.1, 1.5, math.nan, math.inf])
def test_an_amount_that_is_none_is_refused(detail: float) -> None:
    with pytest.raises(DetailOutOfRange):
        restore_clip(model_without_detail(), CLIP, ["bfr"], detail=detail)


@pytest.mark.parametrize("detail", [None, 0.0])
def test_no_detail_of_a_model_that_has_none_is_no_mistake(detail: float | None) -> None:
    assert restore_clip(model_without_detail(), CLIP, ["bfr"], detail=detail).shape == CLIP.shape


def test_codes_of_8_bits_are_refused_and_so_is_a_hole_of_numbers() -> None:
    model = model_without_detail()
    with pytest.raises(CropShapeMismatch, match="uint8"):
        restore_clip(model, (CLIP * 255).astype(np.uint8), ["bfr"])
    with pytest.raises(CropShapeMismatch, match="The hole holds"):
        restore_clip(model, CLIP, ["inpaint"], hole=np.full((CROP_PX, CROP_PX), 0.5))
