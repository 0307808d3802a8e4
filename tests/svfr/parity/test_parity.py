import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from svfr.diffusion import windows
from svfr.errors import VectorsInvalid
from svfr.nets.arcface import IResNet
from svfr.parity import check as parity
from svfr.parity.check import ParityRow, StoredCrops, check_folder, formula_face, load_formula_weights
from svfr.parity.vectors import Vectors
from svfr.precision import apply_switches, precision_for, strictest
from svfr.sampling.callbacks import NoCallbacks
from svfr.sampling.sampler import SamplePlan, encode_shot, pass_latents
from svfr.tasks import TaskSet

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
CASE = "pipe_bfr"
Check = Callable[[Vectors], Iterator[ParityRow]]


def recompute(check: Check, folder: Path) -> dict[str, ParityRow]:
    with torch.no_grad():
        return {row.case: row for row in check(Vectors.open(folder))}


def test_every_case_of_the_published_vectors_is_within_its_tolerance() -> None:
    rows = check_folder(GOLDEN)
    assert [row for row in rows if not row.ok] == []
    assert len(rows) == len({row.case for row in rows}) > 50
    words = " ".join(row.case for row in rows)
    for part in ("unet_forward", "id_proj", "arcface", "seeded_noise", "geometry", "pipe_bfr", "pipe_short"):
        assert part in words


