"""Prints what the official model takes of a GPU in each phase, and the largest jobs per card.

    python -m benchmarks.sampling.memory_cards

Nothing runs: these are the estimates of ``svfr_restore.plan.memory_cost``, which a test holds within 20 % of
what torch's meta device counts. A card's usable memory is taken as four fifths of what remains of it after
0.6 GB for CUDA, as the decoder takes it.
"""

from __future__ import annotations

from dataclasses import replace

from benchmarks.network_sizes import VAE
from svfr.diffusion.objectives import Objective
from svfr.models.spec import ArcFaceSpec, DiffusionSpec, KlTemporalSpec, ScheduleSpec
from svfr.models.svd_folder import SVD_XT_UNET
from svfr.nets.device_memory import USABLE_SHARE
from svfr.precision import Precision, precision_for
from svfr_restore.plan.memory_cost import ModelMemory, model_memory

CARDS_GB = (8, 16, 24, 80)
_CONTEXT_BYTES = 0.6e9
_LONGEST_WINDOW = 400


def official(window: int = 16) -> DiffusionSpec:
    """Return the published model's description."""
    return DiffusionSpec(
        name="official",
        preview=False,
        crop_px=512,
        hole_fill="white",
        licence="none",
        window=window,
        overlap=3,
        latent_channels=4,
        codec=KlTemporalSpec(VAE),
        unet={**SVD_XT_UNET, "num_frames": window},
        objective=Objective("v", 1.0),
        schedule=ScheduleSpec(0.002, 700.0, 7.0),
        identity=ArcFaceSpec(1024, (64, 128, 256, 512), (3, 13, 30, 3)),
        presets={},
    )


def usable_bytes(card_gb: int, memory: ModelMemory) -> float:
    """Return what tensors may take of a card: the share is of what the weights leave."""
    weights = memory.unet_weights + memory.codec_weights + memory.other_weights
    left = card_gb * 1e9 - _CONTEXT_BYTES - weights
    return weights + USABLE_SHARE * left


def longest_window(card_gb: int, precision: Precision) -> int:
    """Return the most frames that the UNet can see at once with every way of sparing memory."""
    memory = model_memory(official(1), precision)

    def fits(frames: int) -> bool:
        longer = replace(
            memory, denoise=frames * memory.denoise, decode_least=least.decode_least * frames // 16
        )
        return longer.in_turns <= usable_bytes(card_gb, memory)

    least = model_memory(official(16), precision)
    return max((frames for frames in range(1, _LONGEST_WINDOW) if fits(frames)), default=0)


def main() -> None:
    """Print both tables."""
    precisions = {"float16": precision_for("cuda"), "float32": Precision()}
    print("| GB, 16 frames of 512 px | " + " | ".join(precisions) + " |")
    print("|---|---|---|")
    memories = {name: model_memory(official(), precision) for name, precision in precisions.items()}
    for field in (
        "unet_weights", "codec_weights", "other_weights", "encode", "denoise", "decode", "decode_least",
        "whole", "in_chunks", "in_turns",
    ):  # fmt: skip
        cells = (f"{getattr(memory, field) / 1e9:.2f}" for memory in memories.values())
        print(f"| {field.replace('_', ' ')} | {' | '.join(cells)} |")
    print("\n| card | number type | 16 frames of 512 px | longest window | longest shot, frames |")
    print("|---|---|---|---|---|")
    for card in CARDS_GB:
        for name, memory in memories.items():
            usable = usable_bytes(card, memory)
            way = memory.fits(usable) or "does not fit"
            window = longest_window(card, precisions[name])
            print(f"| {card} GB | {name} | {way} | {window} | {memory.longest_shot(usable)} |")


if __name__ == "__main__":
    main()
