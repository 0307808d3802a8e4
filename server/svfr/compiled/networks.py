"""What of a model's networks is compiled by now, and what is asked for.

A cold start computes as without: what is not compiled is noted, built beside when it was asked for a few
times, and taken from the next pass on. A pass never changes over in its middle, so that its checkpoints are
all of one kind: it computes with the :class:`ChosenPackages` it began with, whose ``digests`` belong in the
key that they are kept under.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence

import torch
from torch import nn

from svfr.compiled.beside import CompileBeside
from svfr.compiled.calls import Call
from svfr.compiled.folder import PackageFolder
from svfr.compiled.packages import BoundPackage, Package, as_traced
from svfr.compiled.recipe import Recipe
from svfr.compiled.traced import BranchModule, DecoderModule
from svfr.nets.unet import TokenProjection
from svfr_client.reasons import in_one_line

WANTED_TIMES = 4
MOST_CALLS = 8
"""Of one model: what is asked for beyond is not compiled."""


class CompiledNetworks:
    """The packages of one model's networks; ``window`` frames are what one of full length has.

    Windows of other lengths, at the ends of a shot, stay uncompiled: there are many and each is rare.
    """

    def __init__(self, recipe: Recipe, window: int, folder: PackageFolder, beside: CompileBeside) -> None:
        self.recipe, self._window = recipe, window
        self._folder, self._beside = folder, beside
        self._key = recipe.key
        self._read: dict[str, Package] = {}
        self._bound: dict[tuple[str, int], BoundPackage] = {}
        self._wanted: Counter[Call] = Counter()
        self._lock = threading.Lock()

    def ready(self) -> ChosenPackages:
        """Return everything that is compiled by now."""
        with self._lock:
            found = self._folder.packages(self._key)
            for name in sorted(found.keys() - self._read.keys())[:MOST_CALLS]:
                path = found[name]
                try:
                    self._read[name] = Package(path, self.recipe.builder)
                except Exception as problem:  # torch has no error of its own for a damaged file
                    path.unlink(missing_ok=True)
                    self._beside.note(
                        f"A compiled network could not be read ({in_one_line(problem)}): it is built again."
                    )
            return ChosenPackages(self, self._read)

    def chosen(self, digests: Sequence[str]) -> ChosenPackages | None:
        """Return the packages of these :attr:`ChosenPackages.digests`, if all are here still."""
        by_digest = {package.digest: name for name, package in self.ready().packages.items()}
        if not set(digests) <= by_digest.keys():
            return None
        names = [by_digest[digest] for digest in digests]
        return ChosenPackages(self, {name: self._read[name] for name in names})

    def take_problems(self) -> list[str]:
        """Return what could not be compiled or read since this was last asked, in sentences."""
        return self._beside.take_problems()

    def want(self, call: Call) -> None:
        """Note that a call was not compiled; have it built when it is asked for again and again."""
        with self._lock:
            if call.sample[0] != self._window * call.windows:
                return
            self._wanted[call] += 1
            is_due = self._wanted[call] == WANTED_TIMES and len(self._wanted) <= MOST_CALLS
        if is_due:
            self._beside.ask(self.recipe, call)

    def bound(self, name: str, package: Package, module: nn.Module, call: Call) -> BoundPackage:
        """Return a package over the weights of ``module``, read once for each."""
        with self._lock:
            found = self._bound.get((name, id(module)))
            if found is None:
                traced = (
                    BranchModule(module, call.windows, call.with_tokens)
                    if call.network == "unet"
                    else DecoderModule(module)
                )
                found = self._bound[name, id(module)] = package.bound_to(traced)
            return found


class ChosenPackages:
    """What a pass computes with: these packages by the names of their calls, and the rest as without."""

    def __init__(self, networks: CompiledNetworks, packages: dict[str, Package]) -> None:
        self._networks, self.packages = networks, dict(packages)
        self._tokens: tuple[TokenProjection | None, list[tuple[torch.Tensor, torch.Tensor]]] = (None, [])

    @property
    def digests(self) -> tuple[str, ...]:
        """A name of each package's content, sorted."""
        return tuple(sorted(package.digest for package in self.packages.values()))

    def branch(
        self,
        unet: nn.Module,
        sample: torch.Tensor,
        embedding: torch.Tensor,
        tokens: TokenProjection | None,
        *,
        windows: int,
        with_tokens: int,
    ) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Return output and deep features of :meth:`svfr.nets.unet.FastUNet.branch`; None: not compiled."""
        if sample.dtype != getattr(torch, self._networks.recipe.unet_type):
            return None  # a step that is done again in a wider type
        count = 0 if tokens is None or not with_tokens else next(iter(tokens.values()))[0].shape[2]
        call = Call(
            network="unet",
            sample=(sample.shape[0], sample.shape[1], sample.shape[2], sample.shape[3]),
            tokens=count,
            windows=windows,
            with_tokens=with_tokens if count else 0,
        )
        run = self._found(call, unet)
        if run is None:
            return None
        output, deep = run(as_traced(sample), as_traced(embedding), self._flat(tokens) if count else [])
        return output, deep

    def decode(self, vae: nn.Module, latents: torch.Tensor) -> torch.Tensor | None:
        """Return the pictures of a window of ``latents`` in the decoder's type; None: not compiled."""
        if latents.dtype != getattr(torch, self._networks.recipe.decode_type):
            return None
        shape = (latents.shape[0], latents.shape[1], latents.shape[2], latents.shape[3])
        run = self._found(Call(network="decoder", sample=shape), vae)
        if run is None:
            return None
        pictures: torch.Tensor = run(as_traced(latents))
        return pictures

    def _found(self, call: Call, module: nn.Module) -> BoundPackage | None:
        package = self.packages.get(call.name)
        if package is None:
            self._networks.want(call)
            return None
        return self._networks.bound(call.name, package, module, call)

    def _flat(self, tokens: TokenProjection | None) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Return keys and values as traced; the copies are made once for the tokens of a pass."""
        known, flat = self._tokens
        if known is not tokens or tokens is None:
            flat = [(as_traced(key), as_traced(value)) for key, value in (tokens or {}).values()]
            self._tokens = (tokens, flat)
        return flat
