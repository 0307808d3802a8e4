"""What a machine is told of how to compute holds for every job, and only if it can be understood."""

import dataclasses
from pathlib import Path

import job_samples
import pytest
import torch

from svfr.nets.unet import FastUNet
from svfr.number_types import NumberTypes
from svfr.precision import STRICT, precision_for
from svfr_restore.compute_options import (
    BATCH_VARIABLE,
    COMPILED_VARIABLE,
    PRECISION_VARIABLE,
    asked_batch,
    asked_compiled_folder,
    asked_number_types,
    compute_environment,
)
from svfr_restore.errors import ComputeOptionUnknown
from svfr_restore.plan.models import ModelCache


def test_what_is_not_stated_is_left_to_the_policy() -> None:
    assert compute_environment(None, 1) == {}
    for nothing in ({}, {PRECISION_VARIABLE: "", BATCH_VARIABLE: ""}):
        assert asked_number_types(nothing) == NumberTypes() and asked_batch(nothing) == 1


def test_what_the_service_states_its_workers_understand() -> None:
    stated = compute_environment("bfloat16", 4)
    assert asked_number_types(stated) == NumberTypes(unet="bfloat16", decode="bfloat16")
    assert asked_batch(stated) == 4


@pytest.mark.parametrize("stated", ["float8", "half", "FLOAT16", "float16 ", "1"])
def test_a_number_type_that_there_is_not_is_refused(stated: str) -> None:
    with pytest.raises(ComputeOptionUnknown, match="no number type"):
        asked_number_types({PRECISION_VARIABLE: stated})


@pytest.mark.parametrize("stated", ["0", "-1", "65", "two", "1.5", "9" * 5000, "\u0664"])
def test_a_batch_that_is_no_small_number_is_refused(stated: str) -> None:
    with pytest.raises(ComputeOptionUnknown, match="no number from 1 to 64"):
        asked_batch({BATCH_VARIABLE: stated})


def test_networks_are_compiled_only_where_a_whole_path_says_so(tmp_path: Path) -> None:
    assert asked_compiled_folder({}) is None and asked_compiled_folder({COMPILED_VARIABLE: ""}) is None
    stated = compute_environment(None, 1, tmp_path)
    assert asked_compiled_folder(stated) == tmp_path
    for wrong in ("1", "on", "compiled", "./compiled", "/a\0b"):
        with pytest.raises(ComputeOptionUnknown, match="no whole path"):
            asked_compiled_folder({COMPILED_VARIABLE: wrong})


def test_models_are_loaded_as_the_machine_was_told(tiny_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = ModelCache().get(tiny_model)
    assert usual.precision == STRICT and (usual.batch, usual.at_once) == (1, 1)
    monkeypatch.setenv(PRECISION_VARIABLE, "bfloat16")
    monkeypatch.setenv(BATCH_VARIABLE, "2")
    told = ModelCache().get(tiny_model)
    assert told.unet.conv_in.weight.dtype == told.precision.unet == torch.bfloat16
    assert (told.batch, told.at_once) == (2, 2)
    assert len({usual.computes_on, told.computes_on, dataclasses.replace(told, batch=1).computes_on}) == 3
    assert dataclasses.replace(told, at_once=1).computes_on == told.computes_on, (
        "a rung keeps its checkpoints"
    )


def test_results_are_kept_by_the_gpus_name_and_recipe_and_not_by_its_slot(
    tiny_model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ModelCache().get(tiny_model)
    half = dataclasses.replace(model, precision=precision_for("cuda"))
    names = {0: "NVIDIA H100 80GB HBM3", 1: "NVIDIA H100 80GB HBM3", 2: "NVIDIA GeForce RTX 4090"}
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: names[torch.device(device).index])
    kept = []
    for slot in names:
        monkeypatch.setattr(FastUNet, "device", torch.device("cuda", slot))
        kept.append(half.computes_on)
    assert kept[0] == kept[1] != kept[2]
    assert kept[0].startswith("NVIDIA H100") and "float16" in kept[0] and "cuda:" not in kept[0]
    assert half.computes_on != dataclasses.replace(half, precision=STRICT).computes_on


def test_a_model_folders_own_types_are_for_gpus(tiny_model: str, tmp_path: Path) -> None:
    wanted = NumberTypes(unet="float32")
    folder = job_samples.written_again(tiny_model, tmp_path / "model", precision=wanted)
    spec = ModelCache().spec(folder)
    assert ModelCache().precision_of(spec) == STRICT
    gpu = ModelCache("cuda:0").precision_of(spec)
    assert (gpu.unet, gpu.decode, gpu.tf32) == (torch.float32, torch.float16, False)


@pytest.mark.usefixtures("scratch")
def test_a_job_of_a_machine_that_was_told_nonsense_fails_with_the_reason(
    plate: str, tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PRECISION_VARIABLE, "float99")
    with pytest.raises(ComputeOptionUnknown, match="float99"):
        job_samples.run(job_samples.job(plate, tmp_path, model=tiny_model))
