"""Networks are compiled beside a job that waits for none, and a pass computes with one kind to its end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sampling_models import PLAN, TOKEN_CHANNELS, tiny_model
from torch import nn

from svfr.compiled.beside import CompileBeside
from svfr.compiled.calls import Call
from svfr.compiled.folder import MOST_RECIPES, PackageFolder
from svfr.compiled.networks import CompiledNetworks
from svfr.compiled.packages import build, check
from svfr.compiled.recipe import EXPORTED, INDUCTOR, Recipe
from svfr.compiled.traced import DecoderModule, exported
from svfr.errors import CompiledFolderUnsafe
from svfr.models.model import Model
from svfr.nets.kl_temporal import KlTemporalCodec, build_kl
from svfr.nets.unet import FastUNet
from svfr.sampling.sampler import two_passes

CPU = torch.device("cpu")
LONG = 600.0
VAE = {"block_out_channels": [32], "down_block_types": ["DownEncoderBlock2D"], "layers_per_block": 1}


class Crops:
    frames = range(1001, 1021)

    def read(self, start: int, stop: int) -> torch.Tensor:
        return torch.randn(stop - start, 3, 16, 16, generator=torch.Generator().manual_seed(start))


class Beside:
    """A model and its compiled networks, which need no compiler here."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.folder = PackageFolder(folder)
        self.beside = CompileBeside(self.folder)
        self.model = tiny_model()
        given = self.model.spec.unet, None, self.model.precision, CPU, EXPORTED
        self.recipe = replace(Recipe.of(*given), **changes)
        self.networks = self.anew()

    def anew(self) -> CompiledNetworks:
        """As another process finds them."""
        return CompiledNetworks(self.recipe, self.model.spec.window, self.folder, self.beside)


def restored(model: Model) -> torch.Tensor:
    pictures = two_passes(model, Crops(), lambda _: torch.ones(1, 3, TOKEN_CHANNELS), PLAN)
    return torch.stack([picture for _, picture in pictures])


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """A model whose first job has had its calls compiled."""
    ready = Beside(tmp_path_factory.mktemp("compiled") / "own")
    cold = ready.networks.ready()
    assert cold.digests == ()
    assert torch.equal(restored(ready.model.using(cold)), restored(ready.model)), (
        "a cold start waits for none"
    )
    assert ready.beside.wait(LONG) and ready.beside.take_problems() == []
    yield ready


def test_whole_windows_of_both_branches_are_compiled_and_shorter_ones_are_not(compiled: Beside) -> None:
    assert compiled.folder.packages(compiled.recipe.key).keys() == {
        "unet-8x12x4x4-0-tokens-0-of-1",
        "unet-8x12x4x4-3-tokens-1-of-1",
    }


def test_what_is_compiled_computes_the_same_picture(compiled: Beside) -> None:
    chosen = compiled.networks.ready()
    assert len(chosen.digests) == 2
    torch.testing.assert_close(restored(compiled.model.using(chosen)), restored(compiled.model))


def test_another_process_finds_what_is_compiled(compiled: Beside) -> None:
    assert compiled.anew().ready().digests == compiled.networks.ready().digests


def test_a_pass_that_was_begun_gets_the_very_networks_it_began_with(compiled: Beside) -> None:
    digests = compiled.networks.ready().digests
    for begun in ((), digests[:1], digests):
        chosen = compiled.networks.chosen(begun)
        assert chosen is not None and chosen.digests == begun
    assert compiled.networks.chosen(["00" * 32]) is None, "what is gone is not replaced by another"


def test_weights_that_have_moved_are_followed(compiled: Beside) -> None:
    chosen = compiled.networks.ready()
    model = compiled.model
    before = restored(model.using(chosen))
    with FastUNet(model.unet).computing_in(torch.float64):
        pass  # every number lies elsewhere now
    assert torch.equal(restored(model.using(chosen)), before)


def test_a_step_in_a_wider_type_is_not_compiled(compiled: Beside) -> None:
    unet, chosen = compiled.model.unet, compiled.networks.ready()
    sample, embedding = torch.zeros(8, 12, 4, 4), FastUNet(unet).embed(0.0, torch.zeros(1, 3))
    for kind, is_compiled in ((torch.float32, True), (torch.float64, False)):
        found = chosen.branch(unet, sample.to(kind), embedding, None, windows=1, with_tokens=0)
        assert (found is not None) == is_compiled


