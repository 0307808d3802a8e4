from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from sampling_models import Recorder

from svfr.diffusion.windows import official_decode_windows, studio_decode_windows
from svfr.errors import Cancelled
from svfr.sampling.callbacks import NoCallbacks
from svfr.sampling.decode import decode_stream


class FrameCodec:
    """Decodes each frame to itself plus the offset of its chunk, so that seams can be seen."""

    channels, factor, scaling_factor = 1, 1, 1.0

    def __init__(self, offset: float = 0.0) -> None:
        self.lengths: list[int] = []
        self._offset = offset

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        return pictures

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        self.lengths.append(latents.shape[0])
        return latents + self._offset * (len(self.lengths) - 1)

    def in_place(self) -> AbstractContextManager[None]:
        return nullcontext()


def ramp(count: int) -> torch.Tensor:
    return torch.arange(float(count)).view(-1, 1, 1, 1).expand(count, 3, 2, 2).clone()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 14, 15, 40])
def test_every_frame_comes_once_and_in_order(count: int) -> None:
    for cut in (official_decode_windows, studio_decode_windows):
        pictures = torch.stack(list(decode_stream(FrameCodec(), ramp(count), cut(count, 8), NoCallbacks())))
        torch.testing.assert_close(pictures, ramp(count))


def test_shared_frames_fade_from_one_window_to_the_next() -> None:
    codec = FrameCodec(offset=3.0)
    pictures = torch.stack(
        list(decode_stream(codec, 0 * ramp(14), studio_decode_windows(14, 8), NoCallbacks()))
    )
    assert codec.lengths == [8, 8]
    assert pictures[:, 0, 0, 0].tolist() == pytest.approx([0.0] * 6 + [1.0, 2.0] + [3.0] * 6)


def test_official_chunks_do_not_fade() -> None:
    pictures = torch.stack(
        list(decode_stream(FrameCodec(1.0), 0 * ramp(12), official_decode_windows(12, 8), NoCallbacks()))
    )
    assert pictures[:, 0, 0, 0].tolist() == [0.0] * 8 + [1.0] * 4


def test_latents_are_decoded_only_when_their_pictures_are_asked_for() -> None:
    codec = FrameCodec()
    stream = decode_stream(codec, ramp(40), studio_decode_windows(40, 8), NoCallbacks())
    next(stream)
    assert codec.lengths == [8]


def test_it_stops_between_windows() -> None:
    stream = decode_stream(FrameCodec(), ramp(20), official_decode_windows(20, 8), Recorder(windows=1))
    pictures = []
    with pytest.raises(Cancelled):
        for picture in stream:
            pictures.append(picture)
    assert len(pictures) == 8
