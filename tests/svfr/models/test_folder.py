import hashlib
import json
import os
import random
from pathlib import Path

import pytest
import torch
from official_files import OfficialFiles, import_to, write_official_files
from safetensors.torch import load_file, save_file

from svfr.errors import (
    CheckpointUnreadable,
    FolderExists,
    ModelFileCorrupted,
    ModelFileMissing,
    ModelHasNoNetwork,
    ModelMissing,
    ModelSpecInvalid,
    TensorShapesWrong,
    TensorsMissing,
    TensorsUnexpected,
)
from svfr.models.folder import (
    find_model,
    list_models,
    read_spec,
    verify,
    write_folder,
)
from svfr.models.model import load_model
from svfr.models.search import search_folders, user_models_folder
from svfr.models.spec import FileRecord
from svfr.precision import Precision
from svfr_client.errors import SeveralProblems, SvfrError


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> OfficialFiles:
    return write_official_files(tmp_path_factory.mktemp("official"))


@pytest.fixture
def folder(official: OfficialFiles, tmp_path: Path) -> Path:
    import_to(official, tmp_path / "models" / "small")
    return tmp_path / "models" / "small"


def rewrite(folder: Path, name: str, tensors: dict[str, torch.Tensor]) -> None:
    """Replace a weight file and record its new hash, as somebody who mixes up models would."""
    path = folder / name
    path.unlink()
    save_file(tensors, path)
    record_anew(folder, name)


def record_anew(folder: Path, name: str) -> None:
    body = json.loads((folder / "model.json").read_text())
    data = (folder / name).read_bytes()
    body["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    (folder / "model.json").write_text(json.dumps(body))


def test_a_sound_folder_has_no_problems_and_loads_frozen(folder: Path) -> None:
    assert verify(folder) == []
    model = load_model(folder)
    for network in (model.unet, model.codec, model.identity):
        assert not network.training
        assert not any(p.requires_grad or p.is_meta for p in network.parameters())
        assert not any(b.is_meta for b in network.buffers())


def test_only_the_unet_takes_the_asked_type(folder: Path) -> None:
    model = load_model(folder, precision=Precision(unet=torch.bfloat16))
    assert next(model.unet.parameters()).dtype == torch.bfloat16
    assert next(model.codec.parameters()).dtype == torch.float32
    assert next(model.identity.parameters()).dtype == torch.float32


def test_a_flipped_byte_is_named_with_both_hashes(folder: Path) -> None:
    path = folder / "unet.safetensors"
    expected = read_spec(folder).files["unet.safetensors"].sha256
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelFileCorrupted) as caught:
        load_model(folder)
    assert caught.value.path == str(path)
    assert expected in str(caught.value)
    assert str(caught.value).count("sha256") == 1 and "found" in str(caught.value)
    assert [type(p) for p in verify(folder)] == [ModelFileCorrupted]


def test_a_check_finds_numbers_that_are_none_in_a_file_that_is_as_installed(folder: Path) -> None:
    weights = load_file(folder / "unet.safetensors")
    weights["conv_in.bias"][0] = float("nan")
    save_file(weights, folder / "unet.safetensors")
    record_anew(folder, "unet.safetensors")
    assert verify(folder) == []  # a job finds out at its first step
    (problem,) = verify(folder, afresh=True)
    assert isinstance(problem, ModelFileCorrupted)
    assert "conv_in.bias" in str(problem) and "NaN" in str(problem)


def test_a_truncated_file_is_corrupted(folder: Path) -> None:
    path = folder / "vae.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ModelFileCorrupted, match=r"vae\.safetensors"):
        load_model(folder)


def test_a_truncated_file_with_its_own_hash_is_unreadable(folder: Path) -> None:
    path = folder / "vae.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    record_anew(folder, path.name)
    with pytest.raises(CheckpointUnreadable) as caught:
        load_model(folder)
    assert caught.value.path == str(path)
    assert [type(p) for p in verify(folder)] == [CheckpointUnreadable]


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "id_linear.safetensors").unlink()
    with pytest.raises(ModelFileMissing) as caught:
        load_model(folder)
    assert caught.value.path == str(folder / "id_linear.safetensors")