def test_what_cannot_be_built_is_told_once_and_costs_nothing_else(tmp_path: Path) -> None:
    broken = Beside(tmp_path / "own", unet={"in_channels": -1})
    assert torch.equal(restored(broken.model.using(broken.networks.ready())), restored(broken.model))
    assert broken.beside.wait(LONG)
    problems = broken.networks.take_problems()
    assert problems and all("could not be compiled" in one for one in problems)
    assert broken.networks.take_problems() == [] and broken.networks.ready().digests == ()
    assert [path.name for path in broken.folder.folder.iterdir()] == [], "nothing half-built is left"


def test_whatever_changes_the_numbers_has_a_recipe_of_its_own() -> None:
    model = tiny_model()
    recipe = Recipe.of(model.spec.unet, None, model.precision, CPU)
    others = [
        replace(recipe, builder=EXPORTED),
        replace(recipe, unet_type="float16"),
        replace(recipe, tf32=True),
        replace(recipe, unet={**recipe.unet, "num_attention_heads": [1, 1]}),
    ]
    assert len({recipe.key, *(other.key for other in others)}) == 5


def test_a_damaged_package_is_as_good_as_none(tmp_path: Path) -> None:
    own = Beside(tmp_path / "own")
    place = own.folder.path(own.recipe.key, Call(network="unet", sample=(8, 12, 4, 4)))
    place.parent.mkdir()
    place.write_bytes(b"PK damaged")
    place.with_name(f".{place.name}").write_bytes(b"half-written")
    assert own.networks.ready().digests == () and not place.exists()
    (problem,) = own.networks.take_problems()
    assert "could not be read" in problem and "built again" in problem


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(CompiledFolderUnsafe):
        PackageFolder(tmp_path / "open")


def test_the_recipes_that_were_not_built_for_the_longest_go(tmp_path: Path) -> None:
    folder, call = PackageFolder(tmp_path / "own"), Call(network="decoder", sample=(1, 4, 8, 8))
    for number in range(MOST_RECIPES + 2):
        built = tmp_path / "built"
        built.write_bytes(b"code")
        folder.take(built, f"recipe{number:02d}", call)
        os.utime(folder.path(f"recipe{number:02d}", call).parent, (number, number))
    left = sorted(path.name for path in folder.folder.iterdir())
    assert len(left) == MOST_RECIPES and left[-1] == f"recipe{MOST_RECIPES + 1:02d}"


class Mixed(nn.Module):
    """A layer and a weight of one number, which a compiler likes to take for a constant."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.mix = nn.Linear(8, 8), nn.Parameter(torch.tensor([0.3]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.lerp(x, self.layer(x), torch.sigmoid(self.mix))


def test_kernels_take_every_weight_from_the_network_or_the_lack_of_a_compiler_is_said(tmp_path: Path) -> None:
    module, inputs = Mixed().requires_grad_(False), (torch.randn(4, 8),)
    path = tmp_path / "mixed.pt2"
    try:
        build(exported(module, inputs), INDUCTOR, path)
    except Exception as problem:
        assert "compiler" in str(problem).lower()  # this machine has none: nothing else may go wrong
        return
    check(module, inputs, INDUCTOR, path)


def test_a_package_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    module, other, inputs = Mixed().requires_grad_(False), Mixed().requires_grad_(False), (torch.randn(4, 8),)
    other.forward = lambda x: torch.lerp(x, other.layer(x), 0.3)  # type: ignore[method-assign]
    path = tmp_path / "mixed.pt2"
    build(exported(other, inputs), EXPORTED, path)
    with pytest.raises(ValueError, match="something else"):
        check(module, inputs, EXPORTED, path)


class Large(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.expand(2**16, 2**16) + 1.0


def test_a_graph_with_a_tensor_of_more_elements_than_kernels_count_is_refused() -> None:
    with pytest.raises(ValueError, match="more than kernels count"):
        exported(Large(), (torch.zeros(1, 1, device="meta"),))


def test_the_decoder_is_one_graph_that_computes_the_same(tmp_path: Path) -> None:
    codec = KlTemporalCodec(build_kl(VAE).requires_grad_(False))
    module, latents = DecoderModule(codec.vae), torch.randn(2, 4, 4, 4)
    program = exported(module, (latents,)).module()
    torch.testing.assert_close(program(latents), codec.decode(latents))


def test_a_build_ends_with_whoever_asked_for_it(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "svfr.compiled.child"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(LONG) != 0
