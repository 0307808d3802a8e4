"""The numbered picture of a plate's faces: shots with boxes, then each track at start, middle and end."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from svfr.eight_bit import eight_bit
from svfr_client.job import JobSpec
from svfr_ocio.sanitise import sanitise
from svfr_restore.crops.warp import warp_to_crop
from svfr_restore.faces.box import FaceBox
from svfr_restore.faces.names import track_ids
from svfr_restore.faces.tracks import FaceTrack
from svfr_restore.job import survey_job
from svfr_restore.media.contact_sheet import Cell, write_contact_sheet
from svfr_restore.media.feed import FrameFeed
from svfr_restore.media.plate import PlateFrame
from svfr_restore.media.shots import Shot
from svfr_restore.plan.job_plan import JobPlan, plan_job
from svfr_restore.plan.models import ModelCache
from svfr_restore.plan.track_plan import TrackPlan, all_face_tracks, plan_tracks
from svfr_restore.reports import JobContext

CELL_PX = 320
BOX_COLOUR = (255, 190, 25)


@dataclass(frozen=True)
class FoundFace:
    """One numbered face: its id, its detected track, and the crop that a job would restore."""

    id: str
    track: FaceTrack
    plan: TrackPlan

    @property
    def best_frame(self) -> int:
        """The frame in which the face was sighted best."""
        return max(sorted(self.track.detected), key=lambda frame: self.track.boxes[frame].score)

    @property
    def place(self) -> str:
        """The middle of the face in its best frame, as ``--faces`` takes it."""
        box = self.track.boxes[self.best_frame]
        return f"{box.centre_x:.0f},{box.centre_y:.0f}@{self.best_frame}"

    def to_json(self) -> dict[str, Any]:
        """Return what scripts want to know about it."""
        return {
            "face": self.track.index,
            "id": self.id,
            "place": self.place,
            "first_frame": self.track.first_frame,
            "last_frame": self.track.last_frame,
            "seen_frames": len(self.track.detected),
            "side_px": round(float(self.plan.crop.side_px.mean()), 1),
        }


@dataclass(frozen=True)
class FoundFaces:
    """All faces of a plate's frames, by number, and the shots they are in."""

    job: JobPlan
    shots: tuple[Shot, ...]
    faces: tuple[FoundFace, ...]


def find_faces(spec: JobSpec) -> FoundFaces:
    """Find the faces as a job with ``--faces all`` does.

    Raises NoFaceFound, and everything that is wrong with the plate, its colour and its frames.
    """
    job = plan_job(spec, ModelCache())
    surveys = survey_job(job, JobContext())
    plans = {plan.index: plan for plan in plan_tracks(job, surveys)}
    tracks = [track for _, track in all_face_tracks(surveys)]
    ids = track_ids(tracks)
    faces = tuple(FoundFace(ids[track.index], track, plans[track.index]) for track in tracks)
    return FoundFaces(job, tuple(shot for survey in surveys for shot in survey.shots), faces)


def write_face_sheet(path: Path, found: FoundFaces) -> None:
    """Write the sheet as PNG: first the shots, three in a line, then a line for each face."""
    feed = FrameFeed(found.job.plate)
    shots = [_shot_cell(feed, found, shot) for shot in found.shots]
    rows = [shots[start : start + 3] for start in range(0, len(shots), 3)]
    rows += [_face_cells(feed, found.job, face) for face in found.faces]
    write_contact_sheet(path, rows, CELL_PX)


def write_thumbnails(folder: Path, found: FoundFaces) -> list[Path]:
    """Write one picture for each face, ``ID.png``, from the frame that shows it best; return their paths."""
    feed = FrameFeed(found.job.plate)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for face in found.faces:
        path = folder / f"{face.id}.png"
        write_contact_sheet(path, [[_face_cell(feed, found.job, face, face.best_frame)]], CELL_PX)
        paths.append(path)
    return paths


def _shot_cell(feed: FrameFeed, found: FoundFaces, shot: Shot) -> Cell:
    """Draw a shot's frame with the most faces (the one nearest to its middle among those)."""
    inside = [face for face in found.faces if shot.first <= face.track.first_frame <= shot.last]
    middle = (shot.first + shot.last) / 2
    frame = max(shot.frames, key=lambda f: (sum(f in face.track.boxes for face in inside), -abs(f - middle)))
    picture = feed.read(frame)
    domain = inside[0].plan.domain if inside else found.job.domain
    codes = np.clip(domain.to_codes(sanitise(picture.rgb)), 0.0, 1.0)
    shown = _on_screen(codes, picture.pixel_aspect)
    for face in inside:
        if frame in face.track.boxes:
            box = face.track.boxes[frame]
            x, y = box.x - picture.data_window.x, box.y - picture.data_window.y
            label = f"{face.track.index} {face.id}"
            _draw_box(
                shown,
                FaceBox(x=x, y=y, width=box.width, height=box.height, score=box.score),
                picture,
                label,
            )
    return Cell(np.asarray(shown / 255, np.float32), f"frames {shot.first}-{shot.last}, shown {frame}")


def _on_screen(codes: NDArray[np.float32], pixel_aspect: float) -> NDArray[np.uint8]:
    """Return the picture as 8-bit values with square pixels, at most four cells wide."""
    height, width = codes.shape[:2]
    scale = min(1.0, 4 * CELL_PX / width)
    size = (max(1, round(width * pixel_aspect * scale)), max(1, round(height * scale)))
    resized = cv2.resize(codes, size, interpolation=cv2.INTER_AREA)
    return eight_bit(np.asarray(resized, np.float32))


def _draw_box(shown: NDArray[np.uint8], box: FaceBox, picture: PlateFrame, label: str) -> None:
    across = shown.shape[1] / picture.data_window.width
    down = shown.shape[0] / picture.data_window.height
    left, top = round(box.x * across), round(box.y * down)
    right, bottom = round((box.x + box.width) * across), round((box.y + box.height) * down)
    thick = max(1, shown.shape[1] // 300)
    cv2.rectangle(shown, (left, top), (right, bottom), BOX_COLOUR, thick, cv2.LINE_AA)
    scale = max(0.4, shown.shape[1] / 700)
    cv2.putText(shown, label, (left, max(12, top - 4)), cv2.FONT_HERSHEY_SIMPLEX, scale, BOX_COLOUR, thick)


def _face_cells(feed: FrameFeed, job: JobPlan, face: FoundFace) -> list[Cell]:
    frames = face.plan.frames
    shown = dict.fromkeys((frames[0], frames[len(frames) // 2], frames[-1]))
    return [_face_cell(feed, job, face, frame) for frame in shown]


def _face_cell(feed: FrameFeed, job: JobPlan, face: FoundFace, frame: int) -> Cell:
    picture = feed.read(frame)
    transform = face.plan.crop.transform(frame, CELL_PX, job.pixel_aspect)
    crop = warp_to_crop(picture.rgb, picture.data_window, transform, CELL_PX)
    codes = np.clip(face.plan.domain.to_codes(crop), 0.0, 1.0)
    return Cell(codes, f"face {face.track.index} {face.id}, frame {frame}")