def test_several_damaged_files_are_named_together(folder: Path) -> None:
    (folder / "id_linear.safetensors").unlink()
    (folder / "unet.safetensors").write_bytes(b"")
    with pytest.raises(SeveralProblems) as caught:
        load_model(folder)
    assert {type(p) for p in caught.value.problems} == {ModelFileMissing, ModelFileCorrupted}


def test_a_missing_tensor_is_named(folder: Path) -> None:
    tensors = load_file(folder / "unet.safetensors")
    del tensors["conv_in.bias"]
    rewrite(folder, "unet.safetensors", tensors)
    with pytest.raises(TensorsMissing, match=r"conv_in\.bias"):
        load_model(folder)


def test_an_extra_tensor_is_named(folder: Path) -> None:
    tensors = load_file(folder / "unet.safetensors") | {"spare.weight": torch.zeros(1)}
    rewrite(folder, "unet.safetensors", tensors)
    with pytest.raises(TensorsUnexpected, match=r"spare\.weight"):
        load_model(folder)


def test_a_wrong_shape_is_named_with_both_shapes(folder: Path) -> None:
    tensors = load_file(folder / "unet.safetensors")
    tensors["conv_in.weight"] = tensors["conv_in.weight"][:, :8].contiguous()
    rewrite(folder, "unet.safetensors", tensors)
    with pytest.raises(TensorShapesWrong, match=r"conv_in\.weight is 32x8x3x3 and must be 32x12x3x3"):
        load_model(folder)


def test_the_weights_of_another_network_are_refused(folder: Path) -> None:
    rewrite(folder, "arcface.safetensors", load_file(folder / "id_linear.safetensors"))
    assert {type(p) for p in verify(folder)} == {TensorsMissing, TensorsUnexpected}


def edit_spec(folder: Path, **changes: object) -> None:
    body = json.loads((folder / "model.json").read_text())
    for key, value in changes.items():
        body[key] = value
    (folder / "model.json").write_text(json.dumps(body))


def test_an_unknown_key_in_the_description_is_named(folder: Path) -> None:
    edit_spec(folder, sharpness=3)
    with pytest.raises(ModelSpecInvalid, match="unknown key sharpness") as caught:
        load_model(folder)
    assert caught.value.path == str(folder / "model.json")


def test_a_description_that_is_no_json_is_refused(folder: Path) -> None:
    (folder / "model.json").write_text('{"format": 1,')
    assert [type(p) for p in verify(folder)] == [ModelSpecInvalid]


def test_an_unknown_unet_option_is_named(folder: Path) -> None:
    unet = dict(read_spec(folder).unet, number_of_frames=3)
    edit_spec(folder, unet=unet)
    with pytest.raises(ModelSpecInvalid, match=r"unknown key unet\.number_of_frames"):
        load_model(folder)


def test_a_unet_config_that_describes_no_network_is_refused(folder: Path) -> None:
    edit_spec(folder, unet=dict(read_spec(folder).unet, down_block_types=["DownBlockSpatioTemporal"]))
    with pytest.raises(ModelSpecInvalid, match="unet describes no network"):
        load_model(folder)


def test_a_weight_file_that_the_description_does_not_list_is_refused(folder: Path) -> None:
    files = json.loads((folder / "model.json").read_text())["files"]
    del files["unet.safetensors"]
    edit_spec(folder, files=files)
    with pytest.raises(ModelSpecInvalid, match=r"missing key files\.unet\.safetensors"):
        load_model(folder)


def test_a_model_is_found_by_name_before_the_shipped_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVFR_MODELS", str(folder.parent))
    assert find_model("small") == folder
    folder.rename(folder.parent / "identity")
    assert find_model("identity") == folder.parent / "identity"


def test_a_model_is_found_by_path(folder: Path) -> None:
    assert find_model(str(folder)) == folder


