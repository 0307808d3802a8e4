"""What a model makes of a track's crops: the two passes of SVFR, or a built-in model without a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import torch

from svfr.arrays import Float32
from svfr.models.attenuation_spec import Attenuation
from svfr.models.model import Model
from svfr.models.spec import DiffusionSpec, Preset
from svfr.sampling.encoded_shot import EncodedShot
from svfr.sampling.finish import finish_crop, finishes
from svfr.sampling.network_input import from_network, seen_by_network
from svfr.sampling.sampler import (
    SamplePlan,
    decode_latents,
    encode_shot,
    make_reference,
    pass_latents,
)
from svfr.tasks import TaskSet
from svfr_client.vocabulary import Sampler
from svfr_restore.content_keys import content_key
from svfr_restore.crops.spool import CropSpool
from svfr_restore.plan.model_output import OutputPlanes
from svfr_restore.plan.plate_crop import PlateCrop
from svfr_restore.reports import JobContext
from svfr_restore.sampling.further_seeds import seed_context
from svfr_restore.sampling.job_callbacks import JobCallbacks, code_key, tensor_key

# The probe's patch: the middle third of the crop becomes this code value.
PROBE_CODES = np.array([0.75, 0.25, 0.5], np.float32)


class Restorer(Protocol):
    """Turns the crops of one track into the model's output m, frame by frame in order.

    ``reference`` is the picture (3, S, S) in [-1, 1] that the face was restored after, once there is one.
    """

    reference: torch.Tensor | None

    def prepare_crop(self, crop: PlateCrop, mask: Float32 | None) -> Float32:
        """Return what the model gets of a crop, (S, S, planes), in code values.

        ``mask`` (h, w) over the plate's data window says what is to be painted anew, None without that task.
        """

    def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
        """Yield (absolute frame, planes (S, S, P)) of face ``index``, code values that are not clipped.

        What the planes are says :class:`svfr_restore.plan.model_output.OutputPlanes`.
        """


class IdentityRestorer:
    """The built-in model ``identity``: gives back its unprepared input, bit for bit."""

    reference: torch.Tensor | None = None

    def prepare_crop(self, crop: PlateCrop, mask: Float32 | None) -> Float32:
        """Return the crop as it is."""
        return crop.square.codes

    def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
        """Yield every crop as it is."""
        for frame in crops.frames:
            yield frame, crops.crop(frame)


class ProbeRestorer:
    """The built-in model ``probe``: gives back its unprepared input with a known patch."""

    reference: torch.Tensor | None = None

    def prepare_crop(self, crop: PlateCrop, mask: Float32 | None) -> Float32:
        """Return the crop as it is."""
        return crop.square.codes

    def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
        """Yield every crop with the middle third painted."""
        third = crops.crop_px // 3
        for frame in crops.frames:
            painted = crops.crop(frame).copy()
            painted[third : 2 * third, third : 2 * third] = PROBE_CODES
            yield frame, painted


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a job samples one of its faces.

    ``spec`` is what the model says of itself; its networks are loaded when they are first needed, by
    ``load``, which returns the same ones each time. ``outputs`` says which amounts of detail are computed,
    and of how many seeds; ``attenuation`` which changes are too small to count; None: all count.
    """

    spec: DiffusionSpec
    load: Callable[[], Model]
    fingerprint: str
    preset: Preset
    tasks: TaskSet
    seed: int
    mode: Sampler
    context: JobContext
    outputs: OutputPlanes = field(default_factory=OutputPlanes)
    attenuation: Attenuation | None = None

    @property
    def model(self) -> Model:
        """The model, loaded."""
        return self.load()


