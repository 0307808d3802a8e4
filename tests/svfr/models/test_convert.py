import json
import os
from pathlib import Path

import pytest
import torch
from official_files import (
    RECOGNISER,
    SCHEDULER,
    UNET,
    OfficialFiles,
    import_to,
    write_json,
    write_official_files,
)
from safetensors.torch import save_file

from svfr.errors import (
    CheckpointHoldsCode,
    CheckpointUnreadable,
    FolderExists,
    LicenceNotAccepted,
    ModelFileCorrupted,
    ModelFileMissing,
    ModelSpecInvalid,
    OfficialConfigUnsupported,
    TensorShapesWrong,
    TensorsMissing,
    TensorsUnexpected,
)
from svfr.models.convert import FAST_DRAFT, export_official, import_official
from svfr.models.folder import find_model, read_spec
from svfr.models.model import load_model
from svfr.models.svd_folder import SVD_XT_UNET
from svfr.models.tensor_files import expected_shapes
from svfr.nets.unet import build_unet
from svfr.published_geometry import id_face
from svfr_client.errors import SeveralProblems


@pytest.fixture
def official(tmp_path: Path) -> OfficialFiles:
    torch.manual_seed(3)
    return write_official_files(tmp_path / "official")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "models" / "svfr"


def state_of(path: Path) -> dict[str, torch.Tensor]:
    return torch.load(path, weights_only=True)


def save_without_key(path: Path, key: str) -> None:
    state = state_of(path)
    del state[key]
    torch.save(state, path)


def test_an_imported_model_computes_what_the_official_networks_compute(
    official: OfficialFiles, out: Path
) -> None:
    import_to(official, out)
    model = load_model(out)
    sample, tokens = torch.randn(1, 3, 12, 8, 8), torch.randn(1, 5, 64)
    arguments = (sample, torch.tensor(0.4), tokens, torch.tensor([[1.0, 0.0, 1.0]]))
    picture = torch.rand(3, 64, 64) * 2 - 1
    points = torch.tensor([[20.0, 25], [44, 25], [32, 36], [22, 48], [42, 48]]).numpy()
    unet = official.unet.half().float()
    with torch.no_grad():
        assert torch.equal(model.unet(*arguments).sample, unet(*arguments).sample)
        assert torch.equal(
            model.codec.encode(picture[None]), official.vae.encode(picture[None]).latent_dist.mode()
        )
        face = id_face(picture, points, "official")
        expected = official.projection(official.recogniser(face)[1])
        assert torch.equal(model.identity.encode(picture, points), expected)


def test_the_imported_description_says_what_the_authors_publish(official: OfficialFiles, out: Path) -> None:
    spec = import_to(official, out)
    assert spec == read_spec(out)
    assert "non-commercial research" in spec.licence
    assert (spec.name, spec.crop_px, spec.window, spec.overlap) == ("svfr", 512, 16, 3)
    assert (spec.presets["final"].reference_steps, spec.presets["final"].steps) == (50, 30)
    assert (spec.presets["standard"].reference_steps, spec.presets["standard"].steps) == (30, 30)
    assert spec.presets["draft"].sigmas is not None and len(spec.presets["draft"].sigmas) == 10
    assert all(p.guidance == 2.0 and p.initial_noise == 1.0 for p in spec.presets.values())
    assert spec.unet["in_channels"] == 12
    assert not any(key.startswith("_") for key in spec.unet)


def test_a_fast_draft_is_had_only_where_it_is_asked_for(official: OfficialFiles, out: Path) -> None:
    usual = import_to(official, out)
    fast = import_to(official, out.with_name("fast"), fast_draft=True)
    assert not any(preset.is_experimental for preset in usual.presets.values())
    assert fast.presets["draft"] == FAST_DRAFT and FAST_DRAFT.is_experimental
    assert read_spec(out.with_name("fast")) == fast
    assert {**fast.presets, "draft": None} == {**usual.presets, "draft": None}


def test_export_gives_every_bit_back(official: OfficialFiles, out: Path, tmp_path: Path) -> None:
    import_to(official, out)
    export_official(out, tmp_path / "back")
    for before in sorted(p for p in official.svd.rglob("*") if p.is_file()):
        after = tmp_path / "back" / "svd" / before.relative_to(official.svd)
        assert after.read_bytes() == before.read_bytes(), before
    names = {path.name for path in official.svfr.iterdir()}
    assert names == {"unet.pth", "id_linear.pth", "insightface_glint360k.pth"}
    for name in names:
        before, after = state_of(official.svfr / name), state_of(tmp_path / "back" / "svfr" / name)
        assert before.keys() == after.keys()
        for key, tensor in before.items():
            assert after[key].dtype == tensor.dtype, key
            assert after[key].numpy().tobytes() == tensor.numpy().tobytes(), key