@pytest.mark.parametrize("asked", ["nothing_here", "./nothing_here"])
def test_an_unknown_model_is_an_error_that_lists_what_there_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setenv("SVFR_MODELS", str(folder.parent))
    with pytest.raises(ModelMissing) as caught:
        find_model(asked)
    assert caught.value.code == "MODEL_MISSING"
    for name in ("nothing_here", "small", "identity", "probe"):
        assert name in str(caught.value)


def test_a_folder_without_a_description_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing):
        load_model(tmp_path)


def test_the_list_shows_a_broken_model_with_its_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVFR_MODELS", str(folder.parent))
    broken = folder.parent / "broken"
    broken.mkdir()
    (broken / "model.json").write_text("{}")
    listed = {listing.name: listing for listing in list_models()}
    assert isinstance(listed["broken"].problem, ModelSpecInvalid) and listed["broken"].spec is None
    assert listed["small"].spec is not None and listed["small"].folder == folder


@pytest.mark.parametrize("name", ["identity", "probe"])
def test_the_built_in_models_are_sound_and_have_no_network(name: str) -> None:
    folder = find_model(name)
    assert read_spec(folder).kind == name
    assert verify(folder) == []
    with pytest.raises(ModelHasNoNetwork):
        load_model(folder)


def test_writing_onto_an_existing_folder_is_refused(folder: Path) -> None:
    before = (folder / "model.json").read_bytes()
    with pytest.raises(FolderExists):
        write_folder(folder, read_spec(folder), {}, {})
    assert (folder / "model.json").read_bytes() == before


def test_a_failed_write_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "elsewhere" / "model"
    with pytest.raises(FileNotFoundError):
        write_folder(out, read_spec(folder), {}, {"unet.safetensors": tmp_path / "absent"})
    assert list(out.parent.iterdir()) == []


def test_a_written_folder_records_every_file(folder: Path, tmp_path: Path) -> None:
    spec = write_folder(tmp_path / "copy", read_spec(folder), {"a.safetensors": {"x": torch.ones(2)}}, {})
    assert set(spec.files) == {"a.safetensors"}
    assert isinstance(spec.files["a.safetensors"], FileRecord)
    assert read_spec(tmp_path / "copy") == spec


def leaves(body: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(body, dict):
        return [path, *(leaf for key, value in body.items() for leaf in leaves(value, (*path, key)))]
    if isinstance(body, list):
        return [path, *(leaf for key, value in enumerate(body) for leaf in leaves(value, (*path, key)))]
    return [path]


def test_whatever_is_wrong_in_a_description_is_a_typed_error(folder: Path) -> None:
    text = (folder / "model.json").read_text()
    places = [place for place in leaves(json.loads(text)) if place]
    rng = random.Random(6)
    for place in rng.sample(places, 80):
        body = json.loads(text)
        parent = body
        for key in place[:-1]:
            parent = parent[key]
        parent[place[-1]] = rng.choice([None, -1, 0, 3, 1.5, "x", [], [0], {}, True, 7])
        (folder / "model.json").write_text(json.dumps(body))
        assert all(isinstance(problem, SvfrError) for problem in verify(folder)), place


def test_the_user_s_own_folder_is_searched() -> None:
    assert user_models_folder() in search_folders()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nested too deeply"),
        ('{"format": ' + "9" * 5000 + "}", "too many digits"),
        ('{"format": 1, "format": 1}', "stands twice"),
    ],
)
def test_a_description_that_would_break_the_reader_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(ModelSpecInvalid, match=reason):
        read_spec(tmp_path)


@pytest.mark.parametrize("name", ["", "..", "a\0", "C:x", "a/b"])
def test_a_file_outside_the_folder_is_refused(folder: Path, name: str) -> None:
    body = json.loads((folder / "model.json").read_text())
    body["files"][name] = {"sha256": "0", "bytes": 0}
    (folder / "model.json").write_text(json.dumps(body))
    with pytest.raises(ModelSpecInvalid, match="inside the folder"):
        read_spec(folder)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_the_weights_of_a_folder_are_for_every_user(folder: Path) -> None:
    assert {path.stat().st_mode & 0o777 for path in folder.glob("*.safetensors")} == {0o644}
