"""Where the face of a clip is and where its landmarks are: what ``svfr restore`` would cut, and a look at it.

The first look at the pictures, the tracks and the crop are those of a job that restores the largest face of
the same frames: a network is trained on the crops that it will be given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import dlib
import numpy as np
from numpy.typing import NDArray

from svfr.arrays import Float32
from svfr.eight_bit import eight_bit
from svfr_client.job import ColourClaim
from svfr_client.reasons import in_one_line
from svfr_lab.clips.entries import ClipEntry, Region
from svfr_lab.clips.errors import ClipListInvalid, LandmarkPredictorUnusable
from svfr_lab.clips.list_file import plate_pattern
from svfr_lab.heads.landmarks68 import LANDMARK_COUNT
from svfr_ocio.contract import Agreement, agree
from svfr_ocio.domain import ModelDomain
from svfr_restore.crops.crop_track import CropTrack, static_track
from svfr_restore.crops.smoothing import EXPAND, smooth_track
from svfr_restore.crops.warp import warp_to_crop
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.choose import choose_tracks
from svfr_restore.faces.landmarks import FivePointFinder
from svfr_restore.faces.tracks import build_tracks, filled_track
from svfr_restore.media.feed import FrameFeed
from svfr_restore.media.movie_plate import MoviePlate
from svfr_restore.media.plate import Plate, open_plate
from svfr_restore.plan.survey import survey_runs
from svfr_restore.reports import JobContext

# Landmarks are sought on crops of this size, whatever size is trained.
PICTURE_PX = 256
_FEW = 5


@dataclass(frozen=True)
class ClipPlate:
    """An open clip: its files, its way into code values, and the frames that the list chooses."""

    plate: Plate
    colour: Agreement
    domain: ModelDomain
    frames: range

    @classmethod
    def open(cls, path: Path, entry: ClipEntry) -> ClipPlate:
        """Open the clip of one line.

        Raises ClipListInvalid for frames that it does not have, and the errors of plates and colour spaces.
        """
        plate = open_plate(plate_pattern(path))
        agreed = agree(ColourClaim(space=entry.space), plate.colour_hint)
        wanted = plate.frames if entry.frames is None else entry.frames.frames
        missing = sorted(set(range(wanted[0], wanted[-1] + 1)) - set(plate.frames))
        if missing:
            raise ClipListInvalid(
                f"The clip lacks {len(missing)} of its frames.",
                frame=missing[0],
                path=path,
                remedy="Choose frames that it has, one after another, with frames.",
            )
        frames = range(wanted[0], wanted[-1] + 1)
        return cls(plate, agreed, ModelDomain.build(agreed.config, agreed.space), frames)

    def close(self) -> None:
        """Close the file of a movie; pictures are open only while they are read."""
        if isinstance(self.plate, MoviePlate):
            self.plate.close()

    def exposed(self, stops: float) -> ModelDomain:
        """Return the model domain at an exposure."""
        return ModelDomain.build(self.colour.config, self.colour.space, stops) if stops else self.domain


@dataclass(frozen=True)
class Alignment:
    """The crop of a clip's face, and its landmarks.

    ``crop`` covers the frames that can be trained with, numbered as in the clip's files · ``exposure_stops``
    as a job would meter it · ``landmarks5`` (F, 5, 2) and ``landmarks68`` (F, 68, 2) float32 in shares of the
    crop's side, x before y, NaN where not known.
    """

    crop: CropTrack
    exposure_stops: float
    landmarks5: Float32
    landmarks68: Float32


class LandmarkPredictor:
    """68 landmarks by a dlib shape predictor of the user's; none is shipped, their terms differ.

    Predictors start from a rectangle as dlib's detector draws it: the one it finds in the crop, or the part
    of the crop that a face fills.
    """

    def __init__(self, path: Path) -> None:
        self._find = dlib.get_frontal_face_detector()
        try:
            self._predict = dlib.shape_predictor(str(path))
            count = self._predict(np.zeros((PICTURE_PX, PICTURE_PX), np.uint8), _face_in_crop()).num_parts
        except RuntimeError as problem:
            raise LandmarkPredictorUnusable(
                f"dlib cannot load the predictor: {in_one_line(problem)}.",
                path=path,
                remedy="Give a file such as shape_predictor_68_face_landmarks.dat.",
            ) from problem
        if count != LANDMARK_COUNT:
            raise LandmarkPredictorUnusable(
                f"The predictor finds {count} points, not {LANDMARK_COUNT}.",
                path=path,
                remedy="Give a predictor of 68 points.",
            )

    def points(self, crop_u8: NDArray[np.uint8]) -> Float32:
        """Return the points (68, 2) of a crop (256, 256, 3), in shares of its side."""
        picture = np.ascontiguousarray(crop_u8)
        usual = _face_in_crop()
        found = max(self._find(picture), key=lambda box: box.intersect(usual).area(), default=usual)
        parts = self._predict(picture, found if found.intersect(usual).area() > 0 else usual).parts()
        # dlib counts from the first pixel's centre
        shares = np.array([(part.x + 0.5, part.y + 0.5) for part in parts]) / PICTURE_PX
        return shares.astype(np.float32)


def align_clip(
    clip: ClipPlate, region: Region | None, finder: FivePointFinder, predictor: LandmarkPredictor | None
) -> Alignment | None:
    """Find the face of a clip and its landmarks, reading every frame; None where it shows no face.

    Without a ``region`` the largest face of each shot is looked for, and the one seen in most frames taken.
    """
    crop, stops = _given(clip, region) if region is not None else _detected(clip)
    if crop is None:
        return None
    domain = clip.exposed(stops)
    few = np.full((len(crop.frames), _FEW, 2), np.nan, np.float32)
    many = np.full((len(crop.frames), LANDMARK_COUNT, 2), np.nan, np.float32)
    for number, frame in enumerate(crop.frames):
        picture = eight_bit(read_crop(clip, crop, domain, frame, PICTURE_PX))
        if (points := finder.five_points(picture)) is not None:
            few[number] = points / PICTURE_PX
        if predictor is not None:
            many[number] = predictor.points(picture)
    return Alignment(crop, stops, few, many)


def read_crop(clip: ClipPlate, crop: CropTrack, domain: ModelDomain, frame: int, crop_px: int) -> Float32:
    """Return one frame's crop (crop_px, crop_px, 3) in code values 0..1, cut as a job cuts it."""
    picture = clip.plate.read(frame)
    transform = crop.transform(frame, crop_px, picture.pixel_aspect)
    pixels = warp_to_crop(picture.rgb, picture.data_window, transform, crop_px)
    return np.clip(domain.to_codes(pixels), 0.0, 1.0)


