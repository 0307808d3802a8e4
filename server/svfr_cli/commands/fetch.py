"""``svfr fetch``: the frames of a job at a server elsewhere, also of one that another run handed in."""

from dataclasses import replace
from typing import Annotated

import typer

from ..output import speaking
from .options import AsJson, ServerElsewhere


def fetch(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The job, as svfr restore printed it.")],
    server: ServerElsewhere,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help="Where to. Default: as svfr restore was told."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the frames of a job from a server elsewhere, and wait for those that are not restored yet."""
    with speaking(as_json) as output:
        from svfr_client.errors import BadJob
        from svfr_client.protocol.messages import check_job_id
        from svfr_client.transfer.delivery import Delivery

        from ..elsewhere import JobElsewhere, TransferPrinter, place_of
        from ..follow import follow
        from ..job_options import absolute

        place = place_of(server)
        delivery = Delivery.noted(check_job_id(job), place.path_map())
        if out is not None:
            delivery = replace(delivery, output=absolute(out))
        if delivery.output is None:
            text = "Nothing is noted of this job on this machine."
            raise BadJob(text, remedy="Say where its frames should go with --out.")
        with place.client() as client:
            followed = follow(JobElsewhere(client, delivery, TransferPrinter(output)), job, output)
        output.note(f"{followed.frames_written} frames written, the last one to {followed.last_path}")
