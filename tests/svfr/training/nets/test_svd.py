"""SVFR's own network at toy size: what it starts from, what it learns, and the folder that comes out."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import job_samples
import numpy as np
import pytest
import tiny_svd
import torch
from safetensors.torch import load_file, save_file
from tiny_svd import CONFIG, CROP_PX, FRAMES, PairedGradients
from torch import nn

from svfr.errors import ModelFileMissing, TensorsMissing
from svfr.models.convert import export_official
from svfr.models.folder import verify
from svfr.models.model import load_model
from svfr.training.batches import ClipBatch
from svfr.training.errors import TrainingDataUnusable, TrainingDiverged, TrainingPartMissing
from svfr.training.export.folder import export_model
from svfr.training.loop.trainer import Trainer
from svfr.training.nets.svd_net import SvdNet
from svfr.training.nets.svd_parts import SvdSource, grown_conv_in, load_unet
from svfr.training.recipe.config import LossWeights, Phase, SvdRunConfig
from svfr_client.job import Box, FaceChoice


@pytest.fixture(scope="module")
def svd(tmp_path_factory: pytest.TempPathFactory) -> tuple[SvdSource, nn.Module]:
    return tiny_svd.write_svd(tmp_path_factory.mktemp("official"))


def silent(_row: dict[str, Any]) -> None:
    pass


def call(unet: nn.Module, sample: torch.Tensor) -> torch.Tensor:
    random = torch.Generator().manual_seed(1)
    tokens = torch.randn(2, 5, 64, generator=random)
    tasks, time = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]), torch.tensor([0.7, -0.3])
    return unet(sample, time, encoder_hidden_states=tokens, added_time_ids=tasks).sample


@torch.no_grad()
def test_the_grown_network_answers_as_svd_does_whatever_the_reference(
    svd: tuple[SvdSource, nn.Module],
) -> None:
    source, original = svd
    unet = load_unet(source.svd_folder)
    given = torch.randn(2, FRAMES, 8, 8, 8, generator=torch.Generator().manual_seed(0))
    expected = call(original, given)
    for reference in (torch.zeros(2, FRAMES, 4, 8, 8), 100.0 * torch.ones(2, FRAMES, 4, 8, 8)):
        actual = call(unet, torch.cat([given, reference], dim=2))
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)
    assert float(expected.std()) > 0.01


def test_only_zeros_are_added_behind_the_channels_that_are_there() -> None:
    weight = torch.randn(5, 8, 3, 3)
    grown = grown_conv_in(weight, 12)
    assert torch.equal(grown[:, :8], weight) and torch.count_nonzero(grown[:, 8:]) == 0
    assert torch.equal(grown_conv_in(weight, 8), weight)
    with pytest.raises(ValueError, match="cannot shrink 8"):
        grown_conv_in(weight, 4)


def test_a_unet_that_is_svfrs_already_is_taken_as_it_is(tmp_path: Path) -> None:
    source, _ = tiny_svd.write_svd(tmp_path)
    path = source.svd_folder / "unet" / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights["conv_in.weight"] = torch.randn(32, 12, 3, 3)
    save_file(weights, path)
    assert torch.equal(load_unet(source.svd_folder).conv_in.weight.detach(), weights["conv_in.weight"])


def test_missing_and_foreign_weights_are_named(tmp_path: Path) -> None:
    source, _ = tiny_svd.write_svd(tmp_path)
    path = source.svd_folder / "unet" / "diffusion_pytorch_model.safetensors"
    save_file({name: t for name, t in load_file(path).items() if "mid_block" not in name}, path)
    with pytest.raises(TensorsMissing, match="mid_block"):
        load_unet(source.svd_folder)
    path.unlink()
    with pytest.raises(ModelFileMissing, match="UNet's weights"):
        load_unet(source.svd_folder)


def test_a_recipe_is_not_started_without_what_it_needs(
    svd: tuple[SvdSource, nn.Module], tmp_path: Path
) -> None:
    with pytest.raises(TrainingPartMissing, match="no folder of it"):
        Trainer(CONFIG, PairedGradients(), tmp_path / "a")
    without = dataclasses.replace(svd[0], arcface=None)
    with pytest.raises(TrainingPartMissing, match="no recogniser"):
        Trainer(CONFIG, PairedGradients(), tmp_path / "b", svd=without)


@pytest.fixture(scope="module")
def trained(svd: tuple[SvdSource, nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A run of six steps with all losses."""
    trainer = Trainer(CONFIG, PairedGradients(), tmp_path_factory.mktemp("whole"), svd=svd[0])
    trainer.run(silent)
    return trainer


