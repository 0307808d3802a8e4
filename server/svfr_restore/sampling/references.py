"""The user's own reference pictures, one for each face that has one, in place of pass 1."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch

from svfr.sampling.network_input import to_network
from svfr_client.errors import SvfrError, raise_problems
from svfr_client.job import JobSpec, Reference
from svfr_restore.errors import FaceTrackNotFound, ReferenceCannotBeUsed
from svfr_restore.media.feed import FrameFeed
from svfr_restore.plan.job_plan import JobPlan
from svfr_restore.plan.track_plan import TrackPlan
from svfr_restore.reports import JobContext
from svfr_restore.sampling.identities import codes_of

# How far apart the channels of a grey picture may be on average, in [-1, 1]: three codes of 255.
_GREY_AT_MOST = 3 * 2 / 255


def user_references(
    plan: JobPlan, tracks: Sequence[TrackPlan], feed: FrameFeed, context: JobContext
) -> list[torch.Tensor | None]:
    """Return each track's given picture (3, S, S) in [-1, 1], or None where pass 1 makes one.

    A face's own reference goes before one for all. A frame for all serves the faces that are in it; the
    others make their own, and a warning says so. A face that has the same number in several shots (a box)
    may take its reference from any of them. Raises FaceTrackNotFound and ReferenceCannotBeUsed, all
    together.
    """
    raise_problems([p for given in plan.spec.references if (p := _problem(given, tracks)) is not None])
    given = {reference.track: reference for reference in plan.spec.references}
    return [
        _picture(
            plan, track, given.get(track.index, given.get(None)), tracks=tracks, feed=feed, context=context
        )
        for track in tracks
    ]


def _problem(reference: Reference, tracks: Sequence[TrackPlan]) -> SvfrError | None:
    meant = [track for track in tracks if reference.track in (None, track.index)]
    if not meant:
        known = ", ".join(map(str, sorted({track.index for track in tracks})))
        return FaceTrackNotFound(
            f"There is a reference for face {reference.track}, which the job does not restore.",
            remedy=f"The faces of this job are: {known}.",
        )
    frame = reference.frame
    if frame is None or any(frame in track.frames for track in meant):
        return None
    who = "No face of the job" if reference.track is None else f"Face {reference.track}"
    where = "; ".join(f"face {t.index} in {t.frames[0]} to {t.frames[-1]}" for t in meant)
    return ReferenceCannotBeUsed(
        f"{who} is{'' if reference.track is None else ' not'} in the reference frame {frame}: {where}.",
        frame=frame,
        remedy="Choose a frame of the job that shows the face.",
    )


def _picture(
    plan: JobPlan,
    track: TrackPlan,
    reference: Reference | None,
    *,
    tracks: Sequence[TrackPlan],
    feed: FrameFeed,
    context: JobContext,
) -> torch.Tensor | None:
    if reference is None:
        return None
    if reference.photo is not None:
        photo = _at_size(plan.photos[reference.photo], track.crop_px)
        _warn_if_grey(photo, plan.spec, reference, context)
        return photo
    assert reference.frame is not None
    for other in tracks:
        if other.index == track.index and reference.frame in other.frames:
            picture = to_network(codes_of(feed, other, reference.frame)[None])[0]
            _warn_if_grey(picture, plan.spec, reference, context)
            return picture
    text = f"Face {track.index} is not in frame {reference.frame}; it makes its own reference."
    context.warn(text, track=track.index, frame=reference.frame)
    return None


def _warn_if_grey(picture: torch.Tensor, spec: JobSpec, reference: Reference, context: JobContext) -> None:
    """Warn of a picture (3, S, S) in [-1, 1] without colours in a job that is to bring some."""
    apart = float((picture.amax(dim=0) - picture.amin(dim=0)).mean())
    if "colorize" not in spec.tasks or apart > _GREY_AT_MOST:
        return
    what = f"frame {reference.frame}" if reference.photo is None else f"photo {reference.photo}"
    context.warn(
        f"The reference {what} has no colours, and the face comes back without any: give a photo in colour, "
        "or no reference, for the model to choose them.",
        track=reference.track,
        frame=reference.frame,
    )


def _at_size(photo: torch.Tensor, crop_px: int) -> torch.Tensor:
    """Return a photo (3, S, S), made for the largest crops, as large as a track's."""
    if photo.shape[-1] == crop_px:
        return photo
    pixels = np.ascontiguousarray(photo.permute(1, 2, 0).numpy())
    smaller = cv2.resize(pixels, (crop_px, crop_px), interpolation=cv2.INTER_AREA)
    return torch.from_numpy(smaller).permute(2, 0, 1).contiguous()