def test_vectors_are_recomputed_in_full_float32_whatever_the_process_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def look(vectors: Vectors) -> list[ParityRow]:
        seen.append((torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32))
        return []

    monkeypatch.setattr(parity, "CHECKS", (look,))
    with strictest():  # puts back what was before
        apply_switches(precision_for("cuda"))
        check_folder(GOLDEN)
        after = (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    assert seen == [(False, False)] and after == (True, True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of vectors in which single files can be changed."""
    return Path(shutil.copytree(GOLDEN, tmp_path / "golden"))


def perturb(path: Path, tensor: str, by: float) -> None:
    """Add a value to one element."""
    tensors = load_file(path)
    tensors[tensor] = tensors[tensor].clone()
    tensors[tensor].view(-1)[5] += by
    save_file(tensors, path)


@pytest.mark.parametrize(
    ("check", "file", "tensor", "by", "failing"),
    [
        (parity.check_unet, "unet_forward", "out_1", 2e-4, "unet_forward 1"),
        (parity.check_id_projection, "id_proj", "id_embedding", 2e-5, "id_proj"),
        (parity.check_seeded_noise, "seeded_noise", "latents", 2e-6, "seeded_noise latents"),
        (parity.check_geometry, "geometry", "id_crop_official", 2 / 127.5, "geometry identity crop official"),
        (parity.check_geometry, "geometry", "prep_gray_patch", 2, "geometry prepared gray"),
        (parity.check_pipelines, "pipe_short", "latents_pass1", 2e-3, "pipe_short latents pass 1"),
        (parity.check_pipelines, "pipe_short", "frames_pass2", 4e-3, "pipe_short frames pass 2"),
        (parity.check_pipelines, "pipe_short", "sigmas_pass1", 2e-6 * 700, "pipe_short sigmas pass 1"),
    ],
)
def test_an_output_off_by_twice_its_tolerance_fails_alone(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    check: Check,
    file: str,
    tensor: str,
    by: float,
    failing: str,
) -> None:
    monkeypatch.setattr(Vectors, "pipeline_cases", lambda _: ["pipe_short"])
    perturb(folder / f"{file}.safetensors", tensor, by)
    assert [row.case for row in recompute(check, folder).values() if not row.ok] == [failing]


def edit_index(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    index = json.loads((folder / "golden.json").read_text())
    change(index["cases"])
    (folder / "golden.json").write_text(json.dumps(index))


def test_a_matrix_off_by_twice_its_tolerance_fails(folder: Path) -> None:
    def change(cases: dict[str, Any]) -> None:
        cases["geometry"]["affine"][2]["matrix_512"][0][1] += 2e-6
        cases["geometry"]["crop"][4]["square"][3] += 1

    edit_index(folder, change)
    wrong = [row.case for row in recompute(parity.check_geometry, folder).values() if not row.ok]
    assert wrong == ["geometry crop box 4", "geometry alignment 2"]


def test_a_window_of_other_frames_fails(folder: Path) -> None:
    def change(cases: dict[str, Any]) -> None:
        cases["pipe_short"]["windows_pass2"][1][0][3] += 1

    edit_index(folder, change)
    wrong = [row.case for row in recompute(parity.check_pipelines, folder).values() if not row.ok]
    assert wrong == ["pipe_short windows pass 2"]


def pass2_error(tasks: tuple[int, ...] = (1, 0, 0), swap: bool = False, **changes: Any) -> float:
    """The latent error of pass 2 of the longer case, as published or with something wrong."""
    vectors = Vectors.open(GOLDEN)
    given, model = vectors.tensors(f"{CASE}.safetensors"), vectors.model(CASE)
    preset = dataclasses.replace(vectors.preset(CASE), guidance=changes.get("guidance", 2.0))
    plan = SamplePlan(TaskSet.from_bits(tasks), preset, 77, "official")
    crops = given["lq"].flip(1) if swap else given["lq"]
    tokens = vectors.tensors("id_proj.safetensors")["id_embedding"]
    latents = pass_latents(
        model,
        encode_shot(model, StoredCrops(crops)),
        plan,
        sampling_pass=2,
        reference=changes.get("reference", given["ref_frame"]),
        tokens=changes.get("tokens", tokens),
        callbacks=NoCallbacks(),
        noise=given["noise_pass2"][0],
    )
    return float((latents - given["latents_pass2"][0]).abs().max())


LATENT_TOLERANCE = 1e-3


def test_the_control_of_the_wrong_variants_is_right() -> None:
    assert pass2_error() < LATENT_TOLERANCE / 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"guidance": 1.0},
        {"tasks": (0, 0, 1)},
        {"tasks": (1, 1, 0)},
        {"reference": None},
        {"tokens": None},
        {"swap": True},
    ],
    ids=["guidance 1", "other task", "flipped task bit", "no reference", "no tokens", "swapped channels"],
)
def test_a_wrong_variant_fails_by_far(wrong: dict[str, Any]) -> None:
    assert pass2_error(**wrong) > 50 * LATENT_TOLERANCE


def test_windows_without_a_shift_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "window_shift", lambda *_: 0)
    assert pass2_error() > 50 * LATENT_TOLERANCE


def test_uniform_blending_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "triangle_weights", lambda length: (1,) * length)
    assert pass2_error() > 50 * LATENT_TOLERANCE


def test_overlap_at_every_step_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "OVERLAPPING_STEPS", 99)
    assert pass2_error() > 50 * LATENT_TOLERANCE


def test_swapped_colour_channels_fail_in_arcface() -> None:
    network = IResNet().eval()
    with torch.no_grad():
        load_formula_weights(network)
        swapped = network.layer4_features(formula_face(0.5).flip(1))
    theirs = load_file(GOLDEN / "arcface.safetensors")["layer4_a"]
    assert float((swapped - theirs).abs().max() / theirs.abs().max()) > 100 * 1e-4
    assert list(network.state_dict()) != []
    keys = [key for key in network.state_dict() if not key.endswith("num_batches_tracked")]
    assert keys == json.loads((GOLDEN / "arcface_keys.json").read_text())


def test_an_error_that_is_not_a_number_is_never_within_tolerance() -> None:
    assert not ParityRow("case", float("nan"), 1.0).ok


def test_a_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VectorsInvalid, match=r"golden\.json"):
        check_folder(tmp_path)


def test_an_index_that_is_no_json_is_refused(folder: Path) -> None:
    (folder / "golden.json").write_text("{")
    with pytest.raises(VectorsInvalid, match="cannot be read"):
        check_folder(folder)


@pytest.mark.parametrize("name", ["unet.safetensors", "geometry.safetensors"])
def test_a_missing_or_truncated_file_is_named(folder: Path, name: str) -> None:
    check = parity.check_unet if name.startswith("unet") else parity.check_geometry
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:1000])
    with pytest.raises(VectorsInvalid, match=name):
        recompute(check, folder)
    (folder / name).unlink()
    with pytest.raises(VectorsInvalid, match=name):
        recompute(check, folder)


def test_a_missing_tensor_is_named(folder: Path) -> None:
    tensors = load_file(folder / "id_proj.safetensors")
    save_file({"id_feature": tensors["id_feature"]}, folder / "id_proj.safetensors")
    with pytest.raises(VectorsInvalid, match="id_embedding"):
        recompute(parity.check_id_projection, folder)


def test_a_missing_entry_of_the_index_is_named(folder: Path) -> None:
    edit_index(folder, lambda cases: cases.pop("geometry"))
    with pytest.raises(VectorsInvalid, match=r"cases\.geometry"):
        recompute(parity.check_geometry, folder)


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    shutil.copy(folder / "vae.safetensors", folder / "unet.safetensors")
    with pytest.raises(VectorsInvalid, match="do not fit"):
        recompute(parity.check_unet, folder)
