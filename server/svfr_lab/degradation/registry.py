"""The degradation recipes that a training recipe may name.

Where a range comes from stands in docs/training.md. Lengths in pixels are those of frames 96 px high.
"""

from collections.abc import Mapping
from types import MappingProxyType

from svfr_lab.degradation.basic import TRAINING, TRAINING_BROAD, TRAINING_WIDE, BasicRecipe
from svfr_lab.degradation.degrade import DegradationRecipe
from svfr_lab.degradation.dirt import DirtRanges
from svfr_lab.degradation.draws import Range
from svfr_lab.degradation.holes import HoleRanges
from svfr_lab.degradation.mixture import Mixture
from svfr_lab.degradation.noise import GrainRanges, SensorNoiseRanges
from svfr_lab.degradation.optics import BlurRanges
from svfr_lab.degradation.ranges import CopyRanges, DegradationRanges, FilmRanges
from svfr_lab.degradation.resample import ShrinkRanges
from svfr_lab.degradation.shapes import ShapeKind
from svfr_lab.degradation.tone import FadeRanges, FlickerRanges
from svfr_lab.degradation.video import Codec, VideoRanges

_OLD_VIDEO = (
    (Codec.H264, 0.5, (18.0, 34.0)),
    (Codec.MPEG2, 0.35, (2.0, 10.0)),
    (Codec.MPEG4, 0.15, (2.0, 10.0)),
)
_ANY_VIDEO = VideoRanges.quality
_NOTHING: Range = (0.0, 0.0)


def _copy(
    *,
    blur: tuple[float, Range],
    shrink: Range,
    noise: tuple[float, float],
    jpeg: tuple[float, int, int],
    video: tuple[float, tuple[tuple[Codec, float, Range], ...]],
) -> CopyRanges:
    """Return a copy's ranges: each share with its sigmas or qualities, and the most noise in 8 bit steps."""
    blur_share, sigma_px_at_96 = blur
    read, shot = ((0.0, most / 255) for most in noise)
    jpeg_share, worst, best = jpeg
    return CopyRanges(
        blur=BlurRanges(share=blur_share, sigma_px_at_96=sigma_px_at_96),
        shrink=ShrinkRanges(shrink),
        noise=SensorNoiseRanges(read, shot),
        jpeg_share=jpeg_share,
        jpeg_quality=(worst, best),
        video=VideoRanges(*video),
    )


FILM = DegradationRanges(
    film=FilmRanges(
        orthochromatic_share=0.3,
        blur=BlurRanges(share=0.8, sigma_px_at_96=(0.2, 1.2)),
        grain=GrainRanges(0.9, (3 / 255, 16 / 255), (0.2, 0.7)),
        fade=FadeRanges(share=0.8, density_loss=(0.0, 0.5), stain_density=(0.0, 0.35)),
        dirt=DirtRanges(share=0.6, specks_per_frame=(0.0, 3.0), speck_px_at_96=(0.3, 1.2), most_scratches=2),
        flicker=FlickerRanges(share=0.8, drift_sd=(0.0, 0.1), jitter_sd=(0.0, 0.04)),
    ),
    first_copy=_copy(
        blur=(0.3, (0.2, 0.8)), shrink=(1.0, 3.0), noise=(4, 4), jpeg=(0.2, 50, 95), video=(0.8, _OLD_VIDEO)
    ),
    second_copy=_copy(
        blur=(0.3, (0.2, 0.6)), shrink=(1.0, 1.5), noise=(3, 0), jpeg=(0.0, 50, 95), video=(1.0, _OLD_VIDEO)
    ),
    second_copy_share=0.2,
    holes=HoleRanges(
        (
            (ShapeKind.STROKE, 0.4, (0.2, 0.55)),
            (ShapeKind.POLYGON, 0.4, (0.1, 0.4)),
            (ShapeKind.BOX, 0.2, (0.1, 0.3)),
        ),
        most=3,
        moving_share=0.4,
    ),
)
"""Old footage: grain, fading, flicker, dirt, and the MPEG or H.264 file it came down in."""

