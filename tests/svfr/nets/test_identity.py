from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from svfr.errors import FacePointsNeeded
from svfr.nets.arcface import IResNet
from svfr.nets.conv_identity import ConvIdentity
from svfr.nets.identity import ArcFaceIdentity, ConvCropIdentity, IdentityEncoder, IdProjection, NoIdentity

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
TOLERANCE = 1e-5
POINTS = np.array([[180.0, 220], [330, 220], [256, 300], [200, 370], [310, 370]])


def golden_projection() -> IdProjection:
    projection = IdProjection(16, 64)
    weights = load_file(GOLDEN / "id_linear.safetensors")
    projection.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return projection


def small_arcface(id_crop: str = "official") -> ArcFaceIdentity:
    torch.manual_seed(5)
    recogniser = IResNet((1, 1, 1, 1), (4, 4, 8, 16))
    return ArcFaceIdentity(recogniser, IdProjection(16, 64), id_crop).eval()  # type: ignore[arg-type]


def face(seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(3, 512, 512, generator=generator) * 2 - 1


def test_the_projection_is_that_of_the_official_code() -> None:
    golden = load_file(GOLDEN / "id_proj.safetensors")
    with torch.no_grad():
        tokens = golden_projection()(golden["id_feature"])
    assert tokens.shape == golden["id_embedding"].shape == (1, 49, 64)
    assert float((tokens - golden["id_embedding"]).abs().max()) < TOLERANCE


def test_a_transposed_token_order_is_noticed() -> None:
    golden = load_file(GOLDEN / "id_proj.safetensors")
    with torch.no_grad():
        tokens = golden_projection()(golden["id_feature"].transpose(2, 3))
    assert float((tokens - golden["id_embedding"]).abs().max()) > TOLERANCE


@pytest.mark.parametrize(
    "encoder",
    [small_arcface(), ConvCropIdentity(ConvIdentity(64), 96), NoIdentity(64)],
    ids=["arcface", "conv", "none"],
)
def test_every_encoder_gives_tokens_of_the_shape_it_promises(encoder: IdentityEncoder) -> None:
    crop = face()[:, :96, :96] if isinstance(encoder, ConvCropIdentity) else face()
    tokens = encoder.encode(crop, POINTS)
    assert tokens.shape == (1, encoder.token_count, encoder.channels)
    assert tokens.dtype == torch.float32 and bool(tokens.isfinite().all())
    assert encoder.zero_tokens().shape == tokens.shape
    assert not encoder.zero_tokens().any()


def test_arcface_without_points_says_so() -> None:
    with pytest.raises(FacePointsNeeded):
        small_arcface().encode(face())


def test_only_arcface_needs_points() -> None:
    assert small_arcface().needs_points
    assert not ConvCropIdentity(ConvIdentity(64), 96).needs_points
    assert not NoIdentity(64).needs_points


def test_another_face_gives_other_tokens() -> None:
    encoder = small_arcface()
    assert not torch.equal(encoder.encode(face(1), POINTS), encoder.encode(face(2), POINTS))


def test_the_corrected_crop_gives_other_tokens_than_the_official_one() -> None:
    official, corrected = small_arcface("official"), small_arcface("corrected")
    assert not torch.equal(official.encode(face(), POINTS), corrected.encode(face(), POINTS))


def test_odd_crops_round_up_at_every_halving() -> None:
    encoder = ConvCropIdentity(ConvIdentity(64), 100)
    assert encoder.encode(torch.zeros(3, 100, 100)).shape == (1, encoder.token_count, 64)