def test_a_run_with_all_losses_moves_all_that_is_trained(
    trained: Trainer, svd: tuple[SvdSource, nn.Module]
) -> None:
    assert trained.step == 6
    fresh = load_unet(svd[0].svd_folder).state_dict()
    still = [name for name, p in trained.net.unet.named_parameters() if torch.equal(p, fresh[name])]
    assert still == []
    grown = trained.net.unet.conv_in.weight[:, 8:]
    assert torch.count_nonzero(grown) > 0, "references teach the channels that were added for them"
    assert set(trained.heads) == {"unified_latent", "facial_prior"}
    assert len(trained.heads["unified_latent"].queue.entries().clips) == 6


def test_the_terms_of_a_step_add_up_with_the_recipes_weights(
    svd: tuple[SvdSource, nn.Module], tmp_path: Path
) -> None:
    trainer = Trainer(CONFIG, PairedGradients(), tmp_path, svd=svd[0])
    terms = trainer.train_step()
    expected = terms["noise"] + 0.01 * terms["unified_latent"] + 0.1 * terms["facial_prior"]
    torch.testing.assert_close(terms["loss"], expected)
    assert all(bool(torch.isfinite(value).all()) for value in terms.values())
    assert terms["errors"].shape == (4,)


def test_a_reference_that_is_dropped_changes_nothing_and_one_that_is_kept_does(
    svd: tuple[SvdSource, nn.Module], trained: Trainer
) -> None:
    net = trained.averaged_net
    batch = PairedGradients().batch(np.random.default_rng(1), CONFIG.phases[0])
    z_lq = net.encode(batch.low_quality)
    sigma = torch.full((4,), 2.0)
    latents = net.encode(batch.reference[:, None])[:, 0]
    tokens = net.identify(batch.reference, batch.reference_landmarks)
    with torch.no_grad():
        without = net.denoise(z_lq, z_lq, sigma, batch.tasks, *net.no_reference(4))
        given = net.denoise(z_lq, z_lq, sigma, batch.tasks, latents, tokens)
    assert not torch.allclose(without, given, atol=1e-6)


def test_faces_without_known_points_have_zero_tokens(trained: Trainer) -> None:
    pictures, landmarks = torch.rand(2, 3, CROP_PX, CROP_PX) * 2 - 1, torch.rand(2, 68, 2)
    landmarks[1, 40] = float("nan")
    with torch.no_grad():
        tokens = trained.net.identify(pictures, landmarks)
    assert tokens.shape == (2, 49, 64)
    assert torch.count_nonzero(tokens[0]) > 0 and torch.count_nonzero(tokens[1]) == 0
    with pytest.raises(TrainingDataUnusable, match="no landmarks"):
        trained.net.identify(pictures, None)


KILLED = """
import os, signal, sys
from pathlib import Path
from tiny_svd import CONFIG, PairedGradients
import official_files
from svfr.training.nets.svd_parts import SvdSource
from svfr.training.loop.trainer import Trainer
svd, arcface, run = map(Path, sys.argv[1:])
trainer = Trainer(CONFIG, PairedGradients(), run, svd=SvdSource(svd, arcface, official_files.RECOGNISER))
class Last(PairedGradients):
    def batch(self, rng, phase):
        if trainer.step == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().batch(rng, phase)
trainer.source = Last()
trainer.run(lambda row: None)
"""


