"""A restored shot of four frames, made by a real job with the built-in model that adds a patch."""

from pathlib import Path

from job_samples import LINEAR, job, run, write_plate

from svfr_client.job import ColourClaim
from svfr_ocio.config import open_config
from svfr_ocio.domain import ModelDomain
from svfr_restore.media.plate import open_plate
from svfr_view.pictures import Pictures


def restore(
    folder: Path,
    colour: ColourClaim = LINEAR,
    layers: tuple[str, ...] = ("delta", "matte"),
    mask_path: str | None = None,
) -> tuple[str, str]:
    """Return the patterns of the plate and of its restored frames."""
    plate = write_plate(folder / "in", range(1001, 1005))
    (folder / "out").mkdir()
    spec = job(plate, folder / "out", model="probe", colour=colour, layers=layers, mask_path=mask_path)
    run(spec)
    return plate, str(folder / "out" / "out.%04d.exr")


def pictures(plate: str | None, result: str, space: str = "lin_rec709_scene") -> Pictures:
    """Return both sides of a page."""
    domain = ModelDomain.build(open_config(None), space)
    return Pictures(open_plate(result), None if plate is None else open_plate(plate), domain)