def test_a_config_that_already_counts_twelve_channels_is_taken(tmp_path: Path, out: Path) -> None:
    files = write_official_files(tmp_path / "twelve", unet_in_channels=12)
    assert import_to(files, out).unet["in_channels"] == 12


def test_the_half_precision_autoencoder_is_taken_when_it_is_the_only_one(
    official: OfficialFiles, out: Path
) -> None:
    path = official.svd / "vae" / "diffusion_pytorch_model.safetensors"
    path.unlink()
    save_file(official.vae.half().state_dict(), path.with_name("diffusion_pytorch_model.fp16.safetensors"))
    import_to(official, out)
    assert next(load_model(out).codec.parameters()).dtype == torch.float32


def test_a_checkpoint_of_the_old_torch_format_is_read(official: OfficialFiles, out: Path) -> None:
    path = official.svfr / "insightface_glint360k.pth"
    torch.save(state_of(path), path, _use_new_zipfile_serialization=False)
    import_to(official, out)
    assert load_model(out).identity.token_count == 49


def test_arcface_without_batch_counters_is_taken(official: OfficialFiles, out: Path, tmp_path: Path) -> None:
    path = official.svfr / "insightface_glint360k.pth"
    state = {k: t for k, t in state_of(path).items() if not k.endswith("num_batches_tracked")}
    torch.save(state, path)
    import_to(official, out)
    assert not any(buffer.is_meta for buffer in load_model(out).identity.buffers())
    export_official(out, tmp_path / "back")
    assert state_of(tmp_path / "back" / "svfr" / path.name).keys() == state.keys()


def test_without_a_unet_config_the_full_size_is_expected(
    official: OfficialFiles, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the tiny autoencoder shrinks four times less than the real one: the full UNet would be too large for it
    monkeypatch.setattr("svfr.models.spec.MOST_ELEMENTS", 2**40)
    (official.svd / "unet" / "config.json").unlink()
    with pytest.raises(SeveralProblems) as caught:
        import_to(official, out)
    assert "320x12x3x3" in str(caught.value)


def test_the_full_size_is_that_of_the_official_weights() -> None:
    with torch.device("meta"):
        shapes = expected_shapes(build_unet(SVD_XT_UNET))
    assert len(shapes) == 1428
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 1_524_634_602


def test_the_licence_is_shown_and_must_be_accepted(official: OfficialFiles, out: Path) -> None:
    shown: list[str] = []
    with pytest.raises(LicenceNotAccepted):
        import_official(official.svd, official.svfr, out, lambda text: bool(shown.append(text)), RECOGNISER)
    assert "non-commercial research" in shown[0]
    assert not out.parent.exists()


def test_an_existing_folder_is_not_overwritten(official: OfficialFiles, out: Path) -> None:
    out.mkdir(parents=True)
    with pytest.raises(FolderExists):
        import_to(official, out)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("name", ["unet.pth", "id_linear.pth", "insightface_glint360k.pth"])
def test_a_missing_checkpoint_is_named(official: OfficialFiles, out: Path, name: str) -> None:
    (official.svfr / name).unlink()
    with pytest.raises(ModelFileMissing) as caught:
        import_to(official, out)
    assert caught.value.path == str(official.svfr / name)
    assert not out.parent.exists()


@pytest.mark.parametrize(
    "name",
    ["vae/config.json", "vae/diffusion_pytorch_model.safetensors", "scheduler/scheduler_config.json"],
)
def test_a_missing_svd_file_is_named(official: OfficialFiles, out: Path, name: str) -> None:
    (official.svd / name).unlink()
    with pytest.raises(ModelFileMissing) as caught:
        import_to(official, out)
    assert str(official.svd / name).startswith(str(caught.value.path))
    assert Path(name).name in str(caught.value)


def test_all_problems_of_all_files_are_named_together(official: OfficialFiles, out: Path) -> None:
    save_without_key(official.svfr / "unet.pth", "conv_in.bias")
    (official.svfr / "id_linear.pth").unlink()
    arcface = official.svfr / "insightface_glint360k.pth"
    torch.save(state_of(arcface) | {"margin.weight": torch.zeros(2)}, arcface)
    with pytest.raises(SeveralProblems) as caught:
        import_to(official, out)
    assert {type(p) for p in caught.value.problems} == {TensorsMissing, ModelFileMissing, TensorsUnexpected}
    assert not out.parent.exists()


def test_an_unextended_unet_is_refused_by_its_shape(official: OfficialFiles, out: Path) -> None:
    path = official.svfr / "unet.pth"
    state = state_of(path)
    torch.save(state | {"conv_in.weight": state["conv_in.weight"][:, :8].clone()}, path)
    with pytest.raises(TensorShapesWrong, match="32x8x3x3"):
        import_to(official, out)


def test_a_checkpoint_with_code_is_refused_and_not_run(
    official: OfficialFiles, out: Path, tmp_path: Path
) -> None:
    class Payload:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(tmp_path / "owned"),)

    path = official.svfr / "unet.pth"
    torch.save({"conv_in.weight": Payload()}, path)
    with pytest.raises(CheckpointHoldsCode, match="mkdir") as caught:
        import_to(official, out)
    assert caught.value.path == str(path)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("damage", ["truncated", "text", "empty"])