def _detected(clip: ClipPlate) -> tuple[CropTrack | None, float]:
    """Return the crop and the exposure of the face that a job would find."""
    survey = survey_runs(FrameFeed(clip.plate), [clip.frames], clip.domain, True, JobContext())[0]
    tracks = [
        track for shot in survey.shots for track in choose_tracks(build_tracks(survey.faces, shot), "largest")
    ]
    if not tracks:
        return None, 0.0
    longest = max(tracks, key=lambda track: (len(track.boxes), track.presence))
    crop = smooth_track(longest, clip.plate.display, clip.plate.pixel_aspect)
    return crop, 0.0 if clip.domain.is_passthrough else survey.exposure(longest.boxes)


def _given(clip: ClipPlate, region: Region) -> tuple[CropTrack | None, float]:
    """Return the crop that the list gives, at the exposure of its middle."""
    places = _placed(clip, region)
    if not places:
        return None, 0.0
    if region.kind == "crop":
        crop = _crop_of_squares(clip, places)
        boxes = _middles(crop, clip.plate.pixel_aspect)
    else:
        seen = {frame: FaceBox(*values) for frame, values in places.items()}
        track = filled_track(0, seen, clip.frames)
        crop, boxes = smooth_track(track, clip.plate.display, clip.plate.pixel_aspect), dict(track.boxes)
    if clip.domain.is_passthrough:
        return crop, 0.0
    survey = survey_runs(FrameFeed(clip.plate), [clip.frames], clip.domain, False, JobContext())[0]
    return crop, survey.exposure(boxes)


def _placed(clip: ClipPlate, region: Region) -> dict[int, tuple[float, ...]]:
    """Return the region's numbers by frame, with the corner in the plate's own coordinates."""
    if None in region.by_frame:
        chosen = {clip.frames[0]: region.by_frame[None]}
    else:
        chosen = {
            frame: values
            for frame, values in region.by_frame.items()
            if frame is not None and frame in clip.frames
        }
    left, top = clip.plate.display.x, clip.plate.display.y
    return {frame: (x + left, y + top, *sizes) for frame, (x, y, *sizes) in chosen.items()}


def _crop_of_squares(clip: ClipPlate, squares: Mapping[int, tuple[float, ...]]) -> CropTrack:
    """Return the track of squares (x, y, side), straight between frames and held at the ends."""
    aspect = clip.plate.pixel_aspect
    frames = sorted(squares)
    x, y, side = np.array([squares[frame] for frame in frames]).T
    if len(frames) == 1:
        return static_track(0, clip.frames, x[0] + side[0] / aspect / 2, y[0] + side[0] / 2, side[0])
    all_x, all_y, all_side = (np.interp(clip.frames, frames, values) for values in (x, y, side))
    return CropTrack(
        index=0,
        first_frame=clip.frames[0],
        centre_x=all_x + all_side / aspect / 2,
        centre_y=all_y + all_side / 2,
        side_px=all_side,
    )


def _middles(crop: CropTrack, pixel_aspect: float) -> dict[int, FaceBox]:
    """Return the part of each crop that a face would fill."""
    share = 1.0 / (1.0 + 2.0 * EXPAND)
    squares = zip(crop.frames, crop.centre_x, crop.centre_y, crop.side_px * share, strict=True)
    return {
        frame: FaceBox(x - side / pixel_aspect / 2, y - side / 2, side / pixel_aspect, side)
        for frame, x, y, side in squares
    }


def _face_in_crop() -> dlib.rectangle:
    """Return the face's rectangle in a crop of 256 pixels: what the crop was laid around."""
    margin = round(PICTURE_PX * EXPAND / (1.0 + 2.0 * EXPAND))
    return dlib.rectangle(margin, margin, PICTURE_PX - margin - 1, PICTURE_PX - margin - 1)