RICH = DegradationRanges(
    film=FilmRanges(
        orthochromatic_share=0.15,
        blur=BlurRanges(share=0.75, sigma_px_at_96=(0.1, 1.9), motion_share=0.25, motion_px_at_96=(1.0, 7.0)),
        grain=GrainRanges(0.3, (2 / 255, 14 / 255), (0.2, 0.7)),
        fade=FadeRanges(share=0.35, density_loss=(0.0, 0.45), stain_density=(0.0, 0.3)),
        dirt=DirtRanges(share=0.2, specks_per_frame=(0.0, 2.0), speck_px_at_96=(0.3, 1.0), most_scratches=1),
        flicker=FlickerRanges(share=0.35, drift_sd=(0.0, 0.08), jitter_sd=(0.0, 0.03)),
    ),
    first_copy=_copy(
        blur=(0.2, (0.2, 0.8)), shrink=(1.5, 8.0), noise=(12, 12), jpeg=(0.5, 30, 95), video=(0.6, _ANY_VIDEO)
    ),
    second_copy=_copy(
        blur=(0.4, (0.2, 1.0)), shrink=(1.0, 1.6), noise=(6, 6), jpeg=(0.4, 30, 95), video=(0.6, _ANY_VIDEO)
    ),
    second_copy_share=0.3,
    holes=HoleRanges(
        (
            (ShapeKind.BOX, 0.25, (0.15, 0.4)),
            (ShapeKind.POLYGON, 0.3, (0.18, 0.5)),
            (ShapeKind.STROKE, 0.25, (0.2, 0.55)),
            (ShapeKind.TEXT, 0.2, (0.3, 0.6)),
        ),
        moving_share=0.6,
    ),
)
"""All kinds of degradation, mild and severe."""

_CAMERA = BasicRecipe(
    blur_sigma_px=(0.05, 2.2),
    usual_scale=1.5,
    any_scale=(1.0, 5.0),
    any_scale_share=0.8,
    noise_sd_code=(0.2 / 255, 7 / 255),
    jpeg_quality=(50, 98),
    polygon_share=0.5,
    small_hole_share=0.3,
    moving_hole_share=0.4,
)
_HARDLY_ANY = BasicRecipe(
    blur_sigma_px=(0.05, 0.3),
    usual_scale=1.0,
    noise_sd_code=(0.0, 0.6 / 255),
    jpeg_quality=(92, 100),
    polygon_share=0.5,
    small_hole_share=0.3,
    moving_hole_share=0.4,
)
_STREAMED = DegradationRanges(
    film=FilmRanges(
        orthochromatic_share=0.0,
        blur=BlurRanges(share=0.5, sigma_px_at_96=(0.1, 0.8)),
        grain=GrainRanges(0.15, (1 / 255, 6 / 255), (0.2, 0.7)),
        fade=FadeRanges(share=0.0, density_loss=_NOTHING, stain_density=_NOTHING),
        dirt=DirtRanges(share=0.0, specks_per_frame=_NOTHING, speck_px_at_96=(0.3, 1.0), most_scratches=0),
        flicker=FlickerRanges(share=0.0, drift_sd=_NOTHING, jitter_sd=_NOTHING),
    ),
    first_copy=_copy(
        blur=(0.2, (0.1, 0.5)), shrink=(1.0, 4.0), noise=(5, 5), jpeg=(0.1, 50, 95), video=(1.0, _ANY_VIDEO)
    ),
    second_copy=_copy(
        blur=(0.2, (0.1, 0.5)), shrink=(1.0, 1.5), noise=(2, 0), jpeg=(0.4, 50, 95), video=(0.6, _ANY_VIDEO)
    ),
    second_copy_share=0.1,
    holes=RICH.holes,
)

EVERY_RATIO = Mixture(((_CAMERA, 0.63), (_HARDLY_ANY, 0.22), (_STREAMED, 0.15)))
"""What footage has at any size of the face in it: every ratio from 1 to 5, and a fifth hardly degraded."""

RECIPES: Mapping[str, DegradationRecipe] = MappingProxyType(
    {
        "usual": TRAINING,
        "wide": TRAINING_WIDE,
        "broad": TRAINING_BROAD,
        "film": FILM,
        "rich": RICH,
        "every_ratio": EVERY_RATIO,
    }
)