def test_a_run_that_was_killed_ends_with_the_same_bits(
    trained: Trainer, svd: tuple[SvdSource, nn.Module], tmp_path: Path
) -> None:
    source, run = svd[0], tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(source.svd_folder), str(source.arcface), str(run)]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, sys.path)])
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert torch.load(run / "state.pt", weights_only=True)["step"] == 2
    resumed = Trainer(CONFIG, PairedGradients(), run, svd=source)
    assert resumed.step == 2
    resumed.run(silent)
    whole, again = (torch.load(t.state_path, weights_only=True) for t in (trained, resumed))
    assert whole.keys() == again.keys() and whole["step"] == again["step"] == 6
    for entry in ("net", "average", "heads"):
        assert [n for n, t in whole[entry].items() if not torch.equal(t, again[entry][n])] == []
    first, second = (state["optimiser"]["state"] for state in (whole, again))
    assert all(torch.equal(first[i][name], second[i][name]) for i in first for name in first[i])


def test_gradient_checkpointing_changes_memory_and_not_the_step(
    svd: tuple[SvdSource, nn.Module], tmp_path: Path
) -> None:
    weights, losses = [], []
    for checkpointing in (False, True):
        run = SvdRunConfig(precision="float32", gradient_checkpointing=checkpointing)
        config = dataclasses.replace(CONFIG, run=run)
        trainer = Trainer(config, PairedGradients(), tmp_path / str(checkpointing), svd=svd[0])
        losses.append(trainer.train_step()["loss"])
        weights.append(trainer.net.unet.conv_in.weight.detach())
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-4, atol=1e-6)


def test_several_batches_can_make_one_step(svd: tuple[SvdSource, nn.Module], tmp_path: Path) -> None:
    optimiser = dataclasses.replace(CONFIG.optimiser, accumulate=2)
    trainer = Trainer(
        dataclasses.replace(CONFIG, optimiser=optimiser), PairedGradients(), tmp_path, svd=svd[0]
    )
    trainer.train_step()
    clips = trainer.heads["unified_latent"].queue.entries().clips
    assert trainer.step == 1 and len(clips.unique()) == 3, (
        "four clips were seen, the queue holds the last six"
    )


def test_a_loss_that_is_no_number_stops_the_run_before_it_harms(
    svd: tuple[SvdSource, nn.Module], tmp_path: Path
) -> None:
    trainer = Trainer(CONFIG, PairedGradients(), tmp_path, svd=svd[0])
    trainer.save()
    with torch.no_grad():
        trainer.net.unet.conv_in.bias[0] = float("nan")
    with pytest.raises(TrainingDiverged, match="step 0"):
        trainer.run(silent)
    kept = torch.load(tmp_path / "state.pt", weights_only=True)["net"]
    assert all(bool(torch.isfinite(tensor).all()) for tensor in kept.values())