class DiffusionRestorer:
    """Both passes of SVFR.

    ``reference`` is the user's own picture (3, S, S) in [-1, 1], or None for pass 1; ``identify`` turns the
    reference picture into tokens. Everything computed is kept in the store under a key of what it was
    computed from: the crops themselves, the model, the settings and the code.
    """

    def __init__(
        self,
        sampling: Sampling,
        reference: torch.Tensor | None,
        identify: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        self._sampling, self._given, self._identify = sampling, reference, identify
        self.reference = reference

    def prepare_crop(self, crop: PlateCrop, mask: Float32 | None) -> Float32:
        """Return the crop prepared for the network: grey for colorize, its hole filled for inpaint."""
        spec, tasks = self._sampling.spec, self._sampling.tasks.names
        codes, hole = crop.codes_around_hole(mask, spec.hole_fill)
        return seen_by_network(codes, tasks, hole, spec.hole_fill, spec.hole_plane)

    def restore(self, index: int, crops: CropSpool) -> Iterator[tuple[int, Float32]]:
        """Make or take the reference, then restore every frame of the track, once for each seed."""
        shot = encode_shot(self._sampling.model, crops)
        runs = self._runs()
        made = [run.make_reference(index, crops, shot) for run in runs]
        latents = [
            run.latents(index, crops, reference, tokens=tokens, shot=shot)
            for run, (reference, tokens) in zip(runs, made, strict=True)
        ]
        self.reference = made[0][0]
        pictures = [
            run.pictures(index, crops.frames, each, crops) for run, each in zip(runs, latents, strict=True)
        ]
        for (frame, first), *others in zip(*pictures, strict=True):
            yield frame, np.concatenate([first, *(codes for _, codes in others)], axis=-1)

    def _runs(self) -> list[DiffusionRestorer]:
        """Return a restorer for each seed of the job."""
        s, count = self._sampling, self._sampling.outputs.further_seeds + 1
        if count == 1:
            return [self]
        single = replace(s.outputs, further_seeds=0)
        each = [
            replace(
                s,
                seed=s.seed + more,
                outputs=single,
                context=seed_context(s.context, more, count),
            )
            for more in range(count)
        ]
        return [DiffusionRestorer(sampling, self._given, self._identify) for sampling in each]

    def make_reference(
        self, index: int, crops: CropSpool, shot: EncodedShot | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the track's reference picture (3, S, S) and its identity tokens (1, L, C).

        ``crops`` begin with the track's first window. ``shot`` are the same crops, encoded once.
        """
        reference = self._given
        if reference is None:
            model, key = self._computing(index, self._reference_key(crops))
            reference = make_reference(model, shot or crops, self._plan, self._callbacks(index, key))
        return reference, self._identify(reference)

    def latents(
        self,
        index: int,
        crops: CropSpool,
        reference: torch.Tensor,
        *,
        tokens: torch.Tensor,
        shot: EncodedShot | None = None,
        shot_frames: range | None = None,
    ) -> torch.Tensor:
        """Return the restored latents (n, C, h, w) of ``crops``, a part of the track ``shot_frames``."""
        s = self._sampling
        encoded = shot or encode_shot(s.model, crops)
        model, key = self._computing(index, self._restore_key(crops, reference, tokens, shot_frames))
        callbacks = self._callbacks(index, key)
        with torch.no_grad():
            return pass_latents(
                model,
                encoded,
                self._plan,
                sampling_pass=2,
                reference=reference,
                tokens=tokens,
                callbacks=callbacks,
                shot_frames=shot_frames,
            )

    def pictures(
        self, index: int, frames: range, latents: torch.Tensor, crops: CropSpool | None = None
    ) -> Iterator[tuple[int, Float32]]:
        """Decode the latents of a whole track and yield (absolute frame, planes of code values), in order.

        ``crops`` are what the network saw; they are needed where :attr:`needs_crops`.
        """
        s = self._sampling
        callbacks = self._callbacks(index, "decode")
        given = latents.to(s.model.unet.device)
        model = s.model
        if model.compiled is not None:  # frames written before a crash and after it come of one decoder
            model, _ = self._computing(index, content_key("decode", tensor_key(latents), frames[0]))
        for frame, picture in decode_latents(model, frames, given, s.mode, callbacks):
            ends = self._finished(crops, frame, picture)
            yield frame, np.concatenate([from_network(end) for end in ends], axis=-1)

    @property
    def needs_crops(self) -> bool:
        """Whether decoded pictures are finished with a look at the crops, which are needed once more."""
        s = self._sampling
        return finishes(s.model, detail=max(s.outputs.amounts), rule=s.attenuation)

    def _finished(self, crops: CropSpool | None, frame: int, picture: torch.Tensor) -> list[torch.Tensor]:
        """Finish last: the latents that are kept do not depend on how much texture is asked for."""
        s, amounts = self._sampling, self._sampling.outputs.amounts
        if crops is None or not self.needs_crops:
            return [picture for _ in amounts]
        at = crops.frames.index(frame)
        if s.model.detail is not None and any(amounts):
            s.context.counts["detail_frames"] += 1
        seen = crops.read(at, at + 1)[0]
        return [
            finish_crop(s.model, seen=seen, base=picture, detail=amount, rule=s.attenuation)
            for amount in amounts
        ]

    @property
    def window(self) -> int:
        """The number of frames that the network sees at once."""
        return self._sampling.spec.window

    @property
    def _plan(self) -> SamplePlan:
        s = self._sampling
        return SamplePlan(s.tasks, s.preset, s.seed, s.mode)

    def _computing(self, index: int, key: str) -> tuple[Model, str]:
        """Return the model with what is compiled of it, and the key of what it computes so.

        A pass that was begun before goes on with the very networks it began with, compiled or not, if they
        are still here: what is kept of it stays of use, and is never mixed with what others round otherwise.
        """
        model, context = self._sampling.model, self._sampling.context
        compiled = model.compiled
        if compiled is None:
            return model, key
        for problem in compiled.take_problems():
            context.warn(problem, track=index)
        kept = context.store.load(f"{key}/compiled")
        begun = None if kept is None else compiled.chosen(_digests_of(kept))
        chosen = begun or compiled.ready()
        if begun is None:
            context.store.save(f"{key}/compiled", _as_tensor(chosen.digests))
        return model.using(chosen), content_key(key, chosen.digests) if chosen.digests else key

    def _callbacks(self, index: int, key: str) -> JobCallbacks:
        return JobCallbacks(index, key, self._sampling.context)

    def _reference_key(self, crops: CropSpool) -> str:
        """Pass 1 sees the first window only, and has one branch: guidance does not matter to it."""
        count = min(self._sampling.spec.window, len(crops.frames))
        return self._key("reference", self._sampling.preset.reference_steps, crops, count)

    def _restore_key(
        self, crops: CropSpool, reference: torch.Tensor, tokens: torch.Tensor, shot_frames: range | None
    ) -> str:
        preset = self._sampling.preset
        pictures = [tensor_key(reference), tensor_key(tokens)]
        if shot_frames is not None:
            pictures.append(f"{shot_frames[0]} to {shot_frames[-1]}")
        guidance = [preset.guidance, preset.guidance_every]
        return self._key("restore", preset.steps, crops, len(crops.frames), *guidance, *pictures)

    def _key(self, run: str, steps: int, crops: CropSpool, count: int, *more: float | str) -> str:
        s = self._sampling
        preset = s.preset
        levels = [steps, preset.initial_noise, preset.sigmas, preset.sigma_start, preset.deep_every]
        settings = [*levels, s.tasks.bits, s.seed, s.mode, *more]
        pixels = [content_key(crops.crop(frame).tobytes()) for frame in crops.frames[:count]]
        return content_key(
            code_key(), s.fingerprint, run, settings, s.model.computes_on, crops.frames[0], pixels
        )


def _as_tensor(digests: Sequence[str]) -> torch.Tensor:
    """Return digests as numbers, (n, 32): a store keeps tensors."""
    rows = [list(bytes.fromhex(digest)) for digest in digests]
    return torch.tensor(rows, dtype=torch.float32).reshape(len(rows), 32)


def _digests_of(kept: torch.Tensor) -> list[str]:
    return [bytes(int(number) for number in row).hex() for row in kept.tolist()]
