"""Restore a clip in memory: python restore_clip.py clip.npy restored.npy

clip.npy: one face's square crops, (frames, side, side, 3) sRGB numbers 0..1, side as large as the model's.
"""

import sys

import numpy as np

import svfr


def main(clip_file: str, restored_file: str) -> None:
    model = svfr.load_model("mini")
    clip = np.load(clip_file)
    restored = svfr.restore_clip(model, clip, ["bfr"])
    np.save(restored_file, restored)
    print(f"{len(restored)} frames of {model.spec.crop_px} px, changed by {abs(restored - clip).mean():.4f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
