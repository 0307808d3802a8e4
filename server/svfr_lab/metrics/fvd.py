"""FVD, the Fréchet video distance of Unterthiner et al. 2018 (arXiv 1812.01717).

Features of short clips by an I3D network, a Gaussian fitted to those of either side, and the Fréchet
distance between the two. The network is the TorchScript file published with StyleGAN-V
(github.com/universome/stylegan-v, src/metrics/frechet_video_distance.py), which the user gives: it takes
videos (N, 3, T, H, W) of codes 0..255 and the words rescale, resize and return_features.

TorchScript is a program: loading it runs what its author put there, so the user must say that the file is
trusted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from svfr.arrays import Float32, Float64, UInt8
from svfr.eight_bit import eight_bit
from svfr.errors import ModelFileMissing
from svfr_lab.metrics.errors import PicturesDoNotMatch, TorchScriptNotTrusted, TorchScriptUnusable

LEAST_CLIPS = 2
_REMEDY = "Give StyleGAN-V's i3d_torchscript.pt."


class I3d:
    """Features of short clips."""

    def __init__(self, path: Path, *, trusted: bool) -> None:
        """Load the TorchScript file.

        Raises ModelFileMissing, TorchScriptNotTrusted unless ``trusted``, and TorchScriptUnusable.
        """
        if not path.is_file():
            raise ModelFileMissing("The FVD network is not there.", path=path, remedy=_REMEDY)
        if not trusted:
            raise TorchScriptNotTrusted(
                "FVD's network is a TorchScript file, which is a program, and it was not run.",
                path=path,
                remedy="Add --trust-torchscript if you know where the file comes from.",
            )
        self._path = path
        try:
            self._network = torch.jit.load(str(path), map_location="cpu").eval()
        except (RuntimeError, ValueError) as error:
            raise self._unusable(f"cannot be loaded: {_reason(error)}") from error

    @torch.inference_mode()
    def features(self, clip: UInt8) -> Float64:
        """Return the features (D,) of a clip (T, H, W, 3) of codes 0..255.

        Raises TorchScriptUnusable when the network does not take it or gives no finite features.
        """
        video = torch.from_numpy(clip).permute(3, 0, 1, 2)[None].float()
        try:
            found = self._network(video, rescale=True, resize=True, return_features=True)
        except (RuntimeError, TypeError) as error:
            raise self._unusable(f"does not take a clip: {_reason(error)}") from error
        if not isinstance(found, torch.Tensor) or found.ndim != 2 or not bool(torch.isfinite(found).all()):
            raise self._unusable("gives no finite features of shape (clips, channels)")
        return found[0].double().numpy()

    def _unusable(self, why: str) -> TorchScriptUnusable:
        return TorchScriptUnusable(f"The FVD network {why}.", path=self._path, remedy=_REMEDY)


class ClipCutter:
    """Cuts a stream of pictures into clips of ``length`` frames that begin every ``stride`` frames."""

    def __init__(self, length: int, stride: int) -> None:
        self._length, self._stride = length, stride
        self._held: deque[UInt8] = deque()
        self._skip = 0

    def add(self, picture: Float32) -> UInt8 | None:
        """Take the next picture (H, W, 3) of codes 0..1; return a clip (T, H, W, 3) when one is full."""
        if self._skip:
            self._skip -= 1
            return None
        self._held.append(eight_bit(picture))
        if len(self._held) < self._length:
            return None
        clip = np.stack(self._held)
        for _ in range(min(self._stride, self._length)):
            self._held.popleft()
        self._skip = max(self._stride - self._length, 0)
        return clip


def frechet_distance(result: Sequence[Float64], truth: Sequence[Float64]) -> float:
    """Return the squared Fréchet distance of Gaussians fitted to two sets of features (N, D).

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) (Dowson and Landau 1982). With S = A^T A the trace of the
    root is the sum of the singular values of A1 A2^T: N x N instead of D x D, and exact also where there are
    fewer clips than channels. Raises PicturesDoNotMatch for fewer than two clips on a side.
    """
    ours, theirs = np.asarray(result, np.float64), np.asarray(truth, np.float64)
    if min(len(ours), len(theirs)) < LEAST_CLIPS or ours.shape[1:] != theirs.shape[1:]:
        raise PicturesDoNotMatch(
            f"Fréchet distance of features of shapes {ours.shape} and {theirs.shape}.",
            remedy=f"Give at least {LEAST_CLIPS} clips on either side, with features of one length.",
        )
    ours_mean, ours_spread = _spread(ours)
    theirs_mean, theirs_spread = _spread(theirs)
    root = np.linalg.svd(ours_spread @ theirs_spread.T, compute_uv=False).sum()
    apart = float(((ours_mean - theirs_mean) ** 2).sum())
    both = float((ours_spread**2).sum() + (theirs_spread**2).sum())
    return max(apart + both - 2.0 * float(root), 0.0)


def _spread(features: Float64) -> tuple[Float64, Float64]:
    """Return the mean (D,) and A (N, D) with A^T A the unbiased covariance."""
    mean = features.mean(axis=0)
    return mean, (features - mean) / np.sqrt(len(features) - 1)


def _reason(error: Exception) -> str:
    # TorchScript puts its own traceback first and what went wrong last.
    return (str(error).strip() or type(error).__name__).splitlines()[-1].strip().rstrip(".")
