"""Whether anybody says what a plate's colours are, asked before its files travel to a server elsewhere."""

from svfr_client.errors import SvfrError
from svfr_client.job import JobSpec


def refuse_unknown_colour(spec: JobSpec) -> None:
    """Raise UnknownColourSpace where neither the job nor the plate names a space, or the config lacks it.

    The server means the same: its built-in configs are those of this installation, and a config file goes
    along. What cannot be opened on this machine, plate or config, is the server's to judge.
    """
    from svfr_ocio.contract import agree
    from svfr_ocio.errors import UnknownColourSpace
    from svfr_restore.media.plate import PictureChoice, open_plate

    claim = spec.colour
    try:
        if claim.space or claim.interop_id:
            agree(claim)
        else:
            choice = PictureChoice(layer=spec.plate_layer, part=spec.plate_part, view=spec.plate_view)
            plate = open_plate(spec.plate, choice)
            agree(claim, plate.colour_hint, plate.colour.words)
    except UnknownColourSpace:
        raise
    except SvfrError:
        return
