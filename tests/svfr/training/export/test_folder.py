import dataclasses
import json
from pathlib import Path

import pytest
import torch
from tiny_training import CONFIG, NETWORK, NoisyGradients

from svfr.errors import CheckpointUnreadable, FolderExists, ModelFileMissing, NotFinite, TensorsUnexpected
from svfr.models.folder import verify
from svfr.models.model import load_model
from svfr.nets.unet import FastUNet
from svfr.training.export.folder import TrainedNet, export_preview, read_trained
from svfr.training.loop.trainer import Trainer, measure_codec
from svfr.training.nets.preview_net import PreviewNet
from svfr_client.errors import SvfrError


@pytest.fixture(scope="module")
def net() -> PreviewNet:
    """A network whose every weight matters, with values that float16 holds exactly."""
    torch.manual_seed(3)
    codec, gain = measure_codec(CONFIG, NoisyGradients())
    net = PreviewNet(NETWORK, codec, gain).eval()
    with torch.no_grad():
        for parameter in net.parameters():
            noise = 0.3 / max(1.0, parameter[0].numel() ** 0.5) * torch.randn_like(parameter)
            parameter.copy_((parameter + noise).half().float())
    return net


@torch.no_grad()
def test_the_loaded_folder_computes_what_the_trained_network_does(net: PreviewNet, tmp_path: Path) -> None:
    export_preview(TrainedNet(net, 6), CONFIG, tmp_path / "tiny", {})
    assert verify(tmp_path / "tiny") == []
    model = load_model(tmp_path / "tiny")
    assert next(model.unet.parameters()).dtype == torch.float32

    picture = torch.rand(3, 32, 32) * 2 - 1
    tokens = net.identity(picture[None])
    assert torch.equal(model.identity.encode(picture), tokens)
    z_lq = net.encode(torch.rand(1, NETWORK.window, 3, 32, 32) * 2 - 1)
    x = z_lq + 0.7 * torch.randn_like(z_lq)
    tasks, reference = torch.tensor([[1.0, 0.0, 1.0]]), net.codec.encode(picture[None])
    expected = net.denoise(x, z_lq, torch.tensor([0.7]), tasks, reference, tokens)[0]

    noisy = model.objective.network_input(x[0], z_lq[0], 0.7)
    stacked = torch.cat([noisy, z_lq[0], reference.expand(NETWORK.window, -1, -1, -1)], dim=1)
    fast = FastUNet(model.unet)
    time = 0.25 * float(torch.tensor(0.7).log())
    output = fast(stacked, time, tasks, fast.project_tokens(tokens))
    actual = model.objective.denoised(output, x[0], z_lq[0], 0.7)
    assert not torch.allclose(expected, z_lq[0], atol=0.1), "a network that does nothing would prove nothing"
    # Only the gain that is folded into the last layer is rounded to float16, a relative 2^-11.
    torch.testing.assert_close(actual, expected, rtol=2e-3, atol=2e-3)
    torch.testing.assert_close(model.codec.decode(actual), net.codec.decode(expected), rtol=2e-3, atol=2e-3)


def test_the_folder_says_where_its_weights_come_from(net: PreviewNet, tmp_path: Path) -> None:
    spec = export_preview(TrainedNet(net, 6), CONFIG, tmp_path / "tiny", {"revision": "abc"})
    body = json.loads((tmp_path / "tiny" / "model.json").read_text())
    assert body["training"] == {
        "recipe": "tiny",
        "seed": 5,
        "steps": 6,
        "planned_steps": 6,
        "parameters": sum(p.numel() for p in (*net.unet.parameters(), *net.identity.parameters())),
        "revision": "abc",
    }
    assert spec.preview and spec.licence.startswith("Apache-2.0")
    assert set(spec.presets) == {"draft", "standard", "final"}


def test_the_average_is_exported_and_not_the_last_step(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, NoisyGradients(), tmp_path / "run")
    for _ in range(4):
        trainer.train_step()
    trainer.save()
    trained = read_trained(tmp_path / "run" / "state.pt", NETWORK)
    assert trained.steps == 4
    weights = trained.net.unet.conv_out.weight
    assert torch.equal(weights, trainer.average.module.unet.conv_out.weight)
    assert not torch.equal(weights, trainer.net.unet.conv_out.weight)


def test_a_folder_that_is_there_is_left_alone(net: PreviewNet, tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    with pytest.raises(FolderExists):
        export_preview(TrainedNet(net, 6), CONFIG, tmp_path / "tiny", {})


def test_weights_beyond_float16_are_refused_by_name(net: PreviewNet, tmp_path: Path) -> None:
    broken = PreviewNet(NETWORK, net.codec.spec, net.output_gain.flatten())
    with torch.no_grad():
        broken.unet.conv_in.bias[0] = 1e6
    with pytest.raises(NotFinite, match=r"conv_in\.bias"):
        export_preview(TrainedNet(broken, 6), CONFIG, tmp_path / "tiny", {})
    assert not (tmp_path / "tiny").exists()


def test_a_run_without_a_state_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileMissing):
        read_trained(tmp_path / "state.pt", NETWORK)


def test_a_truncated_state_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"PK\x03\x04 no more")
    with pytest.raises(CheckpointUnreadable):
        read_trained(tmp_path / "state.pt", NETWORK)


def test_a_state_without_an_average_is_named(tmp_path: Path) -> None:
    torch.save({"step": 3, "codec": {}}, tmp_path / "state.pt")
    with pytest.raises(CheckpointUnreadable, match="average, output_gain"):
        read_trained(tmp_path / "state.pt", NETWORK)


def test_the_state_of_another_network_is_refused(tmp_path: Path) -> None:
    trainer = Trainer(CONFIG, NoisyGradients(), tmp_path)
    trainer.save()
    smaller = dataclasses.replace(NETWORK, widths=(32,))
    with pytest.raises(SvfrError) as caught:
        read_trained(tmp_path / "state.pt", smaller)
    kinds = getattr(caught.value, "problems", [caught.value])
    assert any(isinstance(problem, TensorsUnexpected) for problem in kinds)
