"""SVFR's network under training, grown from Stable Video Diffusion.

Trained are the whole UNet and the projection of ArcFace's features to tokens; autoencoder and recogniser are
frozen, as SVFR uses them (section 3; the paper does not say which of the UNet's layers were trained).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from svfr.diffusion.objectives import Objective
from svfr.models.convert import PRESETS
from svfr.models.model import Model
from svfr.models.spec import ArcFaceSpec, DiffusionSpec, IdentitySpec, KlTemporalSpec, NoIdentitySpec
from svfr.nets.arcface import FEATURE_SIDE
from svfr.nets.identity import ArcFaceIdentity, IdentityEncoder, IdProjection, NoIdentity
from svfr.nets.temporal_conv import use_fast_temporal_convolutions
from svfr.published_geometry import id_face
from svfr.training.errors import TrainingDataUnusable, TrainingPartMissing
from svfr.training.losses.facial_prior import five_points
from svfr.training.losses.noise import relative_errors, v_errors
from svfr.training.nets.svd_parts import FrozenParts, load_unet
from svfr.training.nets.trainable import DenoisingGoal, TrainableNet
from svfr.training.recipe.config import Recipe, SvdNetworkConfig

LICENCE = (
    "Trained from Stable Video Diffusion, under Stability AI's licence for it{arcface}. The licences of the "
    "clips it was trained on apply as well."
)
_ARCFACE_LICENCE = ", and with ArcFace weights of insightface, for non-commercial research purposes only"


class SvdNet(TrainableNet):
    """The UNet and, for the identity "iresnet100", the projection ``id_projection`` to its tokens."""

    def __init__(self, config: SvdNetworkConfig, frozen: FrozenParts) -> None:
        super().__init__()
        if config.identity == "iresnet100" and frozen.recogniser is None:
            raise TrainingPartMissing(
                "The recipe trains with identity tokens of ArcFace, and no recogniser was given.",
                remedy='Give insightface_glint360k.pth with --arcface, or set identity = "none".',
            )
        self.config, self.frozen = config, frozen
        self.crop_px = config.crop_px
        self.objective = Objective("v", 1.0)
        self.unet = load_unet(frozen.source.svd_folder)
        use_fast_temporal_convolutions(self.unet)
        self.id_projection: IdProjection | None = None
        if config.identity == "iresnet100":
            self.id_projection = IdProjection(frozen.source.recogniser.widths[-1], self._token_channels)
        self.needs_reference_landmarks = self.id_projection is not None

    @property
    def codec(self) -> Any:  # type: ignore[override]
        """The frozen autoencoder; it is no part of this module's state."""
        return self.frozen.codec

    @property
    def _token_channels(self) -> int:
        return int(self.unet.config["cross_attention_dim"])

    def place_frozen(self, device: torch.device) -> None:
        """Move the parts that are no submodules."""
        self.frozen.codec.to(device)
        if self.frozen.recogniser is not None:
            self.frozen.recogniser.to(device)

    def noise_losses(self, denoised: torch.Tensor, goal: DenoisingGoal) -> tuple[torch.Tensor, torch.Tensor]:
        """Return each sample's error of the v-prediction, and its error relative to doing nothing."""
        evenly = torch.ones(goal.clean.shape[2], device=goal.clean.device)
        errors = relative_errors(denoised.detach(), goal.clean, goal.low_quality, evenly)
        return v_errors(denoised, goal.clean, goal.sigma), errors

    def identify(self, pictures: torch.Tensor, landmarks: torch.Tensor | None) -> torch.Tensor:
        """Return the tokens of faces, zero where a face's five points are not known; see the base class."""
        count = pictures.shape[0]
        zeros = self.no_reference(count)[1]
        if self.id_projection is None or self.frozen.recogniser is None:
            return zeros
        if landmarks is None:
            raise TrainingDataUnusable(
                "The clips have no landmarks, by which the identity encoder cuts faces.",
                remedy='Use clips that have 5 or 68 of them, or set identity = "none".',
            )
        points = five_points(landmarks.cpu()) * self.crop_px
        known = torch.isfinite(points).all(-1).all(-1)
        if not known.any():
            return zeros
        rows = known.nonzero()[:, 0].tolist()
        faces = [id_face(pictures[i], points[i].numpy(), self.config.id_crop) for i in rows]
        with torch.no_grad():
            features = self.frozen.recogniser.layer4_features(torch.cat(faces).to(pictures.device))
        with self.autocast():
            tokens = self.id_projection(features).float()
        return zeros.index_copy(0, torch.tensor(rows, device=zeros.device), tokens)

    def no_reference(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the zero reference latent and zero tokens of ``count`` samples."""
        device = self.unet.conv_in.weight.device
        side = self.crop_px // self.codec.factor
        tokens = FEATURE_SIDE**2 if self.id_projection is not None else NoIdentity.token_count
        return (
            torch.zeros(count, self.codec.channels, side, side, device=device),
            torch.zeros(count, tokens, self._token_channels, device=device),
        )

    def constants(self) -> Mapping[str, Any]:
        """Return nothing: all that is fixed comes from SVD's folder."""
        return {}

    def spec(self, recipe: Recipe, training: Mapping[str, Any]) -> DiffusionSpec:
        """Return what model.json says of the network, without its files."""
        network, shape = self.config, self.frozen.source.recogniser
        identity: IdentitySpec = NoIdentitySpec(self._token_channels)
        if self.id_projection is not None:
            identity = ArcFaceSpec(self._token_channels, shape.widths, shape.layers, network.id_crop)
        unet = {name: value for name, value in self.unet.config.items() if not name.startswith("_")}
        return DiffusionSpec(
            name=recipe.name,
            preview=False,
            crop_px=network.crop_px,
            hole_fill="white",
            licence=LICENCE.format(arcface=_ARCFACE_LICENCE if self.id_projection is not None else ""),
            window=network.window,
            overlap=network.overlap,
            latent_channels=self.codec.channels,
            codec=KlTemporalSpec(self.frozen.vae_config),
            unet=unet,
            objective=self.objective,
            schedule=self.frozen.schedule,
            identity=identity,
            presets=PRESETS,
            training=training,
        )

    def as_model(self, recipe: Recipe) -> Model:
        """Return the network as the sampler takes it; it shares all weights with this one."""
        identity: IdentityEncoder = NoIdentity(self._token_channels)
        if self.id_projection is not None and self.frozen.recogniser is not None:
            identity = ArcFaceIdentity(self.frozen.recogniser, self.id_projection, self.config.id_crop)
        return Model(
            spec=self.spec(recipe, {}),
            unet=self.unet,
            codec=self.codec,
            objective=self.objective,
            identity=identity,
        )
