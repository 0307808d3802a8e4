"""``svfr faces``: find the face tracks of a plate, number them as a job would, and draw them."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from svfr_client.errors import raise_problems
from svfr_client.job import FaceChoice, JobSpec
from svfr_client.sequences import plate_name
from svfr_client.vocabulary import MISSING_POLICIES, WordReader

from .. import job_options
from ..output import speaking
from . import options


def faces(
    plate: options.Plate,
    frames: options.Frames = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The sheet, a PNG. Default: NAME_faces.png here.")
    ] = None,
    tracks: Annotated[
        Path | None, typer.Option("--tracks", help="Also write the crop tracks, for editing, to this JSON.")
    ] = None,
    thumbnails: Annotated[
        Path | None, typer.Option("--thumbnails", help="Also write a picture of each face, ID.png, here.")
    ] = None,
    colorspace: options.ColourSpace = None,
    ocio: options.Ocio = None,
    ocio_context: options.OcioContext = None,
    reference_space: options.ReferenceSpace = None,
    layer: options.PlateLayer = None,
    part: options.PlatePart = None,
    view: options.PlateView = None,
    missing: options.Missing = JobSpec.missing,
    as_json: options.AsJson = False,
) -> None:
    """Find the faces of PLATE and draw a numbered contact sheet.

    Numbers, ids and places are those that ``svfr restore --faces`` takes. A number is good for the same
    frames, an id also for more of them at the end, a place for any that have its frame.
    """
    with speaking(as_json) as output:
        from ..face_sheet import find_faces, write_face_sheet, write_thumbnails

        words = WordReader()
        sheet = out or Path(f"{plate_name(plate)}_faces.png")
        with tempfile.TemporaryDirectory(prefix="svfr-faces-") as scratch:
            spec = JobSpec(
                plate=job_options.absolute(plate),
                frames=frames or options.all_frames(plate, layer, part, view),
                tasks=("bfr",),
                output=str(Path(scratch) / "unused.%04d.exr"),
                faces=FaceChoice(mode="all"),
                colour=job_options.colour_claim(colorspace, ocio, None, ocio_context or (), reference_space),
                model="identity",
                missing=words.one("missing", missing, MISSING_POLICIES),
                plate_layer=layer,
                plate_part=part,
                plate_view=view,
            )
            raise_problems(words.problems)
            found = find_faces(spec)
        write_face_sheet(sheet, found)
        rows = [face.to_json() for face in found.faces]
        output.table(
            "face", rows, ("face", "id", "place", "first_frame", "last_frame", "seen_frames", "side_px")
        )
        output.result("sheet", {"path": str(sheet.absolute())}, f"Sheet: {sheet}")
        for path in write_thumbnails(thumbnails, found) if thumbnails is not None else ():
            output.result("thumbnail", {"path": str(path.absolute())}, f"Thumbnail: {path}")
        if tracks is not None:
            from svfr_restore.crops.crop_file import write_tracks

            write_tracks(tracks, [face.plan.crop for face in found.faces])
            output.result("tracks", {"path": str(tracks.absolute())}, f"Crop tracks: {tracks}")