class Without(PairedGradients):
    """Clips that lack one thing."""

    def __init__(self, **changes: Any) -> None:
        self._changes = changes

    def batch(self, rng: np.random.Generator, phase: Phase) -> ClipBatch:
        return dataclasses.replace(super().batch(rng, phase), **self._changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"clips": None}, "which samples show one clip"),
        ({"landmarks": None}, "the landmarks of the faces"),
        ({"landmarks": torch.zeros(4, FRAMES, 98, 2)}, r"98 landmarks, \[facial_prior\] asks for 68"),
        ({"reference_landmarks": torch.zeros(4, 98, 2)}, "98 landmarks do not tell"),
        ({"clean": torch.zeros(4, FRAMES, 3, 16, 16)}, r"clean clips have the shape \(4, 3, 3, 16, 16\)"),
        ({"low_quality": torch.zeros(4, 1, 3, 32, 32)}, "damaged clips have the shape"),
    ],
)
def test_clips_that_lack_what_the_recipe_needs_are_refused(
    svd: tuple[SvdSource, nn.Module], tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    trainer = Trainer(CONFIG, Without(**changes), tmp_path, svd=svd[0])
    with pytest.raises(TrainingDataUnusable, match=message):
        trainer.train_step()


@pytest.fixture(scope="module")
def folder(trained: Trainer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of the run."""
    out = tmp_path_factory.mktemp("models") / "tiny-svd"
    export_model(trained.averaged_net, trained.step, CONFIG, out, {"revision": "abc"})
    return out


def test_the_folder_holds_the_averaged_network_and_loads(trained: Trainer, folder: Path) -> None:
    assert verify(folder) == []
    model = load_model(folder)
    net = trained.averaged_net
    assert isinstance(net, SvdNet) and net.id_projection is not None
    for mine, theirs in ((model.unet, net.unet), (model.identity.projection, net.id_projection)):
        expected = {name: tensor.half().float() for name, tensor in theirs.state_dict().items()}
        assert all(torch.equal(tensor, expected[name]) for name, tensor in mine.state_dict().items())
    assert model.spec.objective == net.objective and not model.spec.preview
    assert model.spec.schedule and model.spec.schedule.sigma_max == 700.0


def test_a_job_restores_with_the_folder_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    plate = job_samples.write_plate(tmp_path / "plate", range(1001, 1004))
    box = FaceChoice("box", boxes=(Box(20.0, 12.0, 32.0, 32.0),))
    spec = job_samples.job(plate, tmp_path / "out", "1001-1003", model=str(folder), preset="draft", faces=box)
    result = job_samples.run(spec)
    assert result.counts["denoise_windows"] > 0
    restored = job_samples.read_exr(tmp_path / "out" / "out.1002.exr").astype(np.float32)
    given = job_samples.read_exr(Path(plate % 1002)).astype(np.float32)
    assert np.isfinite(restored).all() and not np.array_equal(restored[14:40, 24:48], given[14:40, 24:48])


def test_the_folder_can_be_exported_under_the_official_names(folder: Path, tmp_path: Path) -> None:
    names = {path.name for path in export_official(folder, tmp_path / "official")}
    assert {"unet.pth", "id_linear.pth", "insightface_glint360k.pth", "config.json"} <= names


def test_the_card_says_what_the_folder_is_and_may_be_edited(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert card.startswith("# tiny-svd\n")
    assert "6 of 6 steps" in card and "not finished" not in card
    assert "1 noise + 0.01 unified_latent + 0.1 facial_prior" in card
    assert "non-commercial research" in card and '"revision": "abc"' in card
    assert "bfr, colorize" in card and '"log_sigma_mean": 0.7' in card
    (folder / "README.md").write_text(card + "Measured: nothing yet.\n")
    assert verify(folder) == []


def test_without_identity_tokens_there_is_no_recogniser_in_the_folder(
    svd: tuple[SvdSource, nn.Module], tmp_path: Path
) -> None:
    network = dataclasses.replace(CONFIG.network, identity="none")
    config = dataclasses.replace(CONFIG, network=network, losses=LossWeights(1.0, 0.0, 0.0))  # type: ignore[arg-type]
    trainer = Trainer(
        config, Without(landmarks=None, clips=None), tmp_path / "run", svd=SvdSource(svd[0].svd_folder)
    )
    trainer.train_step()
    assert len(trainer.heads) == 0
    spec = export_model(trainer.averaged_net, 1, config, tmp_path / "plain", {})
    assert "arcface.safetensors" not in spec.files and "ArcFace" not in spec.licence
    assert load_model(tmp_path / "plain").identity.token_count == 1
    assert "not finished" in (tmp_path / "plain" / "README.md").read_text()