def test_a_damaged_checkpoint_is_unreadable(official: OfficialFiles, out: Path, damage: str) -> None:
    path = official.svfr / "unet.pth"
    whole = path.read_bytes()
    path.write_bytes({"truncated": whole[: len(whole) // 2], "text": b"hello " * 99, "empty": b""}[damage])
    with pytest.raises(CheckpointUnreadable) as caught:
        import_to(official, out)
    assert caught.value.path == str(path)


@pytest.mark.parametrize("body", [[1, 2], {}, {"state_dict": {"a": torch.zeros(1)}}, {"epoch": 3}])
def test_a_checkpoint_that_is_no_flat_state_dict_is_refused(
    official: OfficialFiles, out: Path, body: object
) -> None:
    torch.save(body, official.svfr / "id_linear.pth")
    with pytest.raises(CheckpointUnreadable):
        import_to(official, out)


def test_a_truncated_autoencoder_is_unreadable(official: OfficialFiles, out: Path) -> None:
    path = official.svd / "vae" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CheckpointUnreadable) as caught:
        import_to(official, out)
    assert caught.value.path == str(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("prediction_type", "epsilon"),
        ("timestep_type", "discrete"),
        ("use_karras_sigmas", False),
        ("sigma_min", None),
        ("sigma_max", "700"),
    ],
)
def test_another_scheduler_is_refused(official: OfficialFiles, out: Path, key: str, value: object) -> None:
    write_json(official.svd / "scheduler" / "scheduler_config.json", SCHEDULER | {key: value})
    with pytest.raises(OfficialConfigUnsupported, match=key):
        import_to(official, out)


def test_a_unet_with_other_input_channels_is_refused(official: OfficialFiles, out: Path) -> None:
    write_json(official.svd / "unet" / "config.json", UNET | {"in_channels": 9})
    with pytest.raises(OfficialConfigUnsupported, match="in_channels is 9"):
        import_to(official, out)


def test_an_unknown_key_of_the_autoencoder_is_named(official: OfficialFiles, out: Path) -> None:
    path = official.svd / "vae" / "config.json"
    write_json(path, json.loads(path.read_text()) | {"tiling": True})
    with pytest.raises(ModelSpecInvalid, match=r"codec\.config\.tiling"):
        import_to(official, out)


def test_a_configuration_that_is_no_json_is_refused(official: OfficialFiles, out: Path) -> None:
    (official.svd / "vae" / "config.json").write_text("not json")
    with pytest.raises(OfficialConfigUnsupported, match="is no JSON"):
        import_to(official, out)


def test_a_corrupted_model_is_not_exported(official: OfficialFiles, out: Path, tmp_path: Path) -> None:
    import_to(official, out)
    path = out / "scheduler_config.json"
    path.write_bytes(path.read_bytes().replace(b"700", b"701"))
    with pytest.raises(ModelFileCorrupted):
        export_official(out, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_model_that_was_not_imported_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(OfficialConfigUnsupported, match="was not imported"):
        export_official(find_model("probe"), tmp_path / "back")


def test_an_existing_export_folder_is_not_overwritten(official: OfficialFiles, out: Path) -> None:
    import_to(official, out)
    with pytest.raises(FolderExists):
        export_official(out, official.svfr)
